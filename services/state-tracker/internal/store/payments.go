package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
)

// Payment is a row of payments with what belongs to it. Its JSON is that of the
// query API.
type Payment struct {
	ID         payment.ID          `json:"payment_id"`
	Merchant   payment.Merchant    `json:"merchant"`
	Provider   payment.Provider    `json:"provider"`
	Account    string              `json:"account,omitempty"`
	State      string              `json:"state"`
	Settled    bool                `json:"settled"`
	Version    uint64              `json:"version"`
	Amount     *Money              `json:"amount,omitempty"`
	Authorized int64               `json:"authorized"`
	Captured   int64               `json:"captured"`
	Refunded   int64               `json:"refunded"`
	Capturable int64               `json:"capturable"`
	Refundable int64               `json:"refundable"`
	Capture    string              `json:"capture,omitempty"`
	Action     *projection.Action  `json:"action,omitempty"`
	Buyer      *projection.Buyer   `json:"buyer,omitempty"`
	Personal   Personal            `json:"personal_data,omitempty"`
	Mandate    *projection.Mandate `json:"mandate,omitempty"`
	Refs       map[string]string   `json:"refs,omitempty"`
	Operations []Operation         `json:"operations,omitempty"`
	Attention  bool                `json:"attention"`
	Frozen     string              `json:"frozen,omitempty"`
	CreatedAt  time.Time           `json:"created_at"`
	UpdatedAt  time.Time           `json:"updated_at"`
}

// Money is an amount in minor units.
type Money struct {
	Value    int64  `json:"value"`
	Currency string `json:"currency"`
}

// Operation is a row of operations.
type Operation struct {
	CommandID  payment.CommandID `json:"command_id"`
	Kind       payment.Kind      `json:"kind"`
	Status     string            `json:"status"`
	Amount     *Money            `json:"amount,omitempty"` // as asked
	Effect     int64             `json:"effect"`
	Reason     string            `json:"reason,omitempty"`
	Code       string            `json:"code,omitempty"`
	Attempts   int               `json:"attempts"`
	Reference  string            `json:"reference,omitempty"`          // the provider's
	OwnRef     string            `json:"merchant_reference,omitempty"` // the merchant's
	At         time.Time         `json:"at"`
	AcceptedAt *time.Time        `json:"accepted_at,omitempty"`
}

// columns are those of a Payment, without its operations. What could not be
// projected freezes a payment as much as what the events say.
const columns = `p.payment_id, p.merchant, p.provider, p.account, p.state, p.settled, p.version, p.currency, p.amount,
	p.authorized, p.captured, p.refunded, p.capturable, p.refundable, p.capture_mode, p.mandate, p.refs,
	p.attention, CASE WHEN p.frozen = '' THEN p.quarantined ELSE p.frozen END, p.created_at, p.updated_at`

func (p *Payment) targets(amount *Money) []any {
	return []any{
		&p.ID, &p.Merchant, &p.Provider, &p.Account, &p.State, &p.Settled, &p.Version, &amount.Currency, &amount.Value,
		&p.Authorized, &p.Captured, &p.Refunded, &p.Capturable, &p.Refundable, &p.Capture, &p.Mandate, &p.Refs,
		&p.Attention, &p.Frozen, &p.CreatedAt, &p.UpdatedAt,
	}
}

// complete puts in what was read beside the columns.
func (p *Payment) complete(amount Money) {
	p.Amount = amount.orNone()
	p.CreatedAt, p.UpdatedAt = p.CreatedAt.UTC(), p.UpdatedAt.UTC()
}

func (m Money) orNone() *Money {
	if m.Currency == "" {
		return nil
	}
	return &m
}

// paymentSQL reads a payment and its operations in one statement, so that both
// are of one moment. What only asked the provider is left out.
const paymentSQL = `SELECT ` + columns + `, p.action, p.buyer, p.personal, coalesce((
	SELECT jsonb_agg(jsonb_build_object(
		'command_id', o.command_id, 'kind', o.kind, 'status', o.status,
		'amount', CASE WHEN o.currency <> '' THEN jsonb_build_object('value', o.amount, 'currency', o.currency) END,
		'effect', o.effect, 'reason', o.reason, 'code', o.code, 'attempts', o.attempts, 'reference', o.ref,
		'merchant_reference', o.own_ref, 'at', o.at, 'accepted_at', o.accepted_at)
		ORDER BY coalesce(o.accepted_at, o.at), o.command_id)
	FROM operations o WHERE o.merchant = p.merchant AND o.payment_id = p.payment_id AND o.kind <> 'sync'), '[]')
FROM payments p WHERE p.merchant = $1 AND p.payment_id = $2`

