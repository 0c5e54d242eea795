package payment_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
)

// resolve has an operator say anything about a parked operation, or unfreeze.
func (l *ledger) resolve(t *rapid.T) {
	for _, op := range l.p.Operations {
		e, err := payment.Resolve(l.p, op.ID, payment.Resolution{
			Finding: rapid.SampledFrom(payment.Findings()).Draw(t, "finding"), Ref: "books",
			Amount: rapid.Int64Range(0, 2000).Draw(t, "found"),
		}, l.now)
		if err == nil {
			l.append(e)
		}
	}
	if e, err := payment.Unfreeze(l.p, []string{"x1"}, l.now); err == nil {
		l.append(e)
	}
}

// parked returns a ledger with a parked operation that was begun by c.
func parked(t *testing.T, l *ledger, c payment.Command) *ledger {
	t.Helper()
	l.mustStart(c)
	l.append(payment.Event{
		Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: l.now, Source: payment.FromWorker,
		Data: payment.Parked{Attempt: 1, Reason: payment.ReasonNothingToInquire},
	})
	if op, _ := l.p.Operation(c.ID); op.Status != payment.OpParked || !l.p.NeedsAttention() {
		t.Fatalf("not parked: %+v", op)
	}
	return l
}

func (l *ledger) mustResolve(c payment.Command, r payment.Resolution) {
	l.t.Helper()
	e, err := payment.Resolve(l.p, c.ID, r, l.now)
	if err != nil {
		l.t.Fatal(err)
	}
	if e.Source != payment.FromOperator {
		l.t.Errorf("source %s", e.Source)
	}
	l.append(e)
}

func TestResolve_EndsWhatIsParked(t *testing.T) {
	t.Parallel()
	capture, refund := command(payment.Capture, "take", 600), command(payment.Refund, "give", 400)
	tests := map[string]struct {
		ledger     func(*testing.T) *ledger
		cmd        payment.Command
		r          payment.Resolution
		status     payment.OpStatus
		state      payment.State
		capturable int64
	}{
		"a capture that was carried out": {
			func(t *testing.T) *ledger { return authorized(t, 1000) }, capture,
			payment.Resolution{Finding: payment.FoundSucceeded, Ref: "b1", Amount: 600}, payment.OpSucceeded, payment.StatePartiallyCaptured, 400,
		},
		"a capture of less than was asked": {
			func(t *testing.T) *ledger { return authorized(t, 1000) }, capture,
			payment.Resolution{Finding: payment.FoundSucceeded, Ref: "b1", Amount: 500}, payment.OpSucceeded, payment.StatePartiallyCaptured, 500,
		},
		"a capture that was declined": {
			func(t *testing.T) *ledger { return authorized(t, 1000) }, capture,
			payment.Resolution{Finding: payment.FoundDeclined}, payment.OpDeclined, payment.StateAuthorized, 1000,
		},
		"a capture that never was": {
			func(t *testing.T) *ledger { return authorized(t, 1000) }, capture,
			payment.Resolution{Finding: payment.FoundNotExecuted}, payment.OpFailed, payment.StateAuthorized, 1000,
		},
		"an opening that never was": {
			newLedgerOf, command(payment.Authorize, "open", 1000),
			payment.Resolution{Finding: payment.FoundNotExecuted}, payment.OpFailed, payment.StateFailed, 0,
		},
		"an opening that succeeded": {
			newLedgerOf, command(payment.Authorize, "open", 1000),
			payment.Resolution{Finding: payment.FoundSucceeded, Ref: "b1", Amount: 1000}, payment.OpSucceeded, payment.StateAuthorized, 1000,
		},
		"a refund": {
			func(t *testing.T) *ledger {
				l := authorized(t, 1000)
				c := command(payment.Capture, "all", 1000)
				l.mustStart(c)
				l.observe(answer(c, approved("c1", 1000)))
				return l
			}, refund,
			payment.Resolution{Finding: payment.FoundSucceeded, Ref: "b1", Amount: 400}, payment.OpSucceeded, payment.StatePartiallyRefunded, 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := parked(t, tt.ledger(t), tt.cmd)
			l.mustResolve(tt.cmd, tt.r)
			checkState(t, l.p, tt.state)
			checkMoney(t, l.p)
			op, _ := l.p.Operation(tt.cmd.ID)
			if op.Status != tt.status || op.Effect != tt.r.Amount || l.p.Capturable() != tt.capturable || l.p.NeedsAttention() {
				t.Errorf("status %s, effect %d, capturable %d, attention %v", op.Status, op.Effect, l.p.Capturable(), l.p.NeedsAttention())
			}
		})
	}
}

func newLedgerOf(t *testing.T) *ledger { t.Helper(); return newLedger(t) }

