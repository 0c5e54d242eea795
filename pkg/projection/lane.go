package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/payloom/payloom/pkg/bus"
)

// kind is what differs between the streams that are projected.
type kind[T any] interface {
	// decode may be called while another batch is written.
	decode(m bus.Message) (T, error)
	// write stores entries that were all decoded.
	write(ctx context.Context, tx pgx.Tx, origin uint64, all []entry[T]) error
	// spoil stores what stands in place of an entry that cannot be stored.
	spoil(ctx context.Context, tx pgx.Tx, e entry[T]) error
	// key names the payment that an entry is about, if any.
	key(e entry[T]) (Key, bool)
}

// lane projects one stream. One goroutine runs it.
type lane[T any] struct {
	stream string
	kind   kind[T]
	src    Source
	pool   *pgxpool.Pool
	opts   Options
	stats  *stats

	// safe is the kind after a repetition was met: slower, and it does not mind.
	safe kind[T]
	bury func(ctx context.Context, e entry[T], reason error) error // nil: is buried elsewhere

	at   Checkpoint // where the rows are, as far as this lane knows
	read uint64     // the last sequence that was read
}

// errBehind means that the rows are behind what this lane has read, so that it
// must read again from there: a backup was restored, or other rows took their place.
var errBehind = errors.New("projection: the checkpoint went back")

// run projects until ctx ends, or, where an end is set, to that sequence. Only a
// *Halt makes it return early.
func (l *lane[T]) run(ctx context.Context) error {
	pause := pauses()
	for {
		err := l.session(ctx, pause)
		halt, halted := errors.AsType[*Halt](err)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was asked to stop
		case err == nil:
			return nil
		case halted:
			return halt
		case !errors.Is(err, errBehind):
			l.opts.Log.Warn("projection interrupted", zap.String("stream", l.stream), zap.Error(err))
		}
		if err := sleep(ctx, pause.NextBackOff()); err != nil {
			return nil //nolint:nilerr // it was asked to stop
		}
	}
}

// pauses grow from 50 ms to 5 s and go on for ever.
func pauses() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(50*time.Millisecond), backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(0))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// session reads from the checkpoint on, until something goes wrong. While one
// batch is written the next is read and decoded.
func (l *lane[T]) session(ctx context.Context, pause *backoff.ExponentialBackOff) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	if l.done() {
		return nil
	}
	pause.Reset()
	g, ctx := errgroup.WithContext(ctx)
	decoded := make(chan []entry[T])
	g.Go(func() error {
		defer close(decoded)
		return l.follow(ctx, decoded)
	})
	g.Go(func() error {
		for batch := range decoded {
			if err := l.take(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// errEnd ends a Follow that has come to the sequence it was to reach.
var errEnd = errors.New("projection: the end that was set")

func (l *lane[T]) follow(ctx context.Context, decoded chan<- []entry[T]) error {
	o := bus.FollowOptions{From: l.at.Seq + 1, Batch: l.opts.Batch, Wait: l.opts.Wait}
	end, ends := l.opts.Until[l.stream]
	err := l.src.Follow(ctx, l.stream, o, func(ctx context.Context, messages []bus.Message) error {
		batch := l.decode(messages, end, ends)
		select {
		case decoded <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
		if ends && batch[len(batch)-1].msg.Seq >= end {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	if err == nil && ctx.Err() == nil {
		return fmt.Errorf("%s: reading ended", l.stream)
	}
	return err
}

// decode copies messages, whose slice belongs to the reader, up to the end that
// is set.
func (l *lane[T]) decode(messages []bus.Message, end uint64, ends bool) []entry[T] {
	batch := make([]entry[T], 0, len(messages))
	for _, m := range messages {
		if ends && m.Seq > end && len(batch) > 0 {
			break
		}
		v, err := l.kind.decode(m)
		batch = append(batch, entry[T]{msg: m, val: v, err: err})
	}
	return batch
}

func (l *lane[T]) done() bool {
	end, ends := l.opts.Until[l.stream]
	return ends && l.at.Seq >= end
}

// take projects a batch: what of it another projector has done already is only
// told to those who wait for it.
func (l *lane[T]) take(ctx context.Context, batch []entry[T]) error {
	if err := l.contiguous(batch); err != nil {
		return err
	}
	pause := pauses()
	for {
		fresh := after(batch, l.at.Seq)
		if len(fresh) == 0 {
			l.tell(batch)
			return nil
		}
		next := l.at.following(fresh[len(fresh)-1].msg)
		start := time.Now()
		err := l.project(ctx, fresh, next)
		if err == nil {
			l.at = next
			end := time.Now()
			l.stats.batch(l.stream, len(fresh), end.Sub(start))
			traced(ctx, l.stream, fresh, start, end)
			continue
		}
		if err := l.recover(ctx, err, pause); err != nil {
			return err
		}
	}
}

// contiguous returns a *Halt when a sequence is missing.
func (l *lane[T]) contiguous(batch []entry[T]) error {
	for _, e := range batch {
		if e.msg.Seq != l.read+1 {
			return &Halt{l.stream, e.msg.Seq, Gap, fmt.Sprintf("it follows %d, so messages are lost", l.read)}
		}
		l.read = e.msg.Seq
	}
	return nil
}

// recover finds out where the rows are after a transaction whose end is not
// known, or that another projector overtook.
func (l *lane[T]) recover(ctx context.Context, cause error, pause *backoff.ExponentialBackOff) error {
	if halt, ok := errors.AsType[*Halt](cause); ok {
		return halt
	}
	if !errors.Is(cause, errMoved) {
		l.stats.retry(l.stream)
		l.opts.Log.Warn("batch not projected, trying again", zap.String("stream", l.stream), zap.Error(cause))
		if err := sleep(ctx, pause.NextBackOff()); err != nil {
			return err
		}
	}
	for {
		at, err := checkpoint(ctx, l.pool, l.stream)
		switch {
		case err == nil && at.Seq < l.at.Seq:
			return errBehind
		case err == nil:
			l.at = at
			return nil
		}
		l.opts.Log.Warn("checkpoint not read, trying again", zap.String("stream", l.stream), zap.Error(err))
		if err := sleep(ctx, pause.NextBackOff()); err != nil {
			return err
		}
	}
}

// tell wakes those who wait for the payments of batch.
func (l *lane[T]) tell(batch []entry[T]) {
	if l.opts.Watchers == nil {
		return
	}
	for _, e := range batch {
		if k, ok := l.kind.key(e); ok {
			l.opts.Watchers.wake(k)
		}
	}
}
