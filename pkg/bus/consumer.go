package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Delivery is a message handed to a handler, perhaps not for the first time and
// perhaps to another handler at the same moment.
type Delivery struct {
	Stream     string
	Seq        uint64
	Stored     time.Time // broker time
	Subject    string
	Header     http.Header
	Data       []byte
	Deliveries uint64 // 1 for the first
}

// handler works on a delivery. nil acknowledges it; an error is a verb, see
// answer.
type handler func(ctx context.Context, d Delivery) error

// consumer runs handlers for one durable consumer.
type consumer struct {
	bus         *Bus
	stream      string
	name        string
	concurrency int
	handle      handler
	grace       time.Duration
	held        Hold
}

const (
	heartbeat = AckWait / 3
	// unknownTries is how often a wake-up is delivered whose command is not found:
	// a replica that lags may not have it yet.
	unknownTries = 5
)

// ConsumeOptions are how a service takes messages.
type ConsumeOptions struct {
	Concurrency int           // messages in hand at once, per stream
	Grace       time.Duration // how long running handlers may go on after ctx ends
	Held        Hold          // nil: nothing is ever held back
}

// Hold tells whether nothing is to be taken for now, and returns a channel that is
// closed when that may have changed. What is in hand already is finished.
type Hold func() (bool, <-chan struct{})