// Payment returns a payment with its operations, or ErrNotFound.
func (s *Store) Payment(ctx context.Context, m payment.Merchant, id payment.ID) (Payment, error) {
	var p Payment
	var amount Money
	var sealed, operations []byte
	targets := append(p.targets(&amount), &p.Action, &p.Buyer, &sealed, &operations)
	err := s.db.QueryRow(ctx, paymentSQL, string(m), string(id)).Scan(targets...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Payment{}, fmt.Errorf("%w: payment", ErrNotFound)
	}
	if err != nil {
		return Payment{}, fmt.Errorf("read payment: %w", err)
	}
	p.complete(amount)
	if err := json.Unmarshal(operations, &p.Operations); err != nil {
		return Payment{}, fmt.Errorf("read operations: %w", err)
	}
	s.open(ctx, &p, sealed)
	return p, nil
}

// Filter chooses payments of a merchant. Zero fields choose all.
type Filter struct {
	State    string
	Kind     string // of what began the payment
	Provider string
	Currency string
	Query    string // the beginning of a payment id, or a provider's reference
	From, To time.Time
	After    Position // the page begins after it
	Limit    int
}

// Position is a place in the list of payments.
type Position struct {
	CreatedAt time.Time
	ID        payment.ID
}

// Payments returns a page of a merchant's payments, newest first, without
// operations and personal data, and whether there are more.
func (s *Store) Payments(ctx context.Context, m payment.Merchant, f Filter) (page []Payment, more bool, err error) {
	q := f.query(m)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	if err != nil {
		return nil, false, fmt.Errorf("list payments: %w", err)
	}
	page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Payment, error) {
		var p Payment
		var amount Money
		err := row.Scan(p.targets(&amount)...)
		p.complete(amount)
		return p, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list payments: %w", err)
	}
	if len(page) > f.Limit {
		return page[:f.Limit], true, nil
	}
	return page, false, nil
}

// query is a statement that is put together from conditions, so that each kind of
// list has a plan of its own.
type query struct {
	sql  strings.Builder
	args []any
}

// where appends a condition; each ? stands for the next of args.
func (q *query) where(condition string, args ...any) {
	for _, a := range args {
		q.args = append(q.args, a)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(q.args)), 1)
	}
	q.sql.WriteString(" AND " + condition)
}

func (f Filter) query(m payment.Merchant) *query {
	q := &query{args: []any{string(m)}}
	q.sql.WriteString("SELECT " + columns + " FROM payments p WHERE p.merchant = $1")
	f.conditions(q)
	if !f.After.CreatedAt.IsZero() {
		q.where("(p.created_at, p.payment_id) < (?, ?)", f.After.CreatedAt, string(f.After.ID))
	}
	fmt.Fprintf(&q.sql, " ORDER BY p.created_at DESC, p.payment_id DESC LIMIT %d", f.Limit+1)
	return q
}

// conditions appends what chooses payments; the merchant is $1 already.
func (f Filter) conditions(q *query) {
	if f.State != "" {
		q.where("p.state = ?", f.State)
	}
	if f.Kind != "" {
		q.where("p.kind = ?", f.Kind)
	}
	if f.Provider != "" {
		q.where("p.provider = ?", f.Provider)
	}
	if f.Currency != "" {
		q.where("p.currency = ?", f.Currency)
	}
	if f.Query != "" {
		q.where(`(p.payment_id LIKE ? OR p.payment_id = ANY (ARRAY(SELECT payment_id FROM refs WHERE merchant = $1 AND value = ?)))`,
			prefix(f.Query), f.Query)
	}
	if !f.From.IsZero() {
		q.where("p.created_at >= ?", f.From)
	}
	if !f.To.IsZero() {
		q.where("p.created_at < ?", f.To)
	}
}

// prefix returns the LIKE pattern of what begins with s.
func prefix(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
