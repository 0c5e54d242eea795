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

// crossing is a ledger whose clock has just been steady for long enough when it is
// asked the second time.
type crossing struct {
	ahead
	asked int
}

func (c *crossing) Steady() time.Duration {
	if c.asked++; c.asked == 1 {
		return settle - time.Nanosecond
	}
	return settle
}

// TestHandle_OneKeyIsNeverVoided: what is sent again under its own key for ever gets
// no other one, at whatever moment the clock counts as steady again.
func TestHandle_OneKeyIsNeverVoided(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T2)
	r.authorized(1000, lostBefore)
	w, cmd := r.worker(), r.command(payment.Capture, "cap", 1000)
	r.deliver(w, cmd)
	w.ledger = &crossing{ahead: ahead{Ledger: r.bus, by: time.Hour}}
	r.deliver(w, cmd)
	op, _ := r.head().Payment.Operation(cmd.ID)
	checkStatus(t, op, payment.OpUnknown)
	w.ledger = &jumpy{ahead: ahead{Ledger: r.bus, by: time.Hour}, steady: settle}
	if op = r.bring(w, cmd); op.Attempt.Number != 1 {
		t.Errorf("attempt %d, want the first one sent again", op.Attempt.Number)
	}
	checkStatus(t, op, payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
}
