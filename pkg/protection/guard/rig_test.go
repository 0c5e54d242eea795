package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/protection/guard"
	"github.com/payloom/payloom/pkg/testkit"
)

// rules are quick, and count in whole calls.
var rules = protection.Rules{
	MinCalls: 4, Ratio: 0.5, Window: 30 * time.Second, Open: 10 * time.Second, MostOpen: time.Minute, Trial: 5 * time.Second,
}

// world is a broker with a clock that a test turns.
type world struct {
	t   *testing.T
	cfg bus.Config

	mu    sync.Mutex
	now   time.Time
	woken []payment.CommandID
	limit protection.Limit
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cfg: bustest.Server(t), now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	bustest.Provision(t, w.cfg, bus.Topology{})
	return w
}

func (w *world) clock(context.Context) (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now, nil
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) wake(_ context.Context, c payment.Command, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken = append(w.woken, c.ID)
	return nil
}

func (w *world) options(name string, s guard.Store) guard.Options {
	return guard.Options{
		Provider: payment.Computop, Replica: name, Store: s, Now: w.clock, Wake: w.wake, Rules: rules,
		Limit: func(payment.Merchant, string) protection.Limit { return w.limit },
	}
}

func (w *world) store(name string) *bus.Shared {
	w.t.Helper()
	s, err := bustest.Connect(w.t, w.cfg, name).Shared(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// replica is a guard with a connection of its own that runs until the test ends.
func (w *world) replica(i int) *guard.Guard {
	w.t.Helper()
	name := "replica-" + strconv.Itoa(i)
	return w.run(guard.New(w.options(name, w.store(name))))
}

func (w *world) run(g *guard.Guard) *guard.Guard {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	w.t.Cleanup(func() { stop(); <-done })
	select {
	case <-g.Ready():
	case <-time.After(20 * time.Second):
		w.t.Fatal("the guard is not ready after 20 s")
	}
	return g
}

func eu(m payment.Merchant) protection.Account {
	return protection.Account{Provider: payment.Computop, Merchant: m, Name: "eu"}
}

// ask asks for a call at demo's account.
func (w *world) ask(p protection.Purpose) protection.Ask { return w.askAt(eu("demo"), p, "c0") }

func (w *world) askAt(a protection.Account, p protection.Purpose, c payment.CommandID) protection.Ask {
	now, _ := w.clock(w.t.Context())
	return protection.Ask{Account: a, Purpose: p, Payment: "order-1", Command: c, Now: now}
}

// call makes a call that ends with o, and tells whether it was let through.
func (w *world) call(g *guard.Guard, a protection.Ask, o protection.Outcome, doubt bool) bool {
	p, wait := g.Enter(w.t.Context(), a)
	if wait.For > 0 {
		return false
	}
	p.Done(o, doubt)
	return true
}

// lets tells whether a call would be let through; it is not made.
func (w *world) lets(g *guard.Guard, a protection.Ask) bool {
	p, wait := g.Enter(w.t.Context(), a)
	if wait.For > 0 {
		return false
	}
	p.Drop()
	return true
}

// breakIt has the calls of g fail until its breaker is open.
func (w *world) breakIt(g *guard.Guard, doubt bool) {
	w.t.Helper()
	for i := range rules.MinCalls {
		a := w.askAt(eu("demo"), protection.Begin, payment.CommandID("c"+strconv.Itoa(i)))
		if !w.call(g, a, protection.Bad, doubt) {
			w.t.Fatalf("call %d was not let through", i+1)
		}
	}
	if w.lets(g, w.ask(protection.Begin)) {
		w.t.Fatal("the breaker is still closed")
	}
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	testkit.Eventually(w.t, 20*time.Second, func() error {
		if !ok() {
			return errors.New(what)
		}
		return nil
	})
}

// turn sets a switch as an operator does.
func (w *world) turn(s *bus.Shared, a protection.Account, m protection.Mode) {
	w.t.Helper()
	key := protection.Key(protection.SwitchRecord, a)
	now, _ := w.clock(w.t.Context())
	data, err := json.Marshal(protection.Switch{Mode: m, Since: now, By: "op", Reason: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	_, rev, err := s.Get(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := s.CompareAndSet(w.t.Context(), key, data, rev); err != nil {
		w.t.Fatal(err)
	}
}

// breaker reads the shared state of an account's breaker.
func (w *world) breaker(s *bus.Shared, a protection.Account) (b protection.Breaker) {
	w.t.Helper()
	data, _, err := s.Get(w.t.Context(), protection.Key(protection.BreakerRecord, a))
	if err == nil && len(data) > 0 {
		err = json.Unmarshal(data, &b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}
