package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

const (
	// exportPage is how many payments an Export holds at once.
	exportPage = 1000
	// exportPageTime is how long the database may take for a page.
	exportPageTime = 30 * time.Second
)

// Exported is a payment as it is exported: what became of it, and how the
// operation that opened it ended. Nothing in it is about the buyer.
type Exported struct {
	ID         payment.ID
	Kind       payment.Kind // of the opening operation; empty: none was begun
	Provider   payment.Provider
	Account    string
	State      string
	Settled    bool
	Currency   payment.Currency
	Amount     int64 // minor units, as are the next three
	Authorized int64
	Captured   int64
	Refunded   int64
	Capture    string // capture mode
	Reason     string // in Payloom's words
	Code       string // the provider's
	Ref        string // the provider's
	OwnRef     string // the merchant's
	Attention  bool
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Export reads many payments, oldest first, as they were at one moment. It holds
// one page of them and one connection; whoever got it closes it. It is for one
// goroutine.
type Export struct {
	tx   pgx.Tx
	page []Exported
	last bool
}

// exportSQL reads through a cursor. Its plan is bound to the tables as they were
// when it was opened: should a rebuild take their place meanwhile, the export goes
// on in the former rows, where a statement for each page would find none.
const exportSQL = `DECLARE export NO SCROLL CURSOR FOR
SELECT p.payment_id, p.kind, p.provider, p.account, p.state, p.settled, p.currency, p.amount, p.authorized, p.captured, p.refunded,
	p.capture_mode, coalesce(o.reason, ''), coalesce(o.code, ''), coalesce(o.ref, ''), coalesce(o.own_ref, ''),
	p.attention, p.created_at, p.updated_at
FROM payments p
LEFT JOIN operations o ON o.merchant = p.merchant AND o.payment_id = p.payment_id AND o.command_id = p.opened_by
WHERE p.merchant = $1`

// Export begins an export of the payments that f chooses; f's page does not
// matter. ctx is that of the whole export.
func (s *Store) Export(ctx context.Context, m payment.Merchant, f Filter) (*Export, error) {
	tx, err := s.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("begin export: %w", err)
	}
	e := &Export{tx: tx, page: make([]Exported, 0, exportPage)}
	if err := e.open(ctx, m, f); err != nil {
		e.Close(ctx)
		return nil, fmt.Errorf("begin export: %w", err)
	}
	return e, nil
}

func (e *Export) open(ctx context.Context, m payment.Merchant, f Filter) error {
	for _, sql := range []string{
		// It is for each page, not for the whole.
		fmt.Sprintf("SET LOCAL statement_timeout = %d", exportPageTime.Milliseconds()),
		// The rows come in the order of an index, never out of a sort of all of them.
		"SET LOCAL cursor_tuple_fraction = 0.000001",
	} {
		if _, err := e.tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	q := &query{args: []any{string(m)}}
	q.sql.WriteString(exportSQL)
	f.conditions(q)
	q.sql.WriteString(" ORDER BY p.created_at, p.payment_id")
	_, err := e.tx.Exec(ctx, q.sql.String(), q.args...)
	return err
}

// Next returns the next page, none after the last. The page is valid until the
// next call.
func (e *Export) Next(ctx context.Context) ([]Exported, error) {
	if e.last {
		return nil, nil
	}
	// Should the connection be dead, the statement's own time never ends.
	ctx, cancel := context.WithTimeout(ctx, exportPageTime+5*time.Second)
	defer cancel()
	// Without a prepared statement: the next export's cursor is another.
	rows, err := e.tx.Query(ctx, fmt.Sprintf("FETCH %d FROM export", exportPage), pgx.QueryExecModeDescribeExec)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	e.page, err = pgx.AppendRows(e.page[:0], rows, scanExported)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	e.last = len(e.page) < exportPage
	return e.page, nil
}

func scanExported(row pgx.CollectableRow) (Exported, error) {
	var p Exported
	err := row.Scan(&p.ID, &p.Kind, &p.Provider, &p.Account, &p.State, &p.Settled, &p.Currency, &p.Amount, &p.Authorized, &p.Captured,
		&p.Refunded, &p.Capture, &p.Reason, &p.Code, &p.Ref, &p.OwnRef, &p.Attention, &p.CreatedAt, &p.UpdatedAt)
	p.CreatedAt, p.UpdatedAt = p.CreatedAt.UTC(), p.UpdatedAt.UTC()
	return p, err
}

// closeTime is how long the end of a snapshot may take.
const closeTime = 5 * time.Second

// Close gives the connection back.
func (e *Export) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if err := e.tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		// The connection is broken, and the snapshot gone with it.
		_ = e.tx.Conn().Close(ctx)
	}
}
