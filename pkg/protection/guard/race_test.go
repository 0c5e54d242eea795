package guard_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/protection/guard"
)

// deaf is a store that tells of no change while it is deaf: what others do meanwhile
// is found out by whoever looks.
type deaf struct {
	guard.Store
	deaf atomic.Bool
}

func (s *deaf) Watch(ctx context.Context, filters []string, each func(string, []byte, uint64), caughtUp func()) {
	s.Store.Watch(ctx, filters, func(key string, value []byte, rev uint64) {
		if !s.deaf.Load() {
			each(key, value, rev)
		}
	}, caughtUp)
}

// deafReplica is a guard that runs and hears nothing once its store is deaf.
func (w *world) deafReplica(name string) (*guard.Guard, *deaf) {
	w.t.Helper()
	s := &deaf{Store: w.store(name)}
	return w.run(guard.New(w.options(name, s))), s
}

// TestChange_CountsOnWhatOthersStored: a replica that has not heard of the failures of
// another adds its own to them, and not to what it knew.
func TestChange_CountsOnWhatOthersStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.replica(1)
	b, hearing := w.deafReplica("deaf")
	hearing.deaf.Store(true)
	for range rules.MinCalls - 1 {
		w.call(a, w.ask(protection.Begin), protection.Bad, false)
	}
	if !w.lets(b, w.ask(protection.Begin)) {
		t.Fatal("it has heard of the others")
	}
	w.call(b, w.ask(protection.Begin), protection.Bad, false)
	if got := w.breaker(w.store("looker"), eu("demo")); got.Closed() || got.Bad != rules.MinCalls {
		t.Errorf("what all share: %+v, want it open by %d failures", got, rules.MinCalls)
	}
	if w.lets(b, w.ask(protection.Begin)) {
		t.Error("the replica that opened it goes on")
	}
}

// TestChange_NoTrialBesideOneItHasNotHeardOf: of two replicas that think a trial due,
// the second sees the first one's before it makes its own.
func TestChange_NoTrialBesideOneItHasNotHeardOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.replica(1)
	b, hearing := w.deafReplica("deaf")
	w.breakIt(a, false)
	w.eventually("the other one knows", func() bool { return !w.lets(b, w.ask(protection.Begin)) })
	hearing.deaf.Store(true)
	w.pass(rules.Open)
	p, wait := a.Enter(t.Context(), w.ask(protection.Begin))
	if wait.For > 0 {
		t.Fatalf("no trial is made: wait %v", wait)
	}
	if w.lets(b, w.ask(protection.Begin)) {
		t.Error("a second payment was tried beside the first")
	}
	p.Done(protection.Good, false)
	w.pass(rules.Trial)
	if !w.lets(b, w.ask(protection.Begin)) {
		t.Error("it has not looked whether the trial of the other went well")
	}
}

// blind is a store where others always come first, and that cannot be read then.
type blind struct {
	guard.Store
	blind atomic.Bool
}

func (s *blind) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if s.blind.Load() {
		return nil, 0, errAway
	}
	return s.Store.Get(ctx, key)
}

func (s *blind) CompareAndSet(ctx context.Context, key string, value []byte, rev uint64) (uint64, error) {
	if s.blind.Load() {
		return 0, fmt.Errorf("%s: %w", key, payment.ErrConflict)
	}
	return s.Store.CompareAndSet(ctx, key, value, rev)
}

// TestChange_WhatCannotBeReadAgainStaysAsItWas: a breaker that is open is not taken for
// one that nobody has touched because the store went away between two looks. Then this
// replica makes its own trial, and no more than that.
func TestChange_WhatCannotBeReadAgainStaysAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &blind{Store: w.store("a")}
	g := w.run(guard.New(w.options("a", s)))
	w.breakIt(g, false)
	w.pass(rules.Open)
	s.blind.Store(true)
	p, wait := g.Enter(t.Context(), w.ask(protection.Begin))
	if wait.For > 0 {
		t.Fatalf("no trial is made: wait %v", wait)
	}
	if w.lets(g, w.ask(protection.Begin)) {
		t.Error("a second payment was tried beside the first")
	}
	p.Done(protection.Bad, false)
	if w.lets(g, w.ask(protection.Begin)) {
		t.Error("the breaker is closed after a trial that failed")
	}
}

// turnstile is a store that lets one compare-and-set through at a time, when the test
// says so.
type turnstile struct {
	guard.Store
	entered chan struct{}
	pass    chan struct{}
}

func (s *turnstile) CompareAndSet(ctx context.Context, key string, value []byte, rev uint64) (uint64, error) {
	s.entered <- struct{}{}
	<-s.pass
	return s.Store.CompareAndSet(context.WithoutCancel(ctx), key, value, rev) // however long the test took
}

// TestCount_WhatFailsMeanwhileIsToldInTheBackground: while one failure is being told
// others come, and then more while those are. All are told, and no call waits for
// more than its own.
func TestCount_WhatFailsMeanwhileIsToldInTheBackground(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &turnstile{Store: w.store("a"), entered: make(chan struct{}, 10), pass: make(chan struct{}, 10)}
	g := w.run(guard.New(w.options("a", s)))
	fail := func(what string) <-chan struct{} {
		p, wait := g.Enter(t.Context(), w.ask(protection.Begin))
		if wait.For > 0 {
			t.Fatalf("%s is held up", what)
		}
		done := make(chan struct{})
		go func() { defer close(done); p.Done(protection.Bad, false) }()
		return done
	}
	first := fail("the first call")
	within(t, "the first failure is told", s.entered)
	within(t, "the second call returns, though nothing is told", fail("the second call"))
	s.pass <- struct{}{}
	within(t, "the first call returns, though the second failure is not told", first)
	within(t, "the second failure is told", s.entered)
	within(t, "the third call returns, though nothing is told", fail("the third call"))
	s.pass <- struct{}{}
	within(t, "the third failure is told", s.entered)
	s.pass <- struct{}{}
	store := w.store("looker")
	w.eventually("three failures are counted", func() bool { return w.breaker(store, eu("demo")).Bad == 3 })

	s.pass <- struct{}{}
	within(t, "a fourth call tells by itself, the rest being told", fail("the fourth call"))
	w.eventually("four failures open it", func() bool { got := w.breaker(store, eu("demo")); return got.Bad == 4 && !got.Closed() })
}

// within waits for what a test expects.
func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("not within 20 s: " + what)
	}
}
