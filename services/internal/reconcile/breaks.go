package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/payment"
)

// Break is a row of reconcile_breaks. Its JSON is that of the query API. Sums are
// minor units of Currency.
type Break struct {
	ID       string              `json:"break_id"`
	Merchant payment.Merchant    `json:"merchant"`
	Payment  payment.ID          `json:"payment_id"`
	Provider payment.Provider    `json:"provider"`
	Account  string              `json:"account,omitempty"`
	Kind     payment.BreakKind   `json:"kind"`
	Figure   payment.Figure      `json:"figure"`
	Status   payment.BreakStatus `json:"status"`
	Currency payment.Currency    `json:"currency"`
	Here     int64               `json:"here"`
	There    int64               `json:"there"`
	Ours     string              `json:"ours,omitempty"`
	Theirs   string              `json:"theirs,omitempty"`
	Ref      string              `json:"provider_reference,omitempty"`
	FoundAt  time.Time           `json:"found_at"`
	At       time.Time           `json:"updated_at"`
	Reason   string              `json:"reason,omitempty"`
	Actor    string              `json:"actor,omitempty"`
}

// Filter chooses breaks. Zero fields choose all.
type Filter struct {
	ID       string
	Merchant payment.Merchant
	Payment  payment.ID
	Provider payment.Provider
	Kind     payment.BreakKind
	Status   payment.BreakStatus
	Since    time.Time // found or changed then or later
	After    Position
	Limit    int // 0: all
}

// Position is a place in the list of breaks.
type Position struct {
	At time.Time
	ID string
}

const breakSQL = `SELECT break_id, merchant, payment_id, provider, account, kind, figure, status, currency, here, there,
	ours, theirs, ref, found_at, at, reason, actor FROM reconcile_breaks`

// Breaks returns the breaks that f chooses, those that were found last first.
func Breaks(ctx context.Context, db *pgxpool.Pool, f Filter) ([]Break, error) {
	where, args := f.conditions()
	sql := breakSQL + where + " ORDER BY found_at DESC, break_id DESC"
	if f.Limit > 0 {
		sql += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list breaks: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Break])
	if err != nil {
		return nil, fmt.Errorf("list breaks: %w", err)
	}
	for i := range list {
		list[i].FoundAt, list[i].At = list[i].FoundAt.UTC(), list[i].At.UTC()
	}
	return list, nil
}

func (f Filter) conditions() (string, []any) {
	var all []string
	var args []any
	add := func(given bool, sql string, values ...any) {
		if !given {
			return
		}
		for _, v := range values {
			args = append(args, v)
			sql = strings.Replace(sql, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		all = append(all, sql)
	}
	add(f.ID != "", "break_id = ?", f.ID)
	add(f.Merchant != "", "merchant = ?", string(f.Merchant))
	add(f.Payment != "", "payment_id = ?", string(f.Payment))
	add(f.Provider != "", "provider = ?", string(f.Provider))
	add(f.Kind != "", "kind = ?", string(f.Kind))
	add(f.Status != "", "status = ?", string(f.Status))
	add(!f.Since.IsZero(), "at >= ?", f.Since)
	add(!f.After.At.IsZero(), "(found_at, break_id) < (?, ?)", f.After.At, f.After.ID)
	if len(all) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(all, " AND "), args
}

// ErrNoBreak means that there is no such break.
var ErrNoBreak = errors.New("reconcile: no such break")

// BreakOf returns the break with that id.
func BreakOf(ctx context.Context, db *pgxpool.Pool, id string) (Break, error) {
	list, err := Breaks(ctx, db, Filter{ID: id, Limit: 1})
	switch {
	case err != nil:
		return Break{}, err
	case len(list) == 0:
		return Break{}, fmt.Errorf("%w: %s", ErrNoBreak, id)
	}
	return list[0], nil
}
