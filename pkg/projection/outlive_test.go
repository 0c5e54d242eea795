package projection

import (
	"testing"

	"github.com/payloom/payloom/pkg/payment"
)

// outlived returns a world with a payment p1 whose ledger, the events 1 to 11,
// and commands, 1 to 5, are those of another one's that stand for what has
// expired: two follow-ups began a ledger anew after that.
func outlived(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, 1)
	w.settle(t, "old")
	p, stop := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	stop()
	for _, table := range []string{"payments", "operations", "events", "refs", "commands"} {
		if _, err := w.pool.Exec(t.Context(), "UPDATE "+table+" SET payment_id = 'p1' WHERE payment_id = 'old'"); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		c := w.accept(t, followUp("p1", payment.Capture, 7+n, euros(1)))
		w.tell(t, c, payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonNotStarted})
	}
	w.settle(t, "p2")
	return w
}

func TestProjector_GoesOnWhenAPaymentOutlivesItsLedger(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]int{"in one batch": 500, "one by one": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := outlived(t)
			p, _ := w.project(t, forgetful(w.bus, map[string]uint64{events0: 12, commands0: 6}), Options{Batch: batch})
			w.caughtUp(t, p)
			if got := w.count(t, `SELECT count(*) FROM payments WHERE payment_id = 'p1' AND state = 'partially_refunded' AND captured = 600
				AND version = 2 AND attention AND outlived
				AND quarantined = 'event EVENTS_0/12 began a ledger anew: the payment''s former events have expired'`); got != 1 {
				t.Error("the payment is not as its former events left it, or not marked")
			}
			if got := w.count(t, "SELECT count(*) FROM payments WHERE payment_id = 'p2' AND state = 'partially_refunded' AND NOT attention"); got != 1 {
				t.Error("the payment after it is not whole")
			}
			if got := w.count(t, "SELECT count(*) FROM operations WHERE payment_id = 'p1' AND status = 'rejected' AND reason = $1", payment.ReasonNotStarted); got != 2 {
				t.Errorf("%d follow-ups are rejected, want 2", got)
			}
			for name, first := range map[string]map[string]uint64{
				"the former events": {events0: 12, commands0: 6},
				"the new beginning": {events0: 13, commands0: 6},
				"all of them":       {events0: 20, commands0: 9},
			} {
				r, err := Rebuild(t.Context(), forgetful(w.bus, first), w.dsn, RebuildOptions{})
				if err != nil {
					t.Fatalf("rebuild without %s: %v %v", name, err, r.Differences)
				}
				checkEqual(t, r)
			}
		})
	}
}

// As long as the stream has the former events, version 1 once more is a fault.
func TestProjector_HaltsWhenALedgerBeginsAnewTooEarly(t *testing.T) {
	t.Parallel()
	w := outlived(t)
	p, _ := w.project(t, forgetful(w.bus, map[string]uint64{events0: 11}), Options{})
	checkHalts(t, p, Version)
}
