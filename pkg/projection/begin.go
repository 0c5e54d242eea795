package projection

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

// begin reads the checkpoint and returns a *Halt unless the stream is the one it
// was taken of, and still has what follows it.
func (l *lane[T]) begin(ctx context.Context) error {
	at, err := checkpoint(ctx, l.pool, l.stream)
	if err != nil {
		return err
	}
	state, err := l.src.StreamState(ctx, l.stream)
	if err != nil {
		return err
	}
	if err := l.plausible(at, state); err != nil {
		return err
	}
	if err := l.same(ctx, at, state); err != nil {
		return err
	}
	l.at, l.read = at, at.Seq
	return l.partitions(ctx, state)
}

func (l *lane[T]) plausible(at Checkpoint, state bus.State) error {
	switch {
	case state.LastSeq < at.Seq:
		return &Halt{l.stream, at.Seq, Truncated, fmt.Sprintf("the stream ends at %d", state.LastSeq)}
	case at.Seq+1 < state.FirstSeq && state.LastSeq > at.Seq:
		return &Halt{l.stream, at.Seq, Expired, fmt.Sprintf("the stream begins at %d; payctl rebuild keeps what rows there are", state.FirstSeq)}
	}
	return nil
}

// same compares the message at the checkpoint with what was projected. A stream
// that was cut and has grown again shows in nothing else.
func (l *lane[T]) same(ctx context.Context, at Checkpoint, state bus.State) error {
	if at.Seq == 0 || at.Seq < state.FirstSeq || len(at.Digest) == 0 {
		return nil
	}
	m, err := l.src.MessageAt(ctx, l.stream, at.Seq)
	if errors.Is(err, bus.ErrNotFound) {
		return &Halt{l.stream, at.Seq, Gap, "the message at the checkpoint is gone"}
	}
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(m.Data); !bytes.Equal(sum[:], at.Digest) {
		return &Halt{l.stream, at.Seq, Replaced, "the stream is not the one that was projected"}
	}
	return nil
}

// monthsAhead is for how many months there are partitions before they begin.
const monthsAhead = 3

// partitions makes those that the messages to come will want.
func (l *lane[T]) partitions(ctx context.Context, state bus.State) error {
	table := partitioned(l.kind)
	if table == "" {
		return nil
	}
	from := state.Now
	if l.at.Seq < state.LastSeq {
		m, err := l.src.MessageAt(ctx, l.stream, l.at.Seq+1)
		if err != nil {
			return err
		}
		from = m.Time
	}
	return makePartitions(ctx, l.pool, table, from, state.Now.AddDate(0, monthsAhead, 0))
}

// partitioned returns the table by months that a kind of stream fills, or "".
func partitioned(kind any) string {
	switch kind.(type) {
	case events:
		return "events"
	case commands:
		return "commands"
	}
	return ""
}

func makePartitions(ctx context.Context, q queryer, table string, from, to time.Time) error {
	var made int
	if err := q.QueryRow(ctx, "SELECT make_partitions($1, $2, $3)", table, from, to).Scan(&made); err != nil {
		return fmt.Errorf("partitions of %s: %w", table, err)
	}
	return nil
}
