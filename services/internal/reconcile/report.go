package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/payment"
)

// Line counts the payments of one account in one currency, by what their last
// comparison gave. Each payment counts once, but in Kinds.
type Line struct {
	Provider    payment.Provider `json:"provider"`
	Account     string           `json:"account"`
	Currency    payment.Currency `json:"currency"`
	Payments    int64            `json:"payments"`
	Agree       int64            `json:"agree"`
	Differ      int64            `json:"differ"`
	Open        int64            `json:"open"`        // something is under way: not comparable yet
	Waiting     int64            `json:"waiting"`     // not compared since they changed
	Unreachable int64            `json:"unreachable"` // the provider's books could not be read
}

// Compared is how many payments a comparison came about for.
func (l Line) Compared() int64 { return l.Agree + l.Differ }

// Report is what comparisons gave of the payments that had a command since a time, and
// every open break whatever its age.
type Report struct {
	Since   time.Time  `json:"since"`
	LastRun *time.Time `json:"last_run,omitempty"` // when the last run ended
	Lines   []Line     `json:"lines"`
	Breaks  []Break    `json:"breaks"`
}

// reportSQL puts each payment into one class.
const reportSQL = `
WITH looked AS (SELECT DISTINCT merchant, payment_id FROM commands WHERE accepted_at >= $1 AND kind <> 'sync'),
classed AS (
	SELECT p.provider, p.account, p.currency, CASE
		WHEN EXISTS (SELECT FROM reconcile_breaks b WHERE b.merchant = p.merchant AND b.payment_id = p.payment_id AND b.status = 'open') THEN 'differ'
		WHEN a.open THEN 'open'
		WHEN a.asked IS NULL OR a.asked < a.changed OR a.running THEN 'waiting'
		WHEN a.status = 'succeeded' THEN 'agree'
		ELSE 'unreachable' END AS class
	FROM looked JOIN payments p USING (merchant, payment_id) CROSS JOIN LATERAL (` + askedSQL + `) a
	WHERE p.state NOT IN ('accepted', 'new', 'rejected', 'agreed')
		AND ($2 = '' OR p.provider = $2) AND ($3 = '' OR p.merchant = $3)
)
SELECT provider, account, currency, count(*), count(*) FILTER (WHERE class = 'agree'), count(*) FILTER (WHERE class = 'differ'),
	count(*) FILTER (WHERE class = 'open'), count(*) FILTER (WHERE class = 'waiting'), count(*) FILTER (WHERE class = 'unreachable')
FROM classed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`

// Make reports on payments since a time, of one provider and merchant or of all.
func Make(ctx context.Context, db *pgxpool.Pool, since time.Time, p payment.Provider, m payment.Merchant) (Report, error) {
	r := Report{Since: since.UTC()}
	rows, err := db.Query(ctx, reportSQL, since, string(p), string(m))
	if err != nil {
		return r, fmt.Errorf("report: %w", err)
	}
	if r.Lines, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Line]); err != nil {
		return r, fmt.Errorf("report: %w", err)
	}
	if err := db.QueryRow(ctx, "SELECT max(ended_at) FROM reconcile_runs").Scan(&r.LastRun); err != nil {
		return r, fmt.Errorf("report: %w", err)
	}
	r.Breaks, err = Breaks(ctx, db, Filter{Status: payment.BreakOpen, Provider: p, Merchant: m})
	return r, err
}
