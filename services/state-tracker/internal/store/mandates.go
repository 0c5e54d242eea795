package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

// The states of a mandate, as far as its charges tell.
const (
	MandateActive   = "active"   // given here, or charged with success
	MandateUnproven = "unproven" // from elsewhere, and no charge has succeeded yet
	MandateInvalid  = "invalid"  // the provider said so at the last charge that ended
)

// MandateStates lists the states of a mandate.
func MandateStates() []string { return []string{MandateActive, MandateUnproven, MandateInvalid} }

// Mandate is a right to charge again and what came of it. Its JSON is that of the
// query API.
type Mandate struct {
	ID        string           `json:"mandate_id"`
	Provider  payment.Provider `json:"provider"`
	Account   string           `json:"account,omitempty"`
	Payment   payment.ID       `json:"payment_id,omitempty"` // that gave it; empty: it came from elsewhere
	Cycle     payment.Cycle    `json:"cycle,omitempty"`
	State     string           `json:"state"`
	IssuedAt  *time.Time       `json:"issued_at,omitempty"`
	SeenAt    time.Time        `json:"seen_at"` // given, or, from elsewhere, its first charge accepted
	Charges   int64            `json:"charges"` // that took effect
	Refused   int64            `json:"charges_refused"`
	Open      int64            `json:"charges_open"`
	ChargedAt *time.Time       `json:"last_charged_at,omitempty"` // the last that took effect
}

// mandateSQL reads mandates with what came of their charges. That is counted when
// somebody asks: a series has few charges, and a row that each of them changed
// would have all of them wait for each other.
const mandateSQL = `
SELECT m.mandate_id, m.provider, m.account, m.payment_id, m.cycle,
	CASE WHEN c.reason = 'mandate_invalid' THEN 'invalid' WHEN m.payment_id <> '' OR c.succeeded > 0 THEN 'active' ELSE 'unproven' END,
	CASE WHEN m.payment_id <> '' THEN m.at END, m.at, c.succeeded, c.refused, c.asked - c.succeeded - c.refused, c.charged_at
FROM mandates m CROSS JOIN LATERAL (
	SELECT count(*) AS asked, count(*) FILTER (WHERE o.status = 'succeeded') AS succeeded,
		count(*) FILTER (WHERE o.status IN ('declined', 'failed', 'rejected')) AS refused,
		max(o.at) FILTER (WHERE o.status = 'succeeded') AS charged_at,
		(array_agg(o.reason ORDER BY o.at DESC, o.command_id DESC)
			FILTER (WHERE o.status IN ('succeeded', 'declined', 'failed', 'rejected')))[1] AS reason
	FROM operations o WHERE o.merchant = m.merchant AND o.mandate = m.mandate_id AND o.mandate <> '' AND o.provider = m.provider) c
WHERE m.merchant = $1`

func scanMandate(row pgx.CollectableRow) (Mandate, error) {
	var m Mandate
	err := row.Scan(&m.ID, &m.Provider, &m.Account, &m.Payment, &m.Cycle, &m.State, &m.IssuedAt, &m.SeenAt,
		&m.Charges, &m.Refused, &m.Open, &m.ChargedAt)
	m.SeenAt = m.SeenAt.UTC()
	for _, at := range []*time.Time{m.IssuedAt, m.ChargedAt} {
		if at != nil {
			*at = at.UTC()
		}
	}
	return m, err
}

// Mandate returns a mandate, or ErrNotFound.
func (s *Store) Mandate(ctx context.Context, m payment.Merchant, id string) (Mandate, error) {
	rows, err := s.db.Query(ctx, mandateSQL+" AND m.mandate_id = $2", string(m), id)
	if err != nil {
		return Mandate{}, fmt.Errorf("read mandate: %w", err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, scanMandate)
	if errors.Is(err, pgx.ErrNoRows) {
		return Mandate{}, fmt.Errorf("%w: mandate", ErrNotFound)
	}
	if err != nil {
		return Mandate{}, fmt.Errorf("read mandate: %w", err)
	}
	return out, nil
}

// MandateFilter chooses mandates of a merchant. Zero fields choose all.
type MandateFilter struct {
	Provider string
	Payment  string // that gave it
	After    MandatePosition
	Limit    int
}

// MandatePosition is a place in the list of mandates.
type MandatePosition struct {
	At time.Time
	ID string
}

// Mandates returns a page of a merchant's mandates, newest first, and whether there
// are more.
func (s *Store) Mandates(ctx context.Context, m payment.Merchant, f MandateFilter) (page []Mandate, more bool, err error) {
	q := f.query(m)
	rows, err := s.db.Query(ctx, q.sql.String(), q.args...)
	if err != nil {
		return nil, false, fmt.Errorf("list mandates: %w", err)
	}
	page, err = pgx.CollectRows(rows, scanMandate)
	if err != nil {
		return nil, false, fmt.Errorf("list mandates: %w", err)
	}
	if len(page) > f.Limit {
		return page[:f.Limit], true, nil
	}
	return page, false, nil
}

func (f MandateFilter) query(m payment.Merchant) *query {
	q := &query{args: []any{string(m)}}
	q.sql.WriteString(mandateSQL)
	if f.Provider != "" {
		q.where("m.provider = ?", f.Provider)
	}
	if f.Payment != "" {
		q.where("m.payment_id = ?", f.Payment)
	}
	if !f.After.At.IsZero() {
		q.where("(m.at, m.mandate_id) < (?, ?)", f.After.At, f.After.ID)
	}
	fmt.Fprintf(&q.sql, " ORDER BY m.at DESC, m.mandate_id DESC LIMIT %d", f.Limit+1)
	return q
}
