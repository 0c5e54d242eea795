package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/service"
)

// Source is where events come from: a *bus.Bus.
type Source interface {
	EventStreams() []string
	Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error
	StreamState(ctx context.Context, stream string) (bus.State, error)
	MessageAt(ctx context.Context, stream string, seq uint64) (bus.Message, error)
}

// FollowerOptions are how events are followed. The zero value will do.
type FollowerOptions struct {
	Wake  func()           // called when messages were written; nil: nobody is
	Clock func() time.Time // nil: time.Now
	Stats *Stats           // nil: of its own
	Log   *zap.Logger      // nil: none
}

// Follower turns events into rows. Any number may run on the same rows: of two
// that have read the same events one writes them, and the other goes on after it.
type Follower struct {
	src      Source
	accounts Accounts
	pool     *pgxpool.Pool
	opts     FollowerOptions

	mu    sync.Mutex
	wrong map[string]error // by stream: why it is not followed now
}

// NewFollower returns a Follower from src to the rows behind pool.
func NewFollower(src Source, accounts Accounts, pool *pgxpool.Pool, o FollowerOptions) *Follower {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Stats == nil {
		o.Stats = NewStats(pool)
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Follower{src: src, accounts: accounts, pool: pool, opts: o, wrong: map[string]error{}}
}

// Run follows every stream of events until ctx ends.
func (f *Follower) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, stream := range f.src.EventStreams() {
		f.opts.Stats.missed.WithLabelValues(stream)
		all.Go(func() { f.keepOn(ctx, stream) })
	}
	all.Wait()
	return nil
}

// Check returns why a stream is not followed, or nil: for readiness.
func (f *Follower) Check(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, err := range f.wrong {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (f *Follower) say(stream string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.wrong, stream)
	if err != nil {
		f.wrong[stream] = err
	}
}

// keepOn follows a stream, and begins again from its checkpoint when something
// went wrong.
func (f *Follower) keepOn(ctx context.Context, stream string) {
	pauses := backoff.NewExponentialBackOff(backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(10*time.Second), backoff.WithMaxElapsedTime(0))
	for ctx.Err() == nil {
		err := f.session(ctx, stream, pauses.Reset)
		if ctx.Err() != nil {
			return
		}
		f.say(stream, err)
		f.opts.Log.Warn("events are not followed for now", service.Stream(stream), zap.Error(err))
		pause(ctx, pauses.NextBackOff(), nil)
	}
}

// ErrOtherStream means that a stream is not the one that was followed before: it
// is shorter, or holds another message where the checkpoint stands. Which events
// were told of then nobody knows; a person has to decide, and may delete the row
// of webhook_checkpoints to begin with the events of the last three days.
var ErrOtherStream = errors.New("delivery: the stream is not the one that was followed")

// session follows a stream from its checkpoint on, until something goes wrong.
func (f *Follower) session(ctx context.Context, stream string, fine func()) error {
	at, err := f.begin(ctx, stream)
	if err != nil {
		return err
	}
	f.say(stream, nil)
	err = f.src.Follow(ctx, stream, bus.FollowOptions{From: at.seq + 1}, func(ctx context.Context, batch []bus.Message) error {
		moved, err := f.takeAll(ctx, at, batch)
		if err != nil {
			return err
		}
		at = moved
		fine()
		return nil
	})
	if err == nil {
		err = fmt.Errorf("%s: reading ended", stream)
	}
	return err
}

// begin returns where to go on, after a look whether the stream is still the same.
func (f *Follower) begin(ctx context.Context, stream string) (checkpoint, error) {
	at, found, err := readCheckpoint(ctx, f.pool, stream)
	if err != nil {
		return checkpoint{}, err
	}
	state, err := f.src.StreamState(ctx, stream)
	if err != nil {
		return checkpoint{}, err
	}
	if !found {
		return f.first(ctx, stream, state)
	}
	if state.LastSeq < at.seq {
		return checkpoint{}, fmt.Errorf("%w: %s ends at %d, it was read to %d", ErrOtherStream, stream, state.LastSeq, at.seq)
	}
	return at, f.same(ctx, at, state)
}

func (f *Follower) same(ctx context.Context, at checkpoint, state bus.State) error {
	if len(at.digest) == 0 || at.seq < state.FirstSeq {
		return nil
	}
	m, err := f.src.MessageAt(ctx, at.stream, at.seq)
	if errors.Is(err, bus.ErrNotFound) {
		return nil // it has expired, or is lost: those that follow tell
	}
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(m.Data); !bytes.Equal(sum[:], at.digest) {
		return fmt.Errorf("%w: %s holds another message at %d", ErrOtherStream, at.stream, at.seq)
	}
	return nil
}

// first writes the first checkpoint of a stream. What is older than a message is
// tried for is told to nobody.
func (f *Follower) first(ctx context.Context, stream string, state bus.State) (checkpoint, error) {
	since := state.Now.Add(-Horizon)
	var failed error
	first := max(state.FirstSeq, 1)
	n := sort.Search(int(state.LastSeq+1-min(first, state.LastSeq+1)), func(i int) bool {
		m, err := f.src.MessageAt(ctx, stream, first+uint64(i))
		failed = errors.Join(failed, err)
		return err == nil && !m.Time.Before(since)
	})
	if failed != nil {
		return checkpoint{}, failed
	}
	at := checkpoint{stream: stream, seq: first + uint64(n) - 1, digest: []byte{}}
	if err := at.create(ctx, f.pool); err != nil {
		return checkpoint{}, err
	}
	f.opts.Log.Info("following events", service.Stream(stream), service.Sequence(at.seq+1))
	// Another replica may have been first.
	at, _, err := readCheckpoint(ctx, f.pool, stream)
	return at, err
}
