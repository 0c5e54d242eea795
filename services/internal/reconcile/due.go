package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/payment"
)

// due is a payment that is to be compared.
type due struct {
	Merchant payment.Merchant
	Payment  payment.ID
	Provider payment.Provider
	Account  string
}

// window says which payments a run looks at. Times are the broker's.
type window struct {
	since      time.Time // a command was accepted for it, or it is older and still open
	settled    time.Time // it has not changed since
	again      time.Time // it is asked about again when it was asked about before this
	everything bool      // also what was asked about since
}

// dueSQL finds payments to compare: recent ones, those with something open, and those
// with an open break, which is looked at in every run until it is gone. What is being
// asked about already is left out.
const dueSQL = `
WITH looked AS (
	SELECT merchant, payment_id FROM commands WHERE accepted_at >= $1 AND kind <> 'sync'
	UNION
	SELECT merchant, payment_id FROM operations
	WHERE status IN ('open', 'unknown', 'waiting', 'action_required', 'pending', 'parked') AND kind <> 'sync'
	UNION
	SELECT merchant, payment_id FROM reconcile_breaks WHERE status = 'open'
)
SELECT p.merchant, p.payment_id, p.provider, p.account
FROM looked JOIN payments p USING (merchant, payment_id) CROSS JOIN LATERAL (` + askedSQL + `) a
WHERE (p.merchant, p.payment_id) > ($5, $6)
	AND p.state NOT IN ('accepted', 'new', 'rejected', 'agreed') AND NOT a.running AND a.changed < $2
	AND ($4 OR a.asked IS NULL OR a.asked < a.changed OR a.asked < $3
		OR EXISTS (SELECT FROM reconcile_breaks b WHERE b.merchant = p.merchant AND b.payment_id = p.payment_id AND b.status = 'open'))
ORDER BY p.merchant, p.payment_id LIMIT $7`

// askedSQL tells of a payment p when it changed last, when its books were asked for
// last, what became of that, and whether that is under way.
const askedSQL = `
	SELECT max(o.at) FILTER (WHERE o.kind <> 'sync') AS changed,
		max(c.accepted_at) AS asked,
		(array_agg(o.status ORDER BY c.accepted_at DESC) FILTER (WHERE c.accepted_at IS NOT NULL))[1] AS status,
		coalesce(bool_or(c.accepted_at IS NOT NULL AND o.status IN ('accepted', 'open', 'unknown', 'waiting')), false) AS running,
		coalesce(bool_or(o.kind <> 'sync' AND o.status IN ('accepted', 'open', 'unknown', 'waiting', 'action_required', 'pending')), false) AS open
	FROM operations o
	LEFT JOIN commands c ON o.kind = 'sync' AND c.merchant = o.merchant AND c.command_id = o.command_id
		AND c.accepted_at = o.accepted_at AND starts_with(c.req_id, 'payloom:reconcile:')
	WHERE o.merchant = p.merchant AND o.payment_id = p.payment_id`

// next returns at most limit payments that are due, in the order of their keys after
// that of last.
func next(ctx context.Context, db *pgxpool.Pool, w window, last due, limit int) ([]due, error) {
	rows, err := db.Query(ctx, dueSQL, w.since, w.settled, w.again, w.everything, string(last.Merchant), string(last.Payment), limit)
	if err != nil {
		return nil, fmt.Errorf("find payments to compare: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[due])
	if err != nil {
		return nil, fmt.Errorf("find payments to compare: %w", err)
	}
	return list, nil
}

// behind returns the providers that have so many questions open, or more.
func behind(ctx context.Context, db *pgxpool.Pool, most int) (map[payment.Provider]bool, error) {
	rows, err := db.Query(ctx, `SELECT provider FROM operations WHERE status = 'accepted' AND kind = 'sync'
		GROUP BY provider HAVING count(*) >= $1`, most)
	if err != nil {
		return nil, fmt.Errorf("count open questions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[payment.Provider])
	if err != nil {
		return nil, fmt.Errorf("count open questions: %w", err)
	}
	all := make(map[payment.Provider]bool, len(list))
	for _, p := range list {
		all[p] = true
	}
	return all, nil
}

// command returns the command that compares d in the turn of a run. Whoever carries
// on the run gives the same one.
func (d due) command(turn time.Time) payment.Command {
	c := payment.Command{
		Merchant: d.Merchant, ReqID: payment.ReconcileReqID(d.Payment, fmt.Sprint(turn.UnixMicro())),
		Payment: d.Payment, Provider: d.Provider, Account: d.Account, Kind: payment.Sync,
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}
