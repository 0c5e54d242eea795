package worker

import (
	"context"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
)

// observer is a guard that lets every call through, and looks when it is told what a
// call gave.
type observer struct{ told func() }

func (o observer) Enter(context.Context, protection.Ask) (protection.Pass, protection.Wait) {
	return o, protection.Wait{}
}

func (observer) Wanted(protection.Account, payment.CommandID, time.Time) bool { return false }
func (o observer) Done(protection.Outcome, bool)                              { o.told() }
func (observer) Drop()                                                        {}

// TestHandle_OutcomeIsStoredBeforeOthersAreTold: telling the breaker may take as long
// as its store is away, and an outcome in hand must not wait for that.
func TestHandle_OutcomeIsStoredBeforeOthersAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	cmd, w, seen := r.command(payment.Capture, "cap", 400), r.worker(), 0
	w.guard = observer{func() {
		seen++
		if op, _ := r.head().Payment.Operation(cmd.ID); op.Status != payment.OpSucceeded {
			t.Errorf("others are told while the operation is %q", op.Status)
		}
	}}
	checkStatus(t, r.bring(w, cmd), payment.OpSucceeded)
	if seen != 1 {
		t.Errorf("told %d times", seen)
	}
}
