package payment_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/payment"
)

// voidedOnce returns a ledger with a capture of 100 whose first attempt was voided
// and whose second is under way.
func voidedOnce(t *testing.T) (*ledger, payment.Command) {
	t.Helper()
	l := authorized(t, 100)
	c := command(payment.Capture, "cap", 100)
	l.mustStart(c)
	l.append(payment.Event{Command: c.ID, At: l.now, Data: payment.AttemptVoided{Attempt: 1}})
	l.mustStart(c)
	return l, c
}

// ofAttempt returns the answer to attempt n of c.
func ofAttempt(n int, c payment.Command, r payment.Result) payment.Observation {
	o := answer(c, r)
	o.Attempt = n
	return o
}

// mustFreeze observes o, which must be recorded as a late outcome and nothing else.
func (l *ledger) mustFreeze(o payment.Observation) {
	l.t.Helper()
	events := l.observe(o)
	if len(events) != 1 || events[0].Data.Type() != payment.TypeLateOutcome || l.p.Frozen == "" {
		l.t.Fatalf("events %v, frozen %q; want a late outcome that freezes", events, l.p.Frozen)
	}
}

func TestObserve_FormerAttempt(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		second *payment.Result // what became of the second attempt; nil: nothing yet
		first  payment.Result  // what is told of the first
		freeze bool
	}{
		"a success beside the second's may be a second effect":   {ptr(approved("c2", 100)), approved("c1", 100), true},
		"a success without a reference may be one as well":       {ptr(approved("c2", 100)), approved("", 100), true},
		"a success under the same reference is the same":         {ptr(approved("c2", 100)), approved("c2", 100), false},
		"a success while the second is under way may become one": {nil, approved("c1", 100), true},
		"a decline has no effect":                                {ptr(approved("c2", 100)), payment.Result{Status: payment.Declined, Ref: "c1"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := voidedOnce(t)
			if tc.second != nil {
				l.observe(ofAttempt(2, c, *tc.second))
				checkState(t, l.p, payment.StateCaptured)
			}
			if tc.freeze {
				l.mustFreeze(ofAttempt(1, c, tc.first))
				return
			}
			if events := l.observe(ofAttempt(1, c, tc.first)); len(events) != 0 {
				t.Errorf("events %v, want none", events)
			}
		})
	}
}