// ConsumeCommands hands the commands of provider p to handle, of all shards and
// whenever their wake-ups are due, until ctx ends and the running handlers are
// done. A command that cannot be decoded is buried.
func (b *Bus) ConsumeCommands(ctx context.Context, p payment.Provider, o ConsumeOptions, handle func(context.Context, payment.Command) error) error {
	command := func(ctx context.Context, d Delivery) error {
		c, err := b.OpenCommand(ctx, d.Data)
		if err != nil {
			return err
		}
		if err := placed(d.Subject, c); err != nil {
			return hopeless{err}
		}
		c.At = d.Stored
		return handle(ctx, c)
	}
	due := func(ctx context.Context, d Delivery) error {
		_, m, id, err := timerCommand(d.Subject)
		if err != nil {
			return hopeless{err}
		}
		c, err := b.Command(ctx, m, id)
		if errors.Is(err, ErrNotFound) && d.Deliveries > unknownTries {
			// The command is older than its stream remembers: nobody waits for it.
			b.log.Warn("woken for a command that is gone", zap.Uint64("sequence", d.Seq))
			return nil
		}
		if errors.Is(err, errMisplaced) {
			return hopeless{err}
		}
		if err != nil {
			return err
		}
		return handle(ctx, c)
	}
	if err := b.recall(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	keep, stop := context.WithCancel(ctx)
	var kept sync.WaitGroup
	kept.Go(func() { b.keepMarks(keep) })
	defer kept.Wait()
	defer stop()
	var all []*consumer
	for _, s := range b.CommandStreams() {
		all = append(all, b.consumer(s, workerName(p), o, command))
	}
	return runAll(ctx, append(all, b.consumer(TimerStream, workerName(p), o, due)))
}

// ConsumeCallbacks hands stored callbacks to handle, as ConsumeCommands does.
// stored is the broker time of their arrival.
func (b *Bus) ConsumeCallbacks(ctx context.Context, o ConsumeOptions, handle func(ctx context.Context, c wire.StoredCallback, stored time.Time) error) error {
	callback := func(ctx context.Context, d Delivery) error {
		c, err := b.OpenCallback(ctx, d.Data)
		if err != nil {
			return err
		}
		return handle(ctx, c, d.Stored)
	}
	return runAll(ctx, []*consumer{b.consumer(CallbackStream, interpreter, o, callback)})
}

func (b *Bus) consumer(stream, name string, o ConsumeOptions, h handler) *consumer {
	if o.Concurrency <= 0 {
		o.Concurrency = 16
	}
	if o.Held == nil {
		o.Held = func() (bool, <-chan struct{}) { return false, nil }
	}
	return &consumer{bus: b, stream: stream, name: name, concurrency: o.Concurrency, handle: h, grace: o.Grace, held: o.Held}
}

// runAll runs consumers side by side; the first that fails stops the others.
func runAll(ctx context.Context, all []*consumer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			if errs[i] = c.run(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// run pulls until ctx ends, then lets what is in hand finish.
func (c *consumer) run(ctx context.Context) error {
	cons, err := c.bus.js.Consumer(ctx, c.stream, c.name)
	if err != nil && ctx.Err() != nil {
		return nil // stopped before it began
	}
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("%w: consumer %s of %s is missing", ErrNotProvisioned, c.name, c.stream)
	}
	if err != nil {
		return fmt.Errorf("consumer %s of %s: %w", c.name, c.stream, err)
	}
	// Handlers outlive ctx by the grace, so that a call to a provider that is
	// under way gets its outcome stored.
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	h := hands{consumer: c, work: work, slots: make(chan struct{}, c.concurrency)}
	for c.awaitRelease(ctx) {
		if err := h.pull(ctx, cons); err != nil {
			return err
		}
	}
	h.finish(abort)
	return nil
}

// awaitRelease waits until the consumer is not held back; false: ctx ended.
func (c *consumer) awaitRelease(ctx context.Context) bool {
	for {
		held, changed := c.held()
		if !held || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// untilHeld returns ctx until the consumer is held back.
func (c *consumer) untilHeld(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for ctx.Err() == nil {
			held, changed := c.held()
			if held {
				cancel()
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}()
	return ctx, cancel
}

// hands are what a consumer has in hand.
type hands struct {
	*consumer
	work    context.Context
	slots   chan struct{}
	running sync.WaitGroup
}

// pull takes messages until ctx ends or the consumer is held back.
func (h *hands) pull(ctx context.Context, cons jetstream.Consumer) error {
	ctx, cancel := h.untilHeld(ctx)
	defer cancel()
	cc, err := cons.Consume(func(m jetstream.Msg) {
		if !h.free(ctx) {
			_ = m.NakWithDelay(rand.N(time.Second)) // untouched: somebody else's now
			return
		}
		h.running.Go(func() {
			defer func() { <-h.slots }()
			h.one(h.work, m)
		})
	}, jetstream.PullMaxMessages(h.concurrency), jetstream.PullExpiry(5*time.Second))
	if err != nil {
		return fmt.Errorf("consume %s: %w", h.stream, err)
	}
	<-ctx.Done()
	cc.Drain()
	<-cc.Closed()
	return nil
}

// free waits for a free hand; false: nothing is to be taken any more.
func (h *hands) free(ctx context.Context) bool {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if held, _ := h.held(); held || ctx.Err() != nil {
		<-h.slots
		return false
	}
	return true
}

// finish waits for the running handlers, and aborts them when the grace is over.
func (h *hands) finish(abort func()) {
	done := make(chan struct{})
	go func() { h.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(h.grace):
		abort()
		<-done
	}
}

// one handles one message, saying that it is still in hand for as long as it is.
func (c *consumer) one(ctx context.Context, m jetstream.Msg) {
	d, err := delivery(m)
	if err != nil {
		_ = m.NakWithDelay(time.Second)
		return
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(traced(ctx, m.Headers()), HandlerDeadline)
	defer cancel()
	stop := keepAlive(m)
	err = c.safely(ctx, d)
	stop()
	c.bus.stats.handling.WithLabelValues(c.name).Observe(time.Since(start).Seconds())
	c.answer(ctx, d, m, err)
}

// safely handles d. A handler that panics has failed with this message, and must
// not take the others' work along.
func (c *consumer) safely(ctx context.Context, d Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.bus.log.Error("handler panicked", zap.String("consumer", c.name), zap.Uint64("sequence", d.Seq), zap.Stack("stack"))
			err = errPanic
		}
	}()
	return c.handle(ctx, d)
}

var errPanic = errors.New("bus: the handler panicked")

// keepAlive tells the broker every heartbeat that m is in hand, until stopped.
func keepAlive(m jetstream.Msg) (stop func()) {
	var mu sync.Mutex
	stopped := false
	var t *time.Timer
	mu.Lock()
	t = time.AfterFunc(heartbeat, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			_ = m.InProgress()
			t.Reset(heartbeat)
		}
	})
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		t.Stop()
	}
}

func delivery(m jetstream.Msg) (Delivery, error) {
	meta, err := m.Metadata()
	if err != nil {
		return Delivery{}, err
	}
	return Delivery{
		Stream: meta.Stream, Seq: meta.Sequence.Stream, Stored: meta.Timestamp.UTC(), Subject: m.Subject(),
		Header: http.Header(m.Headers()), Data: m.Data(), Deliveries: meta.NumDelivered,
	}, nil
}
