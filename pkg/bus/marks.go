package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// Marks say how far the event streams went, for those who start when nobody is left
// that remembers. They stand in another stream, in another file, and behind by
// markEvery at most.

// markEvery is how often a program that takes commands moves the marks.
const markEvery = 5 * time.Second

// ledgerMarks is where in the shared bucket the marks are.
const ledgerMarks = "ledger."

func mark(shard int) string { return ledgerMarks + eventStream(shard) }

// recall learns from the marks how far the event streams went.
func (b *Bus) recall(ctx context.Context) error {
	marks, err := b.Shared(ctx)
	if err != nil {
		return err
	}
	for shard := range b.shards {
		seq, _, err := marks.seq(ctx, mark(shard))
		if err != nil {
			return err
		}
		b.witness.saw(shard, seq)
	}
	return nil
}

// keepMarks moves the marks until ctx ends, and once more then.
func (b *Bus) keepMarks(ctx context.Context) {
	every := time.NewTicker(markEvery)
	defer every.Stop()
	for ctx.Err() == nil {
		select {
		case <-every.C:
		case <-ctx.Done():
		}
		if err := b.moveMarks(context.WithoutCancel(ctx)); err != nil {
			b.log.Warn("marks not moved", zap.Error(err))
		}
	}
}

func (b *Bus) moveMarks(ctx context.Context) error {
	marks := &Shared{b}
	var errs []error
	for shard := range b.shards {
		errs = append(errs, marks.raise(ctx, mark(shard), b.witness.last(shard)))
	}
	return errors.Join(errs...)
}

// raise moves the mark at key on to seq, never back.
func (s *Shared) raise(ctx context.Context, key string, seq uint64) error {
	at, rev, err := s.seq(ctx, key)
	if err != nil || seq <= at {
		return err
	}
	_, err = s.CompareAndSet(ctx, key, strconv.AppendUint(nil, seq, 10), rev)
	if errors.Is(err, ErrConflict) {
		return nil // another one moves it, too; the next time
	}
	return err
}

// seq returns the mark at key and its revision, 0 and 0 when there is none.
func (s *Shared) seq(ctx context.Context, key string) (seq, rev uint64, err error) {
	value, rev, err := s.Get(ctx, key)
	if err != nil || len(value) == 0 {
		return 0, rev, err
	}
	if seq, err = strconv.ParseUint(string(value), 10, 64); err != nil {
		return 0, rev, fmt.Errorf("mark %s: %w", key, err)
	}
	return seq, rev, nil
}
