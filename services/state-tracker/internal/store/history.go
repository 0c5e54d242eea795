package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
)

// Event is a row of events. Its JSON is that of the query API.
type Event struct {
	Version   uint64            `json:"version"`
	Type      string            `json:"type"`
	CommandID payment.CommandID `json:"command_id,omitempty"`
	Source    string            `json:"source"`
	At        time.Time         `json:"at"`
	Data      json.RawMessage   `json:"data"` // in the JSON of proto/payloom/v1
	Personal  Personal          `json:"personal_data,omitempty"`

	body []byte
}

// Events returns a page of a payment's events that follow a version, in order,
// and whether there are more. A payment without events has an empty page; one
// that does not exist is ErrNotFound.
func (s *Store) Events(ctx context.Context, m payment.Merchant, id payment.ID, after uint64, limit int) (page []Event, more bool, err error) {
	rows, err := s.db.Query(ctx, `SELECT version, type, command_id, source, at, body FROM events
		WHERE merchant = $1 AND payment_id = $2 AND version > $3 ORDER BY version LIMIT $4`,
		string(m), string(id), int64(after), limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("read events: %w", err)
	}
	page, err = pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return nil, false, fmt.Errorf("read events: %w", err)
	}
	if len(page) == 0 {
		return nil, false, s.exists(ctx, m, id)
	}
	if len(page) > limit {
		page, more = page[:limit], true
	}
	for i := range page {
		if err := s.openEvent(ctx, &page[i], m, id); err != nil {
			return nil, false, fmt.Errorf("read events: %w", err)
		}
	}
	return page, more, nil
}

func scanEvent(row pgx.CollectableRow) (Event, error) {
	var e Event
	err := row.Scan(&e.Version, &e.Type, &e.CommandID, &e.Source, &e.At, &e.body)
	e.At = e.At.UTC()
	return e, err
}

func (s *Store) exists(ctx context.Context, m payment.Merchant, id payment.ID) error {
	var there bool
	err := s.db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM payments WHERE merchant = $1 AND payment_id = $2)", string(m), string(id)).Scan(&there)
	if err != nil {
		return fmt.Errorf("read payment: %w", err)
	}
	if !there {
		return fmt.Errorf("%w: payment", ErrNotFound)
	}
	return nil
}

// Command is an accepted command and what became of it. Its JSON is that of the
// query API.
type Command struct {
	ID         payment.CommandID `json:"command_id"`
	ReqID      payment.ReqID     `json:"req_id"`
	Payment    payment.ID        `json:"payment_id"`
	Provider   payment.Provider  `json:"provider"`
	Account    string            `json:"account,omitempty"`
	Kind       payment.Kind      `json:"kind"`
	Status     string            `json:"status"`
	Done       bool              `json:"done"` // nothing more happens by itself
	Amount     *Money            `json:"amount,omitempty"`
	Effect     int64             `json:"effect"`
	Reason     string            `json:"reason,omitempty"`
	Code       string            `json:"code,omitempty"`
	Attempts   int               `json:"attempts"`
	Reference  string            `json:"reference,omitempty"`
	OwnRef     string            `json:"merchant_reference,omitempty"`
	AcceptedAt time.Time         `json:"accepted_at"`
	At         time.Time         `json:"at"`
}

const commandSQL = `
SELECT c.command_id, c.req_id, c.payment_id, c.provider, c.account, c.kind, o.status, o.currency, o.amount, o.effect,
	o.reason, o.code, o.attempts, o.ref, o.own_ref, c.accepted_at, o.at
FROM commands c JOIN operations o USING (merchant, payment_id, command_id)
WHERE c.merchant = $1 AND c.command_id = $2
ORDER BY c.accepted_at LIMIT 1`

// Command returns a command, or ErrNotFound.
func (s *Store) Command(ctx context.Context, m payment.Merchant, id payment.CommandID) (Command, error) {
	var c Command
	var amount Money
	err := s.db.QueryRow(ctx, commandSQL, string(m), string(id)).Scan(
		&c.ID, &c.ReqID, &c.Payment, &c.Provider, &c.Account, &c.Kind, &c.Status, &amount.Currency, &amount.Value, &c.Effect,
		&c.Reason, &c.Code, &c.Attempts, &c.Reference, &c.OwnRef, &c.AcceptedAt, &c.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return Command{}, fmt.Errorf("%w: command", ErrNotFound)
	}
	if err != nil {
		return Command{}, fmt.Errorf("read command: %w", err)
	}
	c.Amount, c.Done = amount.orNone(), c.Status == projection.StatusDead || payment.OpStatus(c.Status).Terminal()
	c.AcceptedAt, c.At = c.AcceptedAt.UTC(), c.At.UTC()
	return c, nil
}
