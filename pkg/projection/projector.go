package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Source is where messages come from: a *bus.Bus.
type Source interface {
	Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error
	StreamState(ctx context.Context, stream string) (bus.State, error)
	MessageAt(ctx context.Context, stream string, seq uint64) (bus.Message, error)
	CommandStreams() []string
	EventStreams() []string
}

// Options are how a Projector works. The zero value will do.
type Options struct {
	Batch int           // most messages in a transaction; 0: 500
	Wait  time.Duration // longest wait for a batch to fill; 0: 10 ms
	// Bury stores an event that cannot be projected as a dead letter. nil: it is
	// only noted in the rows. Messages of other streams are buried by those who
	// consume them.
	Bury func(context.Context, wire.DeadLetter) error
	// Watchers are told which payments changed; nil: nobody is.
	Watchers *Watchers
	// Until ends the projection of a stream at a sequence. Once every stream is
	// there, Run returns.
	Until map[string]uint64
	Log   *zap.Logger // nil: none
}

// copyFrom is how many events are worth a COPY: below, its two extra round trips
// cost more than it saves.
const copyFrom = 64

func (o Options) withDefaults() Options {
	if o.Batch <= 0 {
		o.Batch = 500
	}
	o.Batch = min(o.Batch, maxBatch)
	if o.Wait <= 0 {
		o.Wait = 10 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o
}

// Projector projects every stream. Any number may run on the same rows: of two
// that project the same batch one commits, and the other goes on after it.
type Projector struct {
	src   Source
	pool  *pgxpool.Pool
	opts  Options
	stats *stats

	mu    sync.Mutex
	halts []*Halt
}

// New returns a Projector from src to the rows behind pool.
func New(src Source, pool *pgxpool.Pool, o Options) *Projector {
	return &Projector{src: src, pool: pool, opts: o.withDefaults(), stats: newStats()}
}

// runner is a lane of any kind.
type runner interface {
	run(ctx context.Context) error
}

// Run projects until ctx ends. A stream that halts stops alone and for good; see
// Err. With Until, Run returns when the end is reached, or the first Halt.
func (p *Projector) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lanes := p.lanes()
	errs := make([]error, len(lanes))
	var wg sync.WaitGroup
	for i, l := range lanes {
		wg.Go(func() {
			errs[i] = p.runLane(ctx, l)
			if errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (p *Projector) runLane(ctx context.Context, l runner) error {
	err := l.run(ctx)
	halt, ok := errors.AsType[*Halt](err)
	if !ok || p.opts.Until != nil {
		return err
	}
	p.halted(halt)
	<-ctx.Done() // the others go on
	return nil
}

func (p *Projector) halted(h *Halt) {
	p.mu.Lock()
	p.halts = append(p.halts, h)
	p.mu.Unlock()
	p.stats.halt(h)
	p.opts.Log.Error("projection halted", zap.String("stream", h.Stream), zap.Uint64("sequence", h.Seq), zap.Error(h))
}

// Err returns the halts so far, joined, or nil.
func (p *Projector) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, h := range p.halts {
		errs = append(errs, h)
	}
	return errors.Join(errs...)
}

func (p *Projector) lanes() []runner {
	var all []runner
	for shard, stream := range p.src.CommandStreams() {
		all = append(all, newLane[payment.Command](p, stream, commands{shard: shard}))
	}
	for shard, stream := range p.src.EventStreams() {
		v := events{shard: shard, stream: stream, copyFrom: copyFrom, first: func(ctx context.Context) (uint64, error) {
			state, err := p.src.StreamState(ctx, stream)
			return state.FirstSeq, err
		}}
		l := newLane[event](p, stream, v)
		l.safe = v.late()
		if p.opts.Bury != nil {
			l.bury = p.buryEvent
		}
		all = append(all, l)
	}
	return append(all,
		newLane[wire.StoredCallback](p, bus.CallbackStream, callbacks{}),
		newLane[wire.DeadLetter](p, bus.DeadStream, deadLetters{}))
}

func newLane[T any](p *Projector, stream string, k kind[T]) *lane[T] {
	// A lane that never halts shows as 0.
	p.stats.halted.WithLabelValues(stream)
	return &lane[T]{stream: stream, kind: k, safe: k, src: p.src, pool: p.pool, opts: p.opts, stats: p.stats}
}

// Service is the name under which the projection buries events.
const Service = "state-tracker"

func (p *Projector) buryEvent(ctx context.Context, e entry[event], reason error) error {
	err := p.opts.Bury(ctx, wire.DeadLetter{
		Service: Service, Reason: harmless(reason), At: e.msg.Time, Stream: e.msg.Stream, Sequence: e.msg.Seq,
		Subject: e.msg.Subject, Deliveries: 1, Headers: e.msg.Header, Body: e.msg.Data,
	})
	if err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	return nil
}

// streams lists all streams that are projected.
func (p *Projector) streams() []string { return streamsOf(p.src) }

func streamsOf(src Source) []string {
	all := append(append([]string{}, src.CommandStreams()...), src.EventStreams()...)
	return append(all, bus.CallbackStream, bus.DeadStream)
}

// Lag is how far the rows are behind a stream.
type Lag struct {
	Stream   string
	Messages uint64
	Age      time.Duration // of the oldest message that is not projected
}

// Lag returns how far the rows are behind each stream, asking broker and database.
func (p *Projector) Lag(ctx context.Context) ([]Lag, error) {
	at, err := checkpoints(ctx, p.pool)
	if err != nil {
		return nil, err
	}
	var all []Lag
	for _, stream := range p.streams() {
		l, err := p.lag(ctx, stream, at[stream].Seq)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

func (p *Projector) lag(ctx context.Context, stream string, at uint64) (Lag, error) {
	state, err := p.src.StreamState(ctx, stream)
	if err != nil {
		return Lag{}, err
	}
	if state.LastSeq <= at {
		return Lag{Stream: stream}, nil
	}
	l := Lag{Stream: stream, Messages: state.LastSeq - at}
	oldest, err := p.src.MessageAt(ctx, stream, max(at+1, state.FirstSeq))
	if errors.Is(err, bus.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return Lag{}, err
	}
	l.Age = max(state.Now.Sub(oldest.Time), 0)
	return l, nil
}
