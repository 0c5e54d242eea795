package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/wire"
)

// lookAtRows asks the database. A schema that is not this program's is not asked for
// more. now is the broker's time.
func lookAtRows(ctx context.Context, s Sources, now time.Time) (*Rows, error) {
	err := projection.CheckMigrated(ctx, s.Pool)
	if errors.Is(err, projection.ErrNotMigrated) {
		return &Rows{Migrated: err}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &Rows{}
	if err := r.count(ctx, s.Pool, now); err != nil {
		return nil, err
	}
	if s.Broker == nil {
		return r, nil
	}
	return r, r.position(ctx, s, now)
}

// countSQL counts what waits. The sweeper hands out a command that stood still for long
// enough, and notes when it did; see services/state-tracker.
const countSQL = `
SELECT
	(SELECT count(*) FROM operations o
		LEFT JOIN wakes w USING (merchant, payment_id, command_id)
		WHERE o.status IN ('accepted', 'open', 'unknown', 'waiting')
			AND greatest(o.at, o.retry_at, o.accepted_at) < $1::timestamptz - interval '15 minutes'
			AND coalesce(o.accepted_at, o.at) > $1::timestamptz - interval '35 days'
			AND coalesce(w.next_at, '-infinity') < $1::timestamptz - interval '15 minutes'),
	(SELECT count(*) FROM operations WHERE status = 'parked'),
	(SELECT coalesce(min(at), $1::timestamptz) FROM operations WHERE status = 'parked'),
	(SELECT count(*) FROM payments WHERE frozen <> ''),
	(SELECT coalesce(min(updated_at), $1::timestamptz) FROM payments WHERE frozen <> ''),
	(SELECT count(*) FROM operations WHERE status = 'unknown'),
	(SELECT coalesce(min(at), $1::timestamptz) FROM operations WHERE status = 'unknown'),
	(SELECT count(*) FROM payloom_kept.webhook_deliveries WHERE state = 'pending' AND due_at < $1::timestamptz),
	(SELECT coalesce(min(due_at), $1::timestamptz) FROM payloom_kept.webhook_deliveries WHERE state = 'pending'),
	(SELECT count(*) FROM payloom_kept.webhook_deliveries WHERE state = 'expired' AND done_at > $1::timestamptz - interval '1 day'),
	(SELECT count(*) FROM payloom_kept.webhook_endpoints WHERE disabled_at IS NOT NULL)`

func (r *Rows) count(ctx context.Context, pool *pgxpool.Pool, now time.Time) error {
	err := pool.QueryRow(ctx, countSQL, now).Scan(&r.Overdue, &r.Parked.Count, &r.Parked.Oldest, &r.Frozen.Count, &r.Frozen.Oldest,
		&r.Unknown.Count, &r.Unknown.Oldest, &r.Webhooks.Count, &r.Webhooks.Oldest, &r.GivenUp, &r.Disabled)
	if err != nil {
		return fmt.Errorf("count what waits: %w", err)
	}
	for _, table := range []string{"events", "commands"} {
		var there bool
		name := table + now.UTC().AddDate(0, 0, 1-now.UTC().Day()).AddDate(0, 1, 0).Format("_2006_01")
		if err := pool.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there); err != nil {
			return fmt.Errorf("look for partitions: %w", err)
		}
		if !there {
			r.Partitions = append(r.Partitions, name+" is missing")
		}
	}
	return nil
}

// position compares what the rows end with, stream by stream, with what the streams
// hold.
func (r *Rows) position(ctx context.Context, s Sources, now time.Time) error {
	at, err := projection.Checkpoints(ctx, s.Pool)
	if err != nil {
		return err
	}
	streams := append(append(s.Broker.CommandStreams(), s.Broker.EventStreams()...), bus.CallbackStream, bus.DeadStream)
	for _, stream := range streams {
		state, err := s.Broker.StreamState(ctx, stream)
		if err != nil {
			continue // that it is missing stands elsewhere
		}
		c := at[stream]
		wrong, err := misplaced(ctx, s.Broker, state, c)
		if err != nil {
			return err
		}
		if wrong != "" {
			r.Positions = append(r.Positions, stream+" "+wrong)
			continue
		}
		lag, err := behind(ctx, s.Broker, stream, state, c.Seq, now)
		if err != nil {
			return err
		}
		r.Lags = append(r.Lags, lag)
	}
	slices.SortFunc(r.Lags, func(x, y Lag) int { return int(y.Age - x.Age) })
	return nil
}

// misplaced says how a checkpoint does not belong to its stream; empty: it does.
func misplaced(ctx context.Context, b *bus.Bus, state bus.State, c projection.Checkpoint) (string, error) {
	if c.Seq == 0 {
		return "", nil // nothing is projected yet
	}
	if c.Seq > state.LastSeq {
		return fmt.Sprintf("ends at %d, and the rows know %d", state.LastSeq, c.Seq), nil
	}
	if c.Seq < state.FirstSeq {
		if c.Seq+1 < state.FirstSeq {
			return fmt.Sprintf("begins at %d, and the rows end at %d", state.FirstSeq, c.Seq), nil
		}
		return "", nil
	}
	m, err := b.MessageAt(ctx, c.Stream, c.Seq)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return fmt.Sprintf("has lost %d, which the rows end with", c.Seq), nil
	case err != nil:
		return "", err
	case !bytes.Equal(wire.Hash(m.Data), c.Digest):
		return fmt.Sprintf("holds another message at %d than the rows end with", c.Seq), nil
	}
	return "", nil
}

func behind(ctx context.Context, b *bus.Bus, stream string, state bus.State, at uint64, now time.Time) (Lag, error) {
	if state.LastSeq <= at {
		return Lag{Stream: stream}, nil
	}
	l := Lag{Stream: stream, Messages: state.LastSeq - at}
	oldest, err := b.MessageAt(ctx, stream, max(at+1, state.FirstSeq))
	if errors.Is(err, bus.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	l.Age = max(now.Sub(oldest.Time), 0)
	return l, nil
}