// TestObserve_WhichAttempt: the attempts of a follow-up share a key, and a callback does
// not say which one it is about.
func TestObserve_WhichAttempt(t *testing.T) {
	t.Parallel()
	declined, failed := payment.Result{Status: payment.Declined, Ref: "c1"}, payment.Result{Status: payment.Failed}
	pending := payment.Result{Status: payment.Pending, Ref: "c2"}
	cases := map[string]struct {
		data payment.EventData // what became of the second attempt; nil: it is under way
		told payment.Result
		want payment.OpStatus // of the operation
	}{
		"a decline while the second is under way":   {nil, declined, payment.OpOpen},
		"a decline while the second is in doubt":    {payment.OutcomeUnknown{Attempt: 2}, declined, payment.OpUnknown},
		"a failure without a reference":             {payment.OutcomeUnknown{Attempt: 2}, failed, payment.OpUnknown},
		"a decline while the second is parked":      {payment.Parked{Attempt: 2}, declined, payment.OpParked},
		"a decline of the second, known by its own": {payment.OperationPending{Attempt: 2, Ref: "c1"}, declined, payment.OpDeclined},
		"a decline of neither that is accepted":     {payment.OperationPending{Attempt: 2, Ref: "c2"}, declined, payment.OpPending},
		"a success is one, whichever had it":        {payment.OutcomeUnknown{Attempt: 2}, approved("c1", 100), payment.OpSucceeded},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := voidedOnce(t)
			if tc.data != nil {
				l.append(payment.Event{Command: c.ID, At: l.now, Data: tc.data})
			}
			l.observe(callback(payment.Capture, tc.told))
			if op, _ := l.p.Operation(c.ID); op.Status != tc.want {
				t.Errorf("the operation is %s, want %s", op.Status, tc.want)
			}
		})
	}
	for name, tc := range map[string]struct {
		second payment.Result // the answer to the second attempt, after a callback has told of a success
		freeze bool
	}{
		"the second took effect as well":      {approved("c2", 100), true},
		"the second will take effect as well": {pending, true},
		"the callback was about the second":   {approved("c1", 100), false},
		"the second was declined":             {payment.Result{Status: payment.Declined, Ref: "c2"}, false},
		"nobody knows which it was":           {approved("", 100), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := voidedOnce(t)
			l.observe(callback(payment.Capture, approved("c1", 100)))
			checkState(t, l.p, payment.StateCaptured)
			if tc.freeze {
				l.mustFreeze(ofAttempt(2, c, tc.second))
			} else if events := l.observe(ofAttempt(2, c, tc.second)); len(events) != 0 {
				t.Errorf("events %v, want none", events)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

// TestObserve_FurtherLateOutcomes: what comes while the payment is frozen is recorded once
// as well, so that the person who looks learns of all of it.
func TestObserve_FurtherLateOutcomes(t *testing.T) {
	t.Parallel()
	l, c := voidedOnce(t)
	l.observe(ofAttempt(2, c, approved("c2", 100)))
	for _, ref := range []string{"c1", "c8", "c9"} {
		l.mustFreeze(ofAttempt(1, c, approved(ref, 100)))
		for _, again := range []string{ref, "c1", "c2", ""} {
			if events := l.observe(ofAttempt(1, c, approved(again, 100))); len(events) != 0 {
				t.Errorf("after %s, %q once more: events %v", ref, again, events)
			}
		}
	}
	if want := []string{"c1", "c8", "c9"}; !slices.Equal(l.p.Late, want) {
		t.Errorf("the late outcomes are %q, want %q", l.p.Late, want)
	}
	e, err := payment.Unfreeze(l.p, []string{"c1", "c9"}, l.now)
	if err != nil {
		t.Fatal(err)
	}
	l.append(e)
	if events := l.observe(ofAttempt(1, c, approved("c9", 100))); len(events) != 0 || len(l.p.Late) != 0 {
		t.Errorf("dealt with, and told again: events %v, late %q", events, l.p.Late)
	}
	l.mustFreeze(ofAttempt(1, c, approved("c8", 100))) // nobody has dealt with that
	for i := range 100 {
		l.observe(ofAttempt(1, c, approved(fmt.Sprint("d", i), 100)))
	}
	if n := len(l.p.Late); n != 32 {
		t.Errorf("%d references are remembered, want 32", n)
	}
}

// TestObserve_CallbackUnderAFormerKey: the provider has authorised twice, once
// under a key that was given up.
func TestObserve_CallbackUnderAFormerKey(t *testing.T) {
	t.Parallel()
	for ref, freeze := range map[string]bool{"a1": true, "": true, "a2": false} {
		t.Run(fmt.Sprintf("with reference %q", ref), func(t *testing.T) {
			t.Parallel()
			l := newLedger(t)
			c := command(payment.Authorize, "open", 100)
			l.mustStart(c)
			l.append(payment.Event{Command: c.ID, At: l.now, Data: payment.AttemptVoided{Attempt: 1}})
			l.mustStart(c)
			l.observe(ofAttempt(2, c, approved("a2", 100)))
			checkState(t, l.p, payment.StateAuthorized)
			told := callback(payment.Authorize, approved(ref, 100))
			if freeze {
				l.mustFreeze(told)
			} else if l.observe(told); l.p.Frozen != "" {
				t.Errorf("frozen: %s", l.p.Frozen)
			}
		})
	}
}

func TestDecide_FrozenStartsNothingThatWaits(t *testing.T) {
	t.Parallel()
	l, c := voidedOnce(t)
	l.mustFreeze(ofAttempt(1, c, approved("c1", 100)))
	l.append(payment.Event{Command: c.ID, At: l.now, Data: payment.AttemptNotSent{Attempt: 2}})
	d := l.decide(c, rules())
	if rej, ok := d.Event.Data.(payment.OperationRejected); !ok || rej.Reason != payment.ReasonFrozen {
		t.Fatalf("verdict %s (%+v), want a rejection as frozen", d.Verdict, d.Event.Data)
	}
	if op, _ := l.p.Operation(c.ID); op.Status != payment.OpRejected {
		t.Errorf("the operation is %s, want rejected", op.Status)
	}
}

// TestObserve_ParkedTakesItsFinalWord: what a person was called for may still
// settle itself.
func TestObserve_ParkedTakesItsFinalWord(t *testing.T) {
	t.Parallel()
	words := map[string]struct {
		result payment.Result
		want   payment.OpStatus
	}{
		"approved":                {approved("c1", 100), payment.OpSucceeded},
		"declined":                {payment.Result{Status: payment.Declined}, payment.OpDeclined},
		"failed":                  {payment.Result{Status: payment.Failed}, payment.OpFailed},
		"pending is none":         {payment.Result{Status: payment.Pending}, payment.OpParked},
		"another amount is none":  {approved("c1", 99), payment.OpParked},
		"asking for a buyer, too": {payment.Result{Status: payment.NeedBuyer, Action: &payment.Action{}}, payment.OpParked},
	}
	for name, tc := range words {
		for _, from := range []payment.Source{payment.FromCallback, payment.FromInquiry} {
			t.Run(fmt.Sprintf("%s by %s", name, from), func(t *testing.T) {
				t.Parallel()
				l := authorized(t, 100)
				c := command(payment.Capture, "cap", 100)
				l.mustStart(c)
				l.append(payment.Event{Command: c.ID, At: l.now, Data: payment.Parked{Attempt: 1}})
				o := answer(c, tc.result)
				if o.Source = from; from == payment.FromCallback {
					o.Command, o.Attempt, o.Kind, o.Key = "", 0, payment.Capture, "order-1"
				}
				l.observe(o)
				if op, _ := l.p.Operation(c.ID); op.Status != tc.want || l.p.Frozen != "" {
					t.Errorf("operation is %s, frozen %q; want %s", op.Status, l.p.Frozen, tc.want)
				}
			})
		}
	}
}

// TestDecide_GateCountsFromTheOpening: syncs keep changing the payment, and the
// callback never comes.
func TestDecide_GateCountsFromTheOpening(t *testing.T) {
	t.Parallel()
	l, r := newLedger(t), rules()
	gate(&r)
	byInquiry(500)(l)
	c := command(payment.Capture, "cap", 400)
	for i := 1; i <= 10; i++ {
		l.now = epoch.Add(time.Duration(i) * 2 * time.Hour)
		l.append(payment.Event{Command: command(payment.Sync, fmt.Sprint(i), 0).ID, At: l.now, Data: payment.Synced{Found: true}})
	}
	for after, want := range map[time.Duration]payment.Verdict{22*time.Hour - 1: payment.NotYet, 22 * time.Hour: payment.Start} {
		if d := payment.Decide(l.p, c, epoch.Add(after), r); d.Verdict != want {
			t.Errorf("%s after the opening: %s, want %s", after, d.Verdict, want)
		}
	}
}

// at returns c as sent to provider p.
func at(p payment.Provider, c payment.Command) payment.Command {
	c.Provider = p
	return c
}

func TestDecide_WhoeverOpensHasThePayment(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.now = epoch.Add(time.Hour) // patience is over
	if d := l.decide(at(payment.Axerve, command(payment.Capture, "early", 100)), rules()); d.Verdict != payment.Reject {
		t.Fatalf("a capture of nothing: %s, want reject", d.Verdict)
	}
	l.mustStart(command(payment.Authorize, "open", 100))
	if l.p.Provider != payment.Computop {
		t.Errorf("the payment is at %s, want computop", l.p.Provider)
	}
	for _, kind := range payment.Kinds() {
		c := at(payment.Axerve, command(kind, "stray-"+string(kind), 50))
		d := l.decide(c, rules())
		if rej, ok := d.Event.Data.(payment.OperationRejected); !ok || rej.Reason != payment.ReasonExists || d.Event.Provider != payment.Computop {
			t.Errorf("%s elsewhere: %s %+v at %q, want a rejection on computop's ledger", kind, d.Verdict, d.Event.Data, d.Event.Provider)
		}
		if d := l.decide(c, rules()); d.Verdict != payment.Done {
			t.Errorf("%s elsewhere, again: %s, want done", kind, d.Verdict)
		}
	}
	if l.p.Provider != payment.Computop || l.p.State != payment.StateProcessing {
		t.Errorf("the payment is %s at %s", l.p.State, l.p.Provider)
	}
}

func TestObserve_CutsWhatAProviderTells(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := command(payment.Authorize, "open", 100)
	l.mustStart(c)
	r := approved(strings.Repeat("r", 4096), 100)
	r.Code, r.Refs = "x"+strings.Repeat("ü", 4096), map[string]string{"id": strings.Repeat("x", 4096)}
	l.observe(answer(c, r))
	checkState(t, l.p, payment.StateAuthorized)
	op, _ := l.p.Operation(c.ID)
	if len(op.Ref) != 128 || len(op.Code) > 64 || !utf8.ValidString(op.Code) || len(l.p.Refs["id"]) != 256 {
		t.Errorf("kept are %d, %d and %d bytes, valid %v", len(op.Ref), len(op.Code), len(l.p.Refs["id"]), utf8.ValidString(op.Code))
	}
}

// TestObserve_AttemptNotHeardOf: a callback of an attempt whose intent the reader
// cannot see yet is news for later, not old news.
func TestObserve_AttemptNotHeardOf(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.mustStart(command(payment.Authorize, "open", 100))
	told := callback(payment.Authorize, payment.Result{Status: payment.Declined, Ref: "x2"})
	for _, later := range []string{"order-1.2", "order-1.10", "order-1_-2"} {
		told.Key = later
		if events, err := payment.Observe(l.p, told, l.now); !errors.Is(err, payment.ErrUnmatched) {
			t.Errorf("%s: %d events, %v; want ErrUnmatched", later, len(events), err)
		}
	}
	told.Key = "order-1"
	if events, err := payment.Observe(l.p, told, l.now); err != nil || len(events) != 1 {
		t.Errorf("of the attempt itself: %d events, %v", len(events), err)
	}
}

// TestObserve_WhichRefund: a first refund failed, a second one is pending. A callback
// that names neither is taken for the second's only if it can be.
func TestObserve_WhichRefund(t *testing.T) {
	t.Parallel()
	failed := func(ref string, minor int64) payment.Result {
		return payment.Result{Status: payment.Failed, Ref: ref, Amount: minor}
	}
	cases := map[string]struct {
		told     payment.Result
		want     payment.OpStatus
		strange  bool
		nameless bool // the second one's reference is not known
	}{
		"the first one's failure, late":                 {told: failed("r1", 500), want: payment.OpPending},
		"a failure of nobody's":                         {told: failed("r9", 300), want: payment.OpPending, strange: true},
		"a success of nobody's":                         {told: approved("r9", 300), want: payment.OpPending, strange: true},
		"its own failure":                               {told: failed("r2", 300), want: payment.OpFailed},
		"its own success":                               {told: approved("r2", 300), want: payment.OpSucceeded},
		"a failure without a reference":                 {told: failed("", 300), want: payment.OpFailed},
		"a failure of another amount, by no reference":  {told: failed("", 500), want: payment.OpPending, strange: true},
		"a failure that tells its reference":            {told: failed("r2", 300), want: payment.OpFailed, nameless: true},
		"a failure of another amount and no other name": {told: failed("r8", 400), want: payment.OpPending, strange: true, nameless: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := authorized(t, 1000)
			capture := command(payment.Capture, "cap", 1000)
			first, second := command(payment.Refund, "first", 500), command(payment.Refund, "second", 300)
			l.mustStart(capture)
			l.observe(answer(capture, approved("c1", 1000)))
			l.mustStart(first)
			l.observe(answer(first, payment.Result{Status: payment.Pending, Ref: "r1"}))
			asked := answer(first, failed("", 0))
			asked.Source = payment.FromInquiry
			l.observe(asked)
			l.mustStart(second)
			if tc.nameless {
				l.observe(answer(second, payment.Result{Status: payment.Pending}))
			} else {
				l.observe(answer(second, payment.Result{Status: payment.Pending, Ref: "r2"}))
			}
			_, err := payment.Observe(l.p, callback(payment.Refund, tc.told), l.now)
			l.observe(callback(payment.Refund, tc.told))
			if op, _ := l.p.Operation(second.ID); op.Status != tc.want || errors.Is(err, payment.ErrUnmatched) != tc.strange {
				t.Errorf("the second refund is %s, want %s; %v", op.Status, tc.want, err)
			}
			if op, _ := l.p.Operation(first.ID); op.Status != payment.OpFailed || op.Ref != "r1" {
				t.Errorf("the first refund is %s under %q", op.Status, op.Ref)
			}
		})
	}
}
