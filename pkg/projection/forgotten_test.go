package projection

import (
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
)

// TestProjector_RequestAgainAfterItWasForgotten: a request that the broker had forgotten
// and stores anew is the command that the rows have had all the time.
func TestProjector_RequestAgainAfterItWasForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "p1")
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	const operations = "SELECT count(*) FROM operations"
	before := w.count(t, operations)
	bustest.Forget(t, w.cfg, bus.Topology{})
	w.accept(t, authorize("p1"))
	w.accept(t, followUp("p1", payment.Capture, 1, euros(600)))
	w.settle(t, "p2")
	w.caughtUp(t, p)
	if got := w.count(t, operations); got != 2*before {
		t.Errorf("%d operations in the rows, want %d: those of each payment once", got, 2*before)
	}
	if got := w.count(t, "SELECT captured FROM payments WHERE payment_id = 'p1'"); got != 600 {
		t.Errorf("captured %d, want 600", got)
	}
}
