package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/payment"
)

// Endpoint is how an endpoint fares. It has an entry once there was a message for
// it.
type Endpoint struct {
	Merchant   payment.Merchant `json:"merchant"`
	Endpoint   string           `json:"endpoint"`
	Pending    int64            `json:"pending"`
	Expired    int64            `json:"expired"` // given up, and not purged yet
	Oldest     *time.Time       `json:"oldest_pending,omitempty"`
	HoldUntil  *time.Time       `json:"hold_until,omitempty"`  // it asked for a pause
	DisabledAt *time.Time       `json:"disabled_at,omitempty"` // it answered 410
}

// Endpoints lists how all endpoints fare, by merchant and id.
func Endpoints(ctx context.Context, pool *pgxpool.Pool) ([]Endpoint, error) {
	found, err := pool.Query(ctx, `
		SELECT merchant, endpoint, coalesce(d.pending, 0), coalesce(d.expired, 0), d.oldest, k.hold_until, k.disabled_at
		FROM (SELECT merchant, endpoint, count(*) FILTER (WHERE state = 'pending') AS pending,
				count(*) FILTER (WHERE state = 'expired') AS expired, min(created_at) FILTER (WHERE state = 'pending') AS oldest
			FROM webhook_deliveries GROUP BY merchant, endpoint) d
		FULL JOIN webhook_endpoints k USING (merchant, endpoint)
		ORDER BY merchant, endpoint`)
	if err != nil {
		return nil, fmt.Errorf("endpoints: %w", err)
	}
	list, err := pgx.CollectRows(found, pgx.RowToStructByPos[Endpoint])
	if err != nil {
		return nil, fmt.Errorf("endpoints: %w", err)
	}
	return list, nil
}

// ErrNotHeld means that an endpoint is neither disabled nor on hold, and has no
// message to send again.
var ErrNotHeld = errors.New("delivery: nothing to resume")

// Resume lets messages go to an endpoint again that was disabled or asked for a
// pause, and puts those back in line that were given up at since or later; a zero
// since leaves them. It returns how many those are. Senders notice within a
// minute. The error wraps ErrNotHeld when there was nothing to do.
func Resume(ctx context.Context, pool *pgxpool.Pool, k Key, since time.Time) (again int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE webhook_endpoints SET disabled_at = NULL, hold_until = NULL
			WHERE merchant = $1 AND endpoint = $2 AND (disabled_at IS NOT NULL OR hold_until IS NOT NULL)`, string(k.Merchant), k.Endpoint)
		if err != nil {
			return err
		}
		held := tag.RowsAffected() > 0
		if !since.IsZero() {
			if again, err = revive(ctx, tx, k, since); err != nil {
				return err
			}
		}
		if !held && again == 0 {
			return fmt.Errorf("%w: %s of %s", ErrNotHeld, k.Endpoint, k.Merchant)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	return again, nil
}

func revive(ctx context.Context, tx pgx.Tx, k Key, since time.Time) (int64, error) {
	tag, err := tx.Exec(ctx, `UPDATE webhook_deliveries
		SET state = 'pending', attempts = 0, done_at = NULL, due_at = now(), expires_at = now() + $4::interval
		WHERE merchant = $1 AND endpoint = $2 AND state = 'expired' AND done_at >= $3`, string(k.Merchant), k.Endpoint, since, Horizon)
	return tag.RowsAffected(), err
}

// Delivery is one message to one endpoint.
type Delivery struct {
	Endpoint   string     `json:"endpoint"`
	MessageID  string     `json:"message_id"` // the header webhook-id
	Type       string     `json:"type"`
	Payment    payment.ID `json:"payment_id"`
	Version    int64      `json:"version"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	DueAt      time.Time  `json:"due_at"`
	EventAt    time.Time  `json:"event_at"`
	DoneAt     *time.Time `json:"done_at,omitempty"`
	LastAt     *time.Time `json:"last_at,omitempty"`
	LastStatus int        `json:"last_status,omitempty"`
	LastError  string     `json:"last_error,omitempty"`
}

// Of lists the messages about a payment, in the order of its events.
func Of(ctx context.Context, pool *pgxpool.Pool, m payment.Merchant, id payment.ID) ([]Delivery, error) {
	found, err := pool.Query(ctx, `SELECT endpoint, message_id, type, payment_id, version, state, attempts, due_at, event_at,
			done_at, last_at, last_status, last_error
		FROM webhook_deliveries WHERE merchant = $1 AND payment_id = $2 ORDER BY version, endpoint`, string(m), string(id))
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	list, err := pgx.CollectRows(found, pgx.RowToStructByPos[Delivery])
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	return list, nil
}
