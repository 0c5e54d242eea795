package payment_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
)

// orders yields every order of s.
func orders[T any](s []T) iter.Seq[[]T] {
	return func(yield func([]T) bool) { permute(slices.Clone(s), 0, yield) }
}

func permute[T any](s []T, from int, yield func([]T) bool) bool {
	if from == len(s) {
		return yield(slices.Clone(s))
	}
	for i := from; i < len(s); i++ {
		s[from], s[i] = s[i], s[from]
		if !permute(s, from+1, yield) {
			return false
		}
		s[from], s[i] = s[i], s[from]
	}
	return true
}

// refunding returns a captured payment with three refunds under way, and the five
// callbacks that its provider sends.
func refunding(t testing.TB) (*ledger, []payment.Observation) {
	t.Helper()
	l := newLedger(t)
	open, capture := command(payment.Authorize, "open", 1000), command(payment.Capture, "cap", 1000)
	l.mustStart(open)
	l.observe(answer(open, approved("a", 1000)))
	l.mustStart(capture)
	l.observe(answer(capture, approved("c", 1000)))
	told := []payment.Observation{callback(payment.Authorize, approved("a", 1000)), callback(payment.Capture, approved("c", 1000))}
	for ref, r := range map[string]payment.Result{
		"r1": approved("r1", 100), "r2": {Status: payment.Failed, Ref: "r2", Reason: payment.ReasonRefundBlocked}, "r3": approved("r3", 300),
	} {
		refund := command(payment.Refund, ref, map[string]int64{"r1": 100, "r2": 200, "r3": 300}[ref])
		l.mustStart(refund)
		l.observe(answer(refund, payment.Result{Status: payment.Pending, Ref: ref}))
		told = append(told, callback(payment.Refund, r))
	}
	return l, told
}

// TestObserve_AllOrdersOfFive: five callbacks, each of them twice, end in the same
// payment in every order.
func TestObserve_AllOrdersOfFive(t *testing.T) {
	t.Parallel()
	l, told := refunding(t)
	start := *l
	var first *payment.Payment
	n := 0
	for order := range orders(told) {
		l := start
		l.events = slices.Clone(start.events)
		for i, o := range order {
			l.observe(o)
			l.observe(order[i/2]) // an earlier one once more
			checkMoney(t, l.p)
		}
		for _, o := range order {
			if events := l.observe(o); len(events) > 0 {
				t.Fatalf("order %v: %s once more says %s", refs(order), o.Ref, events[0].Data.Type())
			}
		}
		if first == nil {
			first = &l.p
		}
		if diff := cmp.Diff(*first, l.p, sameButWhen); diff != "" {
			t.Fatalf("order %v ends otherwise than the first (-first +this):\n%s", refs(order), diff)
		}
		n++
	}
	checkState(t, *first, payment.StatePartiallyRefunded)
	if n != 120 || first.Refunded != 400 || first.Notified.IsZero() {
		t.Errorf("%d orders, refunded %d, notified %s", n, first.Refunded, first.Notified)
	}
}

func refs(order []payment.Observation) []string {
	var out []string
	for _, o := range order {
		out = append(out, o.Ref)
	}
	return out
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"", "10", "10.5", "10.50", "0.001", "-1", "+1", "1e3", "1.", ".5", "٣", "92233720368547758.07", "9223372036854775808"} {
		for _, c := range []string{"EUR", "JPY", "KWD", "CLF", "XXX", ""} {
			f.Add(s, c)
		}
	}
	f.Fuzz(func(t *testing.T, s, currency string) {
		m, err := payment.ParseDecimal(s, payment.Currency(currency))
		if err != nil {
			return
		}
		written, err := m.Decimal()
		if err != nil {
			t.Fatalf("%q in %s is %d, which cannot be written: %v", s, currency, m.Minor, err)
		}
		if again, err := payment.ParseDecimal(written, m.Currency); err != nil || again != m {
			t.Fatalf("%q is %d, written %q, and then %d: %v", s, m.Minor, written, again.Minor, err)
		}
	})
}
