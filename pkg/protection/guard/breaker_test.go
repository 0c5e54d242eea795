package guard_test

import (
	"slices"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
)

// TestBreaker_OpensForAllReplicas: each sees too few failures to tell; together
// they see enough.
func TestBreaker_OpensForAllReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.replica(1), w.replica(2)
	for range rules.MinCalls / 2 {
		w.call(a, w.ask(protection.Begin), protection.Bad, false)
	}
	if !w.lets(a, w.ask(protection.Begin)) {
		t.Fatal("two failures of one replica opened it")
	}
	for range rules.MinCalls / 2 {
		w.call(b, w.ask(protection.Begin), protection.Bad, false)
	}
	w.eventually("both leave the account alone", func() bool {
		return !w.lets(a, w.ask(protection.Begin)) && !w.lets(b, w.ask(protection.Begin))
	})
}

// TestBreaker_GoodCallsOfOthersCount: what fails at one replica only is that
// replica's trouble.
func TestBreaker_GoodCallsOfOthersCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sick, well := w.replica(1), w.replica(2)
	w.call(sick, w.ask(protection.Begin), protection.Bad, false)
	for range 20 {
		w.call(well, w.ask(protection.Begin), protection.Good, false)
	}
	// The well one hears of the failure, and tells of its own calls.
	store := w.store("looker")
	w.eventually("the good calls are counted", func() bool {
		w.pass(1100 * time.Millisecond)
		w.call(well, w.ask(protection.Begin), protection.Good, false)
		return w.breaker(store, eu("demo")).Good >= 20
	})
	for range rules.MinCalls {
		w.call(sick, w.ask(protection.Begin), protection.Bad, false)
	}
	if !w.lets(sick, w.ask(protection.Begin)) {
		t.Error("five failures among more than twenty good calls opened it")
	}
}

// TestBreaker_OneMerchantsKeyIsNobodyElses: an account that is refused is left
// alone at once, and no other one.
func TestBreaker_OneMerchantsKeyIsNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.replica(1), w.replica(2)
	if !w.call(a, w.askAt(eu("bad-key"), protection.Begin, "c1"), protection.Refused, false) {
		t.Fatal("the first call was held up")
	}
	w.eventually("the account is left alone by both", func() bool {
		return !w.lets(a, w.askAt(eu("bad-key"), protection.Begin, "c2")) && !w.lets(b, w.askAt(eu("bad-key"), protection.Begin, "c2"))
	})
	other := eu("bad-key")
	other.Name = "us"
	for _, account := range []protection.Account{eu("demo"), other} {
		if !w.lets(a, w.askAt(account, protection.Begin, "c3")) || !w.lets(b, w.askAt(account, protection.Begin, "c3")) {
			t.Errorf("%s is left alone, too", account)
		}
	}
}

// TestBreaker_ClosesByAsking: whoever comes when a trial is due has an attempt
// in doubt asked about, and is not called itself.
func TestBreaker_ClosesByAsking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.replica(1), w.replica(2)
	w.breakIt(a, true)
	w.pass(rules.Open)
	if w.lets(a, w.ask(protection.Begin)) {
		t.Fatal("a payment was tried before an inquiry")
	}
	w.mu.Lock()
	woken := slices.Clone(w.woken)
	now := w.now
	w.mu.Unlock()
	if !slices.Equal(woken, []payment.CommandID{"c3"}) {
		t.Fatalf("woken: %v, want the newest attempt in doubt", woken)
	}
	w.eventually("the other replica knows whom to ask about", func() bool { return b.Wanted(eu("demo"), "c3", now) })
	if w.lets(b, w.ask(protection.Begin)) {
		t.Error("a payment was tried beside the inquiry")
	}
	if !w.call(b, w.askAt(eu("demo"), protection.Inquire, "c3"), protection.Good, false) {
		t.Fatal("the inquiry was held up")
	}
	w.eventually("both are open for payments", func() bool {
		return w.lets(a, w.ask(protection.Begin)) && w.lets(b, w.ask(protection.Begin))
	})
}

// TestBreaker_OneRealCallAtATime: with nothing to ask about one replica tries one
// payment; when it fails the account is left alone for longer.
func TestBreaker_OneRealCallAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.replica(1), w.replica(2)
	w.breakIt(a, false)
	w.eventually("the other one knows", func() bool { return !w.lets(b, w.ask(protection.Begin)) })
	w.pass(rules.Open)
	p, wait := a.Enter(t.Context(), w.ask(protection.Begin))
	if wait.For > 0 {
		t.Fatalf("no trial is made: wait %v", wait)
	}
	if w.lets(a, w.ask(protection.Begin)) || w.lets(b, w.ask(protection.Begin)) {
		t.Error("a second payment was tried beside the first")
	}
	p.Done(protection.Bad, false)
	w.pass(rules.Open)
	if w.lets(a, w.ask(protection.Begin)) {
		t.Error("it was tried again as soon as the first time")
	}
	w.pass(rules.Open)
	if !w.call(a, w.ask(protection.Begin), protection.Good, false) {
		t.Fatal("no second trial is made")
	}
	w.eventually("both are closed", func() bool {
		return w.lets(a, w.ask(protection.Begin)) && w.lets(b, w.ask(protection.Begin))
	})
}

// TestBreaker_DroppedTrialIsAnothers: who was to make the trial lost a race before.
func TestBreaker_DroppedTrialIsAnothers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.replica(1)
	w.breakIt(a, false)
	w.pass(rules.Open)
	p, wait := a.Enter(t.Context(), w.ask(protection.Begin))
	if wait.For > 0 {
		t.Fatalf("no trial is made: wait %v", wait)
	}
	p.Drop()
	if !w.call(a, w.ask(protection.Begin), protection.Good, false) {
		t.Error("nobody else may try")
	}
}

// TestBreaker_AsksALittleWhileOpen: attempts that are open already are recovered,
// within a budget, and never sent again.
func TestBreaker_AsksALittleWhileOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.replica(1)
	w.breakIt(a, false)
	asked := 0
	for range 30 {
		if w.call(a, w.ask(protection.Inquire), protection.Bad, true) {
			asked++
		}
		if w.lets(a, w.ask(protection.Continue)) {
			t.Fatal("an attempt was sent again")
		}
		w.pass(100 * time.Millisecond)
	}
	if asked != 3 {
		t.Errorf("asked %d times in three seconds, want 3", asked)
	}
}

// TestBreaker_TheBacklogComesBackInTurn: what is set aside until the same moment
// does not come back in it.
func TestBreaker_TheBacklogComesBackInTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.replica(1)
	w.breakIt(a, false)
	var last time.Duration
	for i := range 300 {
		_, wait := a.Enter(t.Context(), w.ask(protection.Begin))
		if wait.For < rules.Open || wait.Until != protection.ForProvider {
			t.Fatalf("waits %v", wait)
		}
		if i > 0 && wait.For-last < 9*time.Millisecond {
			t.Fatalf("command %d comes back %s after the one before", i, wait.For-last)
		}
		last = wait.For
	}
}
