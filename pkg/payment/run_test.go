package payment_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// epoch is when the tests' payments begin.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// rules are those of a provider that does everything.
func rules() payment.Rules {
	return payment.Rules{Kinds: payment.Kinds(), Patience: time.Minute, KeySeparator: "."}
}

// ledger keeps one payment in memory, as a stream would.
type ledger struct {
	t      testing.TB
	p      payment.Payment
	events []payment.Event
	now    time.Time
}

func newLedger(t testing.TB) *ledger { return &ledger{t: t, now: epoch} }

func (l *ledger) append(events ...payment.Event) {
	for _, e := range events {
		e = l.p.Next(e)
		e.ID = "e" + strconv.FormatUint(e.Version, 10)
		l.p = payment.Fold(l.p, e)
		l.events = append(l.events, e)
	}
}

func (l *ledger) observe(o payment.Observation) []payment.Event {
	events, err := payment.Observe(l.p, o, l.now)
	if err != nil {
		return nil
	}
	l.append(events...)
	return events
}

func (l *ledger) decide(c payment.Command, r payment.Rules) payment.Decision {
	d := payment.Decide(l.p, c, l.now, r)
	if d.Verdict == payment.Start || d.Verdict == payment.Reject {
		l.append(d.Event)
	}
	return d
}

func (l *ledger) mustStart(c payment.Command) {
	l.t.Helper()
	if d := l.decide(c, rules()); d.Verdict != payment.Start {
		l.t.Fatalf("%s: verdict %s, want start; %+v", c.Kind, d.Verdict, d.Event.Data)
	}
}

func command(kind payment.Kind, req string, minor int64) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID(req), Payment: "order-1", Provider: payment.Computop, Kind: kind, At: epoch,
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if minor > 0 {
		c.Amount = payment.Money{Minor: minor, Currency: "EUR"}
	}
	if kind == payment.Authorize {
		c.Authorization = &payment.Authorization{Method: payment.Button, Capture: payment.CaptureManual}
	}
	return c
}

func answer(c payment.Command, r payment.Result) payment.Observation {
	return payment.Observation{Source: payment.FromAnswer, Command: c.ID, Ref: r.Ref, Attempt: 1, Result: r}
}

func callback(kind payment.Kind, r payment.Result) payment.Observation {
	return payment.Observation{Source: payment.FromCallback, Kind: kind, Key: "order-1", Ref: r.Ref, Result: r}
}

func approved(ref string, minor int64) payment.Result {
	return payment.Result{Status: payment.Approved, Ref: ref, Amount: minor, Code: "00000000"}
}

// authorized returns a ledger whose payment is authorised over minor.
func authorized(t testing.TB, minor int64) *ledger {
	t.Helper()
	l := newLedger(t)
	c := command(payment.Authorize, "open", minor)
	l.mustStart(c)
	l.observe(answer(c, payment.Result{Status: payment.NeedBuyer, Ref: "x0", Action: &payment.Action{Type: payment.ActionButton}}))
	l.observe(callback(payment.Authorize, approved("x1", minor)))
	checkState(t, l.p, payment.StateAuthorized)
	return l
}

func checkState(t testing.TB, p payment.Payment, want payment.State) {
	t.Helper()
	if p.State != want {
		t.Fatalf("state is %q, want %q", p.State, want)
	}
}

// checkMoney checks what must hold of any payment's sums.
func checkMoney(t fataler, p payment.Payment) {
	t.Helper()
	switch {
	case p.Authorized < 0 || p.Captured < 0 || p.Refunded < 0:
		t.Fatalf("negative sum: %d %d %d", p.Authorized, p.Captured, p.Refunded)
	case p.Captured > p.Authorized:
		t.Fatalf("captured %d of %d authorised", p.Captured, p.Authorized)
	case p.Refunded > p.Captured:
		t.Fatalf("refunded %d of %d captured", p.Refunded, p.Captured)
	case p.Captured+p.Reserved(payment.Capture) > p.Authorized:
		t.Fatalf("captured %d and reserved %d of %d", p.Captured, p.Reserved(payment.Capture), p.Authorized)
	case p.Refunded+p.Reserved(payment.Refund) > p.Captured:
		t.Fatalf("refunded %d and reserved %d of %d", p.Refunded, p.Reserved(payment.Refund), p.Captured)
	}
}

// fataler is a test of either kind.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}
