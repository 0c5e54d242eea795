package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
)

// twiceRefunded is a payment at Axerve that was captured and refunded in two parts.
func (w *world) twiceRefunded(id payment.ID) {
	w.t.Helper()
	w.at = payment.Axerve
	do := func(req payment.ReqID, kind payment.Kind, as string, amount int64) {
		c := w.command(id, req, kind, amount)
		w.intent(id, c, kind, amount)
		w.otherEffect(id, as, amount)
		w.event(id, c, payment.OperationSucceeded{Ref: "x", Amount: amount})
	}
	do("open", payment.Authorize, "authorize", 1000)
	w.otherEffect(id, "mandate", 0)
	do("capture", payment.Capture, "capture", 800)
	do("refund-1", payment.Refund, "refund", 300)
	do("refund-2", payment.Refund, "refund", 200)
}

// paidOut is a payout that succeeded.
func (w *world) paidOut(id payment.ID) payment.CommandID {
	w.t.Helper()
	w.at = payment.ECommPay
	c := w.command(id, payment.ReqID("pay-"+id), payment.Payout, 1000)
	w.intent(id, c, payment.Payout, 1000)
	w.otherEffect(id, "payout", 1000)
	w.event(id, c, payment.OperationSucceeded{Ref: "x", Amount: 1000})
	return c
}

// TestRun_OtherLedgers breaks one thing at a time in the ledgers of Axerve and
// ECommPay.
func TestRun_OtherLedgers(t *testing.T) {
	t.Parallel()
	axerve, ecommpay := payment.Axerve, payment.ECommPay
	tests := map[string]struct {
		plant func(w *world)
		want  []string
	}{
		"nothing": {plant: func(*world) {}},
		"a refund that the provider did twice": {
			plant: func(w *world) { w.at = axerve; w.otherEffect("ax", "refund", 200) }, want: []string{"I3 doubled"},
		},
		"a refund that the provider never did": {
			plant: func(w *world) { l := w.others[axerve]; w.others[axerve] = l[:len(l)-1] }, want: []string{"I3 lost"},
		},
		"a capture of another amount": {
			plant: func(w *world) { w.others[axerve][2].Amount = 900 }, want: []string{"I3 wrong"},
		},
		"a transaction that nobody asked for": {
			plant: func(w *world) { w.at = axerve; w.otherEffect("nobody", "authorize", 1000) }, want: []string{"I4 doubled"},
		},
		"an effect of a kind that is not known": {
			plant: func(w *world) { w.at = axerve; w.otherEffect("ax", "gift", 1) }, want: []string{"I3 wrong"},
		},
		"an authorisation before its intent": {
			plant: func(w *world) { w.others[axerve][0].Time = noon }, want: []string{"I4 wrong"},
		},
		"a payout that was paid twice": {
			plant: func(w *world) { w.at = ecommpay; w.otherEffect("out", "payout", 1000) }, want: []string{"I3 doubled"},
		},
		"a payout that was declined": {
			plant: func(w *world) { w.others[ecommpay][0].Void = true }, want: []string{"I3 lost"},
		},
		"a payout that was taken back, as is known": {
			plant: func(w *world) {
				w.at = ecommpay
				w.otherEffect("out", "reversal", 1000)
				w.event("out", payment.DeriveCommandID(merchant, "pay-out"), payment.OperationReversed{})
			},
		},
		"a payout that was taken back, and nobody knows": {
			plant: func(w *world) { w.at = ecommpay; w.otherEffect("out", "reversal", 1000) }, want: []string{"I3 lost"},
		},
		"a payout that is taken back here alone": {
			plant: func(w *world) {
				w.at = ecommpay
				w.event("out", payment.DeriveCommandID(merchant, "pay-out"), payment.OperationReversed{})
			},
			want: []string{"I3 wrong"},
		},
		"a reversal of nothing": {
			plant: func(w *world) { w.others[ecommpay][0].Kind = "reversal" }, want: []string{"I3 wrong"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.captured(order, 1000)
			w.twiceRefunded("ax")
			w.paidOut("out")
			tt.plant(w)
			r := w.mustRun(Inputs{})
			if d := cmp.Diff(tt.want, broken(r)); d != "" {
				t.Errorf("%s\n%+v", d, r.Violations())
			}
		})
	}
}

func TestRun_APaymentWithoutLedgerIsSaidToBeLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.captured(order, 1000)
	w.paidOut("out")
	delete(w.others, payment.ECommPay)
	r := w.mustRun(Inputs{})
	if !r.OK() {
		t.Errorf("%+v", r.Violations())
	}
	want := []string{"no simulator has a ledger of ecommpay: 1 payment(s) there were left out"}
	for _, i := range r.Results {
		if i.ID == "I3" && cmp.Diff(want, i.Exceptions) != "" {
			t.Errorf("I3 says %q", i.Exceptions)
		}
	}
}

// A provider without a book would never be compared with its ledger.
func TestBooks_HaveEveryProvider(t *testing.T) {
	t.Parallel()
	known := map[payment.Provider]bool{}
	for _, b := range books() {
		known[b.provider] = true
	}
	for _, p := range payment.Providers() {
		if !known[p] {
			t.Errorf("nobody reads the ledger of %s", p)
		}
	}
}
