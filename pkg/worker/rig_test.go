package worker

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// rig is workers on a real broker before a provider, with a payment of their own.
type rig struct {
	t    *testing.T
	bus  *bus.Bus
	fake *providertest.Fake
	wake *wakes
	id   payment.ID

	hold   func()                      // called inside Submit, before anything is done
	told   func(providertest.Delivery) // called with callbacks, before Submit returns
	before int                         // calls of Submit before the one that is tested
}

// wakes remembers timers, so that a test need not wait for whole seconds.
type wakes struct {
	mu       sync.Mutex
	set      []time.Time
	commands []payment.Command
}

func (w *wakes) Wake(_ context.Context, c payment.Command, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set, w.commands = append(w.set, at), append(w.commands, c)
	return nil
}

// rigs counts payments, so that rigs may share a broker.
var rigs atomic.Int64

// settle is after what time a provider's "not found" is believed here, and window
// how long a worker may send: shorter, or it might send after that.
const (
	settle = 300 * time.Millisecond
	window = 200 * time.Millisecond
)

func newRig(t *testing.T, class provider.Class) *rig {
	t.Helper()
	return rigOn(t, bustest.New(t, bus.Topology{Shards: 2}), class)
}

func rigOn(t *testing.T, broker *bus.Bus, class provider.Class) *rig {
	id := payment.ID("order-" + strconv.FormatInt(rigs.Add(1), 10))
	r := &rig{t: t, bus: broker, wake: &wakes{}, id: id, hold: func() {}, told: func(providertest.Delivery) {}}
	r.fake = providertest.NewFake(capability(class), providertest.Hooks{
		Submit:   func(provider.Call) { r.hold() },
		Callback: func(d providertest.Delivery) { r.told(d) },
	})
	return r
}

// capability is that of every fake, with times that fit a test.
func capability(class provider.Class) provider.Capability {
	c := providertest.FakeCapability(class)
	for kind, r := range c.Recovery {
		r.Settle = settle
		c.Recovery[kind] = r
	}
	c.Direct.Settle = settle
	c.SessionTTL, c.PollAfter = 50*time.Millisecond, 50*time.Millisecond
	return c
}

// worker returns a worker whose times fit a test.
func (r *rig) worker() *Worker {
	return New(Options{
		Ledger: r.bus, Timers: r.wake, Provider: r.fake,
		Limits: Limits{SendWindow: window, CallTimeout: 2 * time.Second, StoreReserve: 5 * time.Second, ParkAfter: 100 * time.Millisecond, GiveUp: 72 * time.Hour, Pause: 20 * time.Millisecond, LongestNak: 15 * time.Millisecond},
	})
}

// workerOf returns the worker of another provider.
func (r *rig) workerOf(p payment.Provider) *Worker {
	w := r.worker()
	w.cap.Provider = p
	return w
}

func (r *rig) command(kind payment.Kind, req string, minor int64) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID(string(r.id) + req), Payment: r.id, Provider: payment.Computop, Kind: kind, At: time.Now().UTC(),
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if minor > 0 {
		c.Amount = payment.Money{Minor: minor, Currency: "EUR"}
	}
	if kind == payment.Authorize {
		c.Authorization = &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureManual}
	}
	return c
}

// checkout is a payment that its buyer has to agree to.
func (r *rig) checkout(minor int64) payment.Command {
	c := r.command(payment.Authorize, "open", minor)
	c.Authorization.Method = payment.Button
	return c
}

// bring delivers cmd to w, again and again as the queue and the timers would,
// until it is answered.
func (r *rig) bring(w *Worker, cmd payment.Command) payment.Operation {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		timers := r.wake.count()
		err := w.Handle(r.t.Context(), cmd)
		var l laterError
		switch {
		case errors.As(err, &l):
			time.Sleep(min(l.after, 100*time.Millisecond)) // the queue's delay
		case err != nil:
			r.t.Fatalf("handle: %v", err)
		case r.wake.count() == timers:
			op, _ := r.head().Payment.Operation(cmd.ID)
			return op
		default:
			time.Sleep(20 * time.Millisecond) // a timer's
		}
	}
	r.t.Fatalf("%s is not answered after 20 s: %+v", cmd.Kind, r.head().Payment.Operations)
	return payment.Operation{}
}

func (w *wakes) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.set)
}

func (r *rig) head() payment.Head {
	r.t.Helper()
	h, err := r.bus.Load(r.t.Context(), "demo", r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// answered tells whether cmd has come to its end.
func (r *rig) answered(cmd payment.Command) bool {
	op, ok := r.head().Payment.Operation(cmd.ID)
	return ok && op.Status.Terminal()
}

// authorized brings a payment to authorised over minor. Then the provider does as
// script says.
func (r *rig) authorized(minor int64, script ...providertest.Step) {
	r.t.Helper()
	checkStatus(r.t, r.bring(r.worker(), r.command(payment.Authorize, "open", minor)), payment.OpSucceeded)
	r.before, _ = r.fake.Calls()
	r.fake.Script(script...)
}

// calls returns how often Submit was called since the payment was authorised.
func (r *rig) calls() int {
	n, _ := r.fake.Calls()
	return n - r.before
}

// killedAt lets w handle cmd and kills it at a point: nothing after it runs.
// It tells whether the point was reached.
func (r *rig) killedAt(w *Worker, p Point, cmd payment.Command) bool {
	reached := false
	w.probe = func(at Point) {
		if at == p {
			reached = true
			runtime.Goexit()
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Handle(r.t.Context(), cmd)
	}()
	<-done
	return reached
}

// learn records a callback at once, as the interpreter would.
func (r *rig) learn(d providertest.Delivery) {
	cb, err := providertest.FakeParser{}.ParseCallback(d.Header, d.Body)
	if err != nil {
		r.t.Error(err)
		return
	}
	cb.Observation.Source = payment.FromCallback
	h := r.head()
	events, err := payment.Observe(h.Payment, cb.Observation, time.Now())
	if err != nil || len(events) != 1 {
		r.t.Errorf("callback: %d events, %v", len(events), err)
		return
	}
	if _, err := r.bus.Append(r.t.Context(), h, events[0]); err != nil {
		r.t.Error(err)
	}
}

// checkOnce checks that exactly n operations of a kind took effect, once each.
func (r *rig) checkOnce(k payment.Kind, n int) {
	r.t.Helper()
	counts := map[payment.CommandID]int{}
	for _, e := range r.fake.Effects() {
		if e.Kind == k {
			counts[e.Command]++
		}
	}
	for c, times := range counts {
		if times > 1 {
			r.t.Errorf("%s %s took effect %d times", k, c, times)
		}
	}
	if len(counts) != n {
		r.t.Errorf("%d operations took effect, want %d", len(counts), n)
	}
}

func checkStatus(t *testing.T, op payment.Operation, want payment.OpStatus) {
	t.Helper()
	if op.Status != want {
		t.Errorf("operation is %q (%s), want %q", op.Status, op.Reason, want)
	}
}
