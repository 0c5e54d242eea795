package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/services/payctl/internal/verify"
)

const calmTick = 500 * time.Millisecond

// calm waits until nothing is under way any more and the rows are as far as the
// streams, or until it is too late.
func (r *run) calm(ctx context.Context, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, maxTime(until, time.Now().Add(healing)))
	defer cancel()
	tick := time.NewTicker(calmTick)
	defer tick.Stop()
	last := ""
	for {
		what, err := r.restless(ctx)
		if err == nil && what == "" {
			return nil
		}
		if ctx.Err() == nil {
			last = what + failure(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.trouble(verify.Stuck, "the stack", "does not come to rest: %s", last)
			return nil
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// restless says what is still going on; "": nothing.
func (r *run) restless(ctx context.Context) (string, error) {
	db := r.env.Verify.Database
	var open, pending int
	err := db.QueryRow(ctx, `SELECT count(*) FROM operations
		WHERE status IN ('accepted', 'open', 'unknown', 'waiting', 'action_required', 'pending')`).Scan(&open)
	if err != nil {
		return "", err
	}
	if open > 0 {
		return fmt.Sprintf("%d operations are open", open), nil
	}
	if err := db.QueryRow(ctx, `SELECT count(*) FROM payloom_kept.webhook_deliveries WHERE state = 'pending'`).Scan(&pending); err != nil {
		return "", err
	}
	if pending > 0 && r.env.Merchant != nil {
		return fmt.Sprintf("%d webhooks are to be delivered", pending), nil
	}
	return r.behind(ctx)
}

// behind names a stream that rows or webhooks are not yet made of to its end.
func (r *run) behind(ctx context.Context) (string, error) {
	rows, err := r.env.Verify.Database.Query(ctx, `SELECT stream, seq FROM checkpoints UNION ALL SELECT stream, seq FROM payloom_kept.webhook_checkpoints`)
	if err != nil {
		return "", err
	}
	type checkpoint struct {
		Stream string
		Seq    int64
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[checkpoint])
	if err != nil {
		return "", err
	}
	for _, c := range all {
		state, err := r.env.Bus.StreamState(ctx, c.Stream)
		if err != nil {
			return "", err
		}
		if state.LastSeq > uint64(c.Seq) { //nolint:gosec // never below 0
			return fmt.Sprintf("%s is read up to %d of %d", c.Stream, c.Seq, state.LastSeq), nil
		}
	}
	return "", nil
}