func TestResolve_RefusesTheImpossible(t *testing.T) {
	t.Parallel()
	capture := command(payment.Capture, "take", 600)
	good := payment.Resolution{Finding: payment.FoundSucceeded, Ref: "b1", Amount: 600}
	spoil := func(f func(*payment.Resolution)) payment.Resolution { r := good; f(&r); return r }
	for name, tt := range map[string]struct {
		cmd payment.CommandID
		r   payment.Resolution
		say string
	}{
		"an operation that is none":      {"nobody", good, "no operation"},
		"one that is not parked":         {command(payment.Authorize, "open", 0).ID, good, "not parked"},
		"more than was asked":            {capture.ID, spoil(func(r *payment.Resolution) { r.Amount = 601 }), "admits 1 to 600"},
		"nothing":                        {capture.ID, spoil(func(r *payment.Resolution) { r.Amount = 0 }), "admits"},
		"less than nothing":              {capture.ID, spoil(func(r *payment.Resolution) { r.Amount = -1 }), "admits"},
		"a success without a reference":  {capture.ID, spoil(func(r *payment.Resolution) { r.Ref = "" }), "name it"},
		"a failure that moved something": {capture.ID, spoil(func(r *payment.Resolution) { r.Finding = payment.FoundFailed }), "moved no amount"},
		"a finding that is none":         {capture.ID, payment.Resolution{Finding: "lost"}, "no finding"},
		"a reference that is too long":   {capture.ID, spoil(func(r *payment.Resolution) { r.Ref = strings.Repeat("r", 129) }), "at most 128"},
	} {
		l := parked(t, authorized(t, 1000), capture)
		if _, err := payment.Resolve(l.p, tt.cmd, tt.r, l.now); !errors.Is(err, payment.ErrUnresolvable) || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResolve_CancelAfterTheMoneyWasTaken(t *testing.T) {
	t.Parallel()
	cancel, capture := command(payment.Cancel, "give up", 0), command(payment.Capture, "take", 600)
	l := parked(t, authorized(t, 1000), cancel)
	l.mustStart(capture)
	l.observe(answer(capture, approved("b1", 600)))
	r := payment.Resolution{Finding: payment.FoundSucceeded, Ref: "b2"}
	if _, err := payment.Resolve(l.p, cancel.ID, r, l.now); !errors.Is(err, payment.ErrUnresolvable) {
		t.Errorf("a payment that was captured is cancelled: %v", err)
	}
	l.mustResolve(cancel, payment.Resolution{Finding: payment.FoundNotExecuted})
}

// TestResolve_TheProvidersOwnWordAfterwards: it confirms what the operator found, or
// freezes the payment.
func TestResolve_TheProvidersOwnWordAfterwards(t *testing.T) {
	t.Parallel()
	capture := command(payment.Capture, "take", 600)
	right := parked(t, authorized(t, 1000), capture)
	right.mustResolve(capture, payment.Resolution{Finding: payment.FoundSucceeded, Ref: "b1", Amount: 600})
	right.observe(callback(payment.Capture, approved("b1", 600)))
	if right.p.Captured != 600 || right.p.Frozen != "" {
		t.Errorf("captured %d, frozen %q", right.p.Captured, right.p.Frozen)
	}
	wrong := parked(t, authorized(t, 1000), capture)
	wrong.mustResolve(capture, payment.Resolution{Finding: payment.FoundNotExecuted})
	wrong.observe(callback(payment.Capture, approved("b1", 600)))
	if wrong.p.Captured != 0 || wrong.p.Frozen == "" {
		t.Errorf("captured %d, frozen %q", wrong.p.Captured, wrong.p.Frozen)
	}
}

func TestUnfreeze(t *testing.T) {
	t.Parallel()
	l := authorized(t, 1000)
	if _, err := payment.Unfreeze(l.p, nil, l.now); !errors.Is(err, payment.ErrUnresolvable) {
		t.Errorf("a payment that is not frozen: %v", err)
	}
	c := command(payment.Capture, "take", 600)
	l.mustStart(c)
	l.observe(answer(c, payment.Result{Status: payment.Failed, Ref: "b1", Reason: payment.ReasonExpired}))
	late := callback(payment.Capture, approved("b1", 600))
	l.observe(late)
	if l.p.Frozen == "" {
		t.Fatal("a success after a failure does not freeze the payment")
	}
	if d := l.decide(command(payment.Capture, "more", 100), rules()); d.Verdict != payment.Reject {
		t.Errorf("a frozen payment: %s", d.Verdict)
	}
	e, err := payment.Unfreeze(l.p, []string{"b1", ""}, l.now)
	if err != nil {
		t.Fatal(err)
	}
	l.append(e)
	if l.p.Frozen != "" || l.p.NeedsAttention() {
		t.Errorf("frozen %q", l.p.Frozen)
	}
	l.observe(late)
	if l.p.Frozen != "" {
		t.Error("what was dealt with froze the payment again")
	}
	l.mustStart(command(payment.Capture, "again", 100))
	l.observe(answer(c, approved("b2", 600)))
	if l.p.Frozen == "" {
		t.Error("another late success does not freeze the payment")
	}
	for i := range 100 {
		l.append(payment.Event{Source: payment.FromOperator, Data: payment.Unfrozen{Refs: []string{strings.Repeat("r", i)}}})
	}
	if n := len(l.p.Acknowledged); n != 32 {
		t.Errorf("%d references are remembered, want 32", n)
	}
}
