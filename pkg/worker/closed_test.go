package worker

import (
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// A command whose personal data was erased is half a command, and not carried out.
func TestHandle_ErasedBeforeItBegan(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	cmd := r.command(payment.Authorize, "open", 100)
	cmd.Closed = true
	r.deliver(r.worker(), cmd)
	if p := r.head().Payment; p.State != payment.StateRejected || r.calls() != 0 {
		t.Errorf("state %q, %d calls", p.State, r.calls())
	}
}

func TestHandle_ErasedBetweenAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000, refuse)
	w := r.worker()
	cmd := r.command(payment.Capture, "cap", 1000)
	r.deliver(w, cmd)
	op, _ := r.head().Payment.Operation(cmd.ID)
	checkStatus(t, op, payment.OpWaiting)
	before := r.calls()
	cmd.Closed = true
	op = r.bring(w, cmd)
	checkStatus(t, op, payment.OpRejected)
	if r.calls() != before {
		t.Errorf("%d calls after the erasure", r.calls()-before)
	}
}

// What the provider may have executed is not sent again without half of it, even
// where it would suppress the repeat: a person finds out.
func TestHandle_ErasedWhileInDoubt(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T1)
	w := r.worker()
	cmd := r.unsettled(w, lostAfter, payment.OpUnknown)
	before := r.calls()
	cmd.Closed = true
	r.deliver(w, cmd)
	op, _ := r.head().Payment.Operation(cmd.ID)
	checkStatus(t, op, payment.OpParked)
	if r.calls() != before {
		t.Errorf("%d calls after the erasure", r.calls()-before)
	}
}
