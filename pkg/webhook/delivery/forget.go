package delivery

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/webhook"
)

// Forget takes a buyer out of the messages about a payment that are kept, and returns
// how many held one. What is kept sealed needs no such thing.
func Forget(ctx context.Context, pool *pgxpool.Pool, m payment.Merchant, id payment.ID) (int, error) {
	changed := 0
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT endpoint, message_id, body FROM webhook_deliveries
			WHERE merchant = $1 AND payment_id = $2 AND body <> '' FOR UPDATE`, string(m), string(id))
		if err != nil {
			return err
		}
		type kept struct {
			Endpoint, Message string
			Body              []byte
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[kept])
		if err != nil {
			return err
		}
		for _, k := range all {
			body, err := webhook.WithBuyer(k.Body, nil)
			if err != nil || len(body) == len(k.Body) {
				continue // it holds none, or is not ours to read
			}
			changed++
			_, err = tx.Exec(ctx, "UPDATE webhook_deliveries SET body = $4 WHERE merchant = $1 AND endpoint = $2 AND message_id = $3",
				string(m), k.Endpoint, k.Message, body)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget a buyer: %w", err)
	}
	return changed, nil
}
