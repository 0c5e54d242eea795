package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

// StatsFilter chooses the payments that are counted, and what they are told apart
// by. From and To are required.
type StatsFilter struct {
	From, To time.Time // created at From or later and before To
	Provider string
	Currency string
	Groups   []string // some of Groups
	Limit    int      // most rows
}

// The groups of statistics.
const (
	ByProvider = "provider"
	ByCurrency = "currency"
	ByDay      = "day"
	ByKind     = "kind"
)

// Groups lists what statistics can be told apart by, in the order of their rows.
func Groups() []string { return []string{ByDay, ByProvider, ByCurrency, ByKind} }

// Stats are the payments of one group, counted by what became of them so far.
// Whole numbers are exact however large they are. Its JSON is that of the query
// API.
type Stats struct {
	Day      *string `json:"day,omitempty"` // UTC, 2006-01-02; nil, as the next, when it is no group
	Provider *string `json:"provider,omitempty"`
	Currency *string `json:"currency,omitempty"`
	Kind     *string `json:"kind,omitempty"`

	Payments int64 `json:"payments"`
	Approved int64 `json:"approved"`
	Declined int64 `json:"declined"`
	Failed   int64 `json:"failed"`
	Expired  int64 `json:"expired"`
	Rejected int64 `json:"rejected"`
	Open     int64 `json:"open"`

	Authorized json.Number `json:"authorized"` // minor units, as are the next; of payments
	Captured   json.Number `json:"captured"`
	Refunded   json.Number `json:"refunded"`
	PaidOut    json.Number `json:"paid_out"` // of payouts

	ApprovalRate *json.Number `json:"approval_rate,omitempty"` // nil: nothing was decided
	DeclineRate  *json.Number `json:"decline_rate,omitempty"`
}

// outcomes names the states in which a payment counts as what: as long as the
// provider once said yes it is approved, whatever followed. The other states are open.
var outcomes = map[string][]payment.State{
	"approved": {
		payment.StateAuthorized, payment.StatePartiallyCaptured, payment.StateCaptured, payment.StatePartiallyRefunded,
		payment.StateRefunded, payment.StateCancelled, payment.StateAgreed, payment.StatePaid, payment.StateReversed,
	},
	"declined": {payment.StateDeclined},
	"failed":   {payment.StateFailed},
	"expired":  {payment.StateExpired},
	"rejected": {payment.StateRejected},
}

// statsSQL counts and adds up. GROUPED are the payments' groups. Rates have four
// decimals, half rounded up.
const statsSQL = `
WITH chosen AS (SELECT p.*, (p.created_at AT TIME ZONE 'UTC')::date AS day FROM payments p WHERE p.merchant = $1 CONDITIONS),
counted AS (
	SELECT COLUMNS, count(*) AS payments,
		count(*) FILTER (WHERE state = ANY ($2)) AS approved, count(*) FILTER (WHERE state = ANY ($3)) AS declined,
		count(*) FILTER (WHERE state = ANY ($4)) AS failed, count(*) FILTER (WHERE state = ANY ($5)) AS expired,
		count(*) FILTER (WHERE state = ANY ($6)) AS rejected,
		coalesce(sum(authorized) FILTER (WHERE kind <> 'payout'), 0) AS authorized,
		coalesce(sum(captured) FILTER (WHERE kind <> 'payout'), 0) AS captured,
		coalesce(sum(refunded) FILTER (WHERE kind <> 'payout'), 0) AS refunded,
		coalesce(sum(captured) FILTER (WHERE kind = 'payout'), 0) AS paid_out
	FROM chosen GROUP BY GROUPED)
SELECT to_char(day, 'YYYY-MM-DD'), provider, currency, kind, payments, approved, declined, failed, expired, rejected,
	payments - approved - declined - failed - expired - rejected,
	authorized::text, captured::text, refunded::text, paid_out::text,
	round(approved::numeric / nullif(approved + declined + failed, 0), 4)::text,
	round(declined::numeric / nullif(approved + declined + failed, 0), 4)::text
FROM counted LIMIT LIMITED`

func (f StatsFilter) query(m payment.Merchant) *query {
	q := &query{args: []any{string(m)}}
	for _, name := range []string{"approved", "declined", "failed", "expired", "rejected"} {
		q.args = append(q.args, outcomes[name])
	}
	Filter{From: f.From, To: f.To, Provider: f.Provider, Currency: f.Currency}.conditions(q)
	conditions := q.sql.String()
	q.sql.Reset()
	columns, groups := f.columns()
	_, _ = strings.NewReplacer("CONDITIONS", conditions, "COLUMNS", columns, "GROUPED", groups, "LIMITED", fmt.Sprint(f.Limit+1)).
		WriteString(&q.sql, statsSQL) // a Builder takes everything
	return q
}

// none stands for each group that is not asked for.
var none = map[string]string{ByDay: "NULL::date", ByProvider: "NULL", ByCurrency: "NULL", ByKind: "NULL"}

// columns returns the groups as they are selected and as they are grouped by.
func (f StatsFilter) columns() (selected, grouped string) {
	var columns []string
	groups := []string{"()"}
	for _, g := range Groups() {
		if !slices.Contains(f.Groups, g) {
			columns = append(columns, none[g]+" AS "+g)
			continue
		}
		columns, groups = append(columns, g), append(groups, g)
	}
	if len(groups) > 1 {
		groups = groups[1:]
	}
	return strings.Join(columns, ", "), strings.Join(groups, ", ")
}

// Stats returns the groups that have payments, in the order of Groups; none of them
// when there are more than f's limit.
func (s *Store) Stats(ctx context.Context, m payment.Merchant, f StatsFilter) (all []Stats, more bool, err error) {
	q := f.query(m)
	err = pgx.BeginTxFunc(ctx, s.db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// The planner believes that there are as many days as times of creation and
		// would sort all payments, on disk. There are few groups, and few fit a hash.
		if _, err := tx.Exec(ctx, "SET LOCAL enable_sort = off"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, q.sql.String(), q.args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Stats])
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("statistics: %w", err)
	}
	if len(all) > f.Limit {
		return nil, true, nil
	}
	slices.SortFunc(all, compareStats)
	return all, false, nil
}

// compareStats compares groups of one answer: both have the same ones.
func compareStats(a, b Stats) int {
	return cmp.Or(compareGroup(a.Day, b.Day), compareGroup(a.Provider, b.Provider), compareGroup(a.Currency, b.Currency), compareGroup(a.Kind, b.Kind))
}

func compareGroup(a, b *string) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Compare(*a, *b)
}
