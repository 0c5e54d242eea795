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
)

// rig is workers on a real broker before a bank, with a payment of their own.
type rig struct {
	t    *testing.T
	bus  *bus.Bus
	bank *bank
	wake *wakes
	id   payment.ID
}

// wakes remembers timers, so that a test need not wait for whole seconds.
type wakes struct {
	mu  sync.Mutex
	set []time.Time
}

func (w *wakes) Wake(_ context.Context, _ payment.Command, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set = append(w.set, at)
	return nil
}

// rigs counts payments, so that rigs may share a broker.
var rigs atomic.Int64

func newRig(t *testing.T, b *bank) *rig {
	t.Helper()
	return rigOn(t, bustest.New(t, bus.Topology{Shards: 2}), b)
}

func rigOn(t *testing.T, broker *bus.Bus, b *bank) *rig {
	id := payment.ID("order-" + strconv.FormatInt(rigs.Add(1), 10))
	return &rig{t: t, bus: broker, bank: b, wake: &wakes{}, id: id}
}

// worker returns a worker whose times fit a test.
func (r *rig) worker() *Worker {
	return New(Options{
		Ledger: r.bus, Timers: r.wake, Provider: r.bank,
		Limits: Limits{SendWindow: 500 * time.Millisecond, CallTimeout: 2 * time.Second, StoreReserve: 5 * time.Second, ParkAfter: 100 * time.Millisecond, Pause: 20 * time.Millisecond, LongestNak: 15 * time.Millisecond},
	})
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
		c.Authorization = &payment.Authorization{Method: payment.Button, Capture: payment.CaptureManual}
	}
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

// authorized brings a payment to authorised over minor.
func (r *rig) authorized(minor int64) {
	r.t.Helper()
	script := r.bank.script
	r.bank.set(func(b *bank) { b.script = nil })
	r.bring(r.worker(), r.command(payment.Authorize, "open", minor))
	r.bank.set(func(b *bank) { b.script, b.calls, b.asked, b.effects = script, 0, 0, map[payment.CommandID]int{} })
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

// checkOnce checks that the bank acted exactly n times, once per command.
func (r *rig) checkOnce(n int) {
	r.t.Helper()
	if all, most := r.bank.total(); all != n || most > 1 {
		r.t.Errorf("the bank acted %d times, %d times for one command; want %d, once each", all, most, n)
	}
}

func checkStatus(t *testing.T, op payment.Operation, want payment.OpStatus) {
	t.Helper()
	if op.Status != want {
		t.Errorf("operation is %q (%s), want %q", op.Status, op.Reason, want)
	}
}

var _ provider.Provider = (*bank)(nil)
