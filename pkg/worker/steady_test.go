package worker

import (
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// jumpy is a ledger whose time has jumped.
type jumpy struct {
	ahead
	steady time.Duration
}

func (j *jumpy) Steady() time.Duration { return j.steady }

// TestHandle_AJumpOfTheClockVoidsNothing: another broker leads, by whose clock an
// attempt that was begun a moment ago is old. That the provider does not know it yet
// is believed only when the new clock has gone on for the settle time.
func TestHandle_AJumpOfTheClockVoidsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000, lostBefore)
	w, cmd := r.worker(), r.command(payment.Capture, "cap", 1000)
	r.deliver(w, cmd)
	l := &jumpy{ahead: ahead{Ledger: r.bus, by: time.Hour}}
	w.ledger = l
	for _, l.steady = range []time.Duration{0, settle - time.Millisecond} {
		r.deliver(w, cmd)
		op, _ := r.head().Payment.Operation(cmd.ID)
		checkStatus(t, op, payment.OpUnknown)
		if op.Attempt.Number != 1 || r.calls() != 1 {
			t.Errorf("steady for %s: attempt %d, %d calls; want one of each", l.steady, op.Attempt.Number, r.calls())
		}
	}
	l.steady = settle
	checkStatus(t, r.bring(w, cmd), payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
}
