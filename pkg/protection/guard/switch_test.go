package guard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/protection/guard"
)

func TestSwitch_PauseDrainResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g, op := w.replica(1), w.store("operator")
	whole := protection.Account{Provider: payment.Computop}
	for _, step := range []struct {
		mode                      protection.Mode
		begin, proceed, ask, held bool
	}{
		{protection.Paused, false, false, false, true},
		{protection.Draining, false, true, true, false},
		{protection.Running, true, true, true, false},
	} {
		_, changed := g.Held()
		w.turn(op, whole, step.mode)
		<-changed
		if held, _ := g.Held(); held != step.held {
			t.Errorf("%s: held %v", step.mode, held)
		}
		for purpose, want := range map[protection.Purpose]bool{protection.Begin: step.begin, protection.Continue: step.proceed, protection.Inquire: step.ask} {
			if got := w.lets(g, w.ask(purpose)); got != want {
				t.Errorf("%s lets purpose %d: %v", step.mode, purpose, got)
			}
		}
	}
}

// TestSwitch_OfOneAccount: nothing else is held up, and pulling goes on.
func TestSwitch_OfOneAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g, op := w.replica(1), w.store("operator")
	w.turn(op, eu("demo"), protection.Paused)
	w.eventually("the account is paused", func() bool { return !w.lets(g, w.ask(protection.Begin)) })
	if held, _ := g.Held(); held {
		t.Error("the whole provider is held back")
	}
	if !w.lets(g, w.askAt(eu("other"), protection.Begin, "c1")) {
		t.Error("another merchant is held up")
	}
	if s := g.Summary(); !strings.Contains(s, "computop/demo/eu is paused") || !strings.Contains(s, "by op") {
		t.Errorf("summary %q", s)
	}
	w.pass(time.Hour)
	if _, wait := g.Enter(t.Context(), w.ask(protection.Begin)); wait.For < 50*time.Second || wait.For > 70*time.Second {
		t.Errorf("after an hour's pause a command comes back after %s, want a minute", wait.For)
	}
}

// TestSwitch_OutlivesTheWorker: a worker that starts knows before its first call.
func TestSwitch_OutlivesTheWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.turn(w.store("operator"), protection.Account{Provider: payment.Computop}, protection.Paused)
	w.turn(w.store("operator"), protection.Account{Provider: payment.Axerve}, protection.Running)
	g := w.replica(1)
	if held, _ := g.Held(); !held {
		t.Error("a worker that starts pulls for a provider that is paused")
	}
	o := w.options("b", w.store("b"))
	o.Provider = payment.Axerve
	if held, _ := w.run(guard.New(o)).Held(); held {
		t.Error("another provider is held back")
	}
}
