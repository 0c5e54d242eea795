package payment_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	capture := command(payment.Capture, "cap", 400)
	cases := map[string]struct {
		given  func(l *ledger)
		cmd    payment.Command
		rules  func(*payment.Rules)
		after  time.Duration
		want   payment.Verdict
		reason payment.Reason
	}{
		"a new payment is started":                      {cmd: command(payment.Authorize, "open", 5), want: payment.Start},
		"a capture before its payment waits":            {cmd: capture, want: payment.NotYet},
		"a capture whose payment never came is refused": {cmd: capture, after: time.Minute, want: payment.Reject, reason: payment.ReasonNotStarted},
		"a kind the provider cannot do is refused": {
			cmd: command(payment.Payout, "p", 5), rules: func(r *payment.Rules) { r.Kinds = []payment.Kind{payment.Capture} },
			want: payment.Reject, reason: payment.ReasonUnsupported,
		},
		"a second opening is refused": {
			given: func(l *ledger) { l.mustStart(command(payment.Authorize, "open", 5)) },
			cmd:   command(payment.Authorize, "again", 5), want: payment.Reject, reason: payment.ReasonExists,
		},
		"the same opening, delivered again, is recovered": {
			given: func(l *ledger) { l.mustStart(command(payment.Authorize, "open", 5)) },
			cmd:   command(payment.Authorize, "open", 5), want: payment.Recover,
		},
		"a capture waits for the buyer": {
			given: func(l *ledger) {
				c := command(payment.Authorize, "open", 500)
				l.mustStart(c)
				l.observe(answer(c, payment.Result{Status: payment.NeedBuyer, Action: &payment.Action{Type: payment.ActionButton}}))
			},
			cmd: capture, want: payment.NotYet,
		},
		"a capture within the authorisation starts": {given: auth(500), cmd: capture, want: payment.Start},
		"a capture over the authorisation is refused": {
			given: auth(300), cmd: capture, want: payment.Reject, reason: payment.ReasonAmount,
		},
		"a capture in another currency is refused": {
			given: auth(500), cmd: inYen(capture), want: payment.Reject, reason: payment.ReasonCurrency,
		},
		"a capture beside one whose outcome is unknown waits": {
			given: func(l *ledger) { auth(900)(l); l.mustStart(command(payment.Capture, "first", 100)) },
			cmd:   capture, want: payment.NotYet,
		},
		"a second capture is refused where one is all there is": {
			given: captured(900, 100), cmd: capture, rules: func(r *payment.Rules) { r.MaxCaptures = 1 },
			want: payment.Reject, reason: payment.ReasonState,
		},
		"a second capture starts elsewhere": {given: captured(900, 100), cmd: capture, want: payment.Start},
		"a refund over what was captured is refused": {
			given: captured(900, 100), cmd: command(payment.Refund, "r", 101), want: payment.Reject, reason: payment.ReasonAmount,
		},
		"a pending refund keeps its money reserved": {
			given: func(l *ledger) {
				captured(100, 100)(l)
				c := command(payment.Refund, "first", 60)
				l.mustStart(c)
				l.observe(answer(c, payment.Result{Status: payment.Pending}))
			},
			cmd: command(payment.Refund, "second", 41), want: payment.Reject, reason: payment.ReasonAmount,
		},
		"a refund beside a pending one waits where they cannot be told apart": {
			given: func(l *ledger) {
				captured(100, 100)(l)
				c := command(payment.Refund, "first", 60)
				l.mustStart(c)
				l.observe(answer(c, payment.Result{Status: payment.Pending}))
			},
			rules: func(r *payment.Rules) { r.OneRefundAtATime = true },
			cmd:   command(payment.Refund, "second", 40), want: payment.NotYet,
		},
		"a refund beside a parked one waits where they cannot be told apart": {
			given: parkedRefund, rules: func(r *payment.Rules) { r.OneRefundAtATime = true },
			cmd: command(payment.Refund, "second", 40), want: payment.NotYet,
		},
		"a refund beside a parked one is refused when no person has looked for three days": {
			given: parkedRefund, rules: func(r *payment.Rules) { r.OneRefundAtATime = true }, after: 72 * time.Hour,
			cmd: command(payment.Refund, "second", 40), want: payment.Reject, reason: payment.ReasonUnclear,
		},
		"a refund beside a parked one starts where they can": {
			given: parkedRefund, cmd: command(payment.Refund, "second", 40), want: payment.Start,
		},
		"a refund after a parked one that was resolved starts": {
			given: func(l *ledger) {
				parkedRefund(l)
				l.append(payment.Event{Command: command(payment.Refund, "first", 60).ID, Data: payment.OperationFailed{}})
			},
			rules: func(r *payment.Rules) { r.OneRefundAtATime = true },
			cmd:   command(payment.Refund, "second", 40), want: payment.Start,
		},
		"a capture beside a pending cancel waits": {
			given: func(l *ledger) {
				auth(500)(l)
				c := command(payment.Cancel, "stop", 0)
				l.mustStart(c)
				l.observe(answer(c, payment.Result{Status: payment.Pending}))
			},
			cmd: capture, want: payment.NotYet,
		},
		"a cancel after a capture is refused": {
			given: captured(100, 100), cmd: command(payment.Cancel, "c", 0), want: payment.Reject, reason: payment.ReasonState,
		},
		"a follow-up waits until the first callback was answered": {
			given: byInquiry(500), cmd: capture, rules: gate, want: payment.NotYet,
		},
		"a follow-up is tried without it when patience ends": {
			given: byInquiry(500), cmd: capture, rules: gate, after: 22 * time.Hour, want: payment.Start,
		},
		"a follow-up keeps its distance to the callback": {given: auth(500), cmd: capture, rules: gate, want: payment.NotYet},
		"a follow-up starts after that":                  {given: auth(500), cmd: capture, rules: gate, after: time.Second, want: payment.Start},
		"a frozen payment takes no command": {
			given: func(l *ledger) {
				auth(500)(l)
				l.append(payment.Event{Data: payment.LateOutcome{Kind: payment.Capture, Status: payment.Approved}})
			},
			cmd: capture, want: payment.Reject, reason: payment.ReasonFrozen,
		},
		"a full payment takes no operation": {
			given: func(l *ledger) {
				auth(500)(l)
				for i := range payment.MaxOperations - 1 {
					c := command(payment.Capture, fmt.Sprint("n", i), 1)
					l.mustStart(c)
					l.observe(answer(c, payment.Result{Status: payment.Declined}))
				}
			},
			cmd: capture, want: payment.Reject, reason: payment.ReasonTooMany,
		},
		"a sync asks": {given: auth(500), cmd: command(payment.Sync, "s", 0), want: payment.Inquire},
		"a sync is done once": {
			given: func(l *ledger) {
				auth(500)(l)
				l.append(payment.Event{Command: command(payment.Sync, "s", 0).ID, Data: payment.Synced{}})
			},
			cmd: command(payment.Sync, "s", 0), want: payment.Done,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, r := newLedger(t), rules()
			if tc.given != nil {
				tc.given(l)
			}
			if tc.rules != nil {
				tc.rules(&r)
			}
			l.now = l.now.Add(tc.after)
			d := payment.Decide(l.p, tc.cmd, l.now, r)
			if d.Verdict != tc.want {
				t.Fatalf("verdict %s, want %s (%+v)", d.Verdict, tc.want, d.Event.Data)
			}
			if rej, ok := d.Event.Data.(payment.OperationRejected); ok && rej.Reason != tc.reason {
				t.Errorf("reason %q, want %q", rej.Reason, tc.reason)
			}
			if d.Verdict == payment.NotYet && d.After <= 0 {
				t.Errorf("not yet, but after %s", d.After)
			}
		})
	}
}

// parkedRefund has captured 100 and refunded, perhaps, 60 of them.
func parkedRefund(l *ledger) {
	captured(100, 100)(l)
	c := command(payment.Refund, "first", 60)
	l.mustStart(c)
	l.append(payment.Event{Command: c.ID, At: l.now, Data: payment.Parked{Attempt: 1, Reason: payment.ReasonUnclear}})
}

func gate(r *payment.Rules) {
	r.CallbackFirst, r.CallbackGrace, r.CallbackPatience = true, time.Second, 22*time.Hour
}

func inYen(c payment.Command) payment.Command {
	c.Amount.Currency = "JPY"
	return c
}

func auth(minor int64) func(*ledger) {
	return func(l *ledger) {
		c := command(payment.Authorize, "open", minor)
		l.mustStart(c)
		l.observe(callback(payment.Authorize, approved("x1", minor)))
	}
}

func byInquiry(minor int64) func(*ledger) {
	return func(l *ledger) {
		c := command(payment.Authorize, "open", minor)
		l.mustStart(c)
		o := answer(c, approved("x1", minor))
		o.Source = payment.FromInquiry
		l.observe(o)
	}
}

func captured(minor, taken int64) func(*ledger) {
	return func(l *ledger) {
		auth(minor)(l)
		c := command(payment.Capture, "taken", taken)
		l.mustStart(c)
		l.observe(answer(c, approved("x2", taken)))
	}
}

func TestDecide_RejectedOnlyOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	auth(100)(l)
	c := command(payment.Capture, "too-much", 101)
	if d := l.decide(c, rules()); d.Verdict != payment.Reject {
		t.Fatalf("verdict %s, want reject", d.Verdict)
	}
	if d := l.decide(c, rules()); d.Verdict != payment.Done {
		t.Errorf("redelivered: verdict %s, want done", d.Verdict)
	}
}

func TestDecide_AttemptsAfterDoubt(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := command(payment.Authorize, "open", 100)
	l.mustStart(c)
	first := l.p.Operations[0].Attempt
	l.append(payment.Event{Command: c.ID, Data: payment.AttemptVoided{Attempt: 1}})
	l.mustStart(c)
	second := l.p.Operations[0].Attempt
	l.append(payment.Event{Command: c.ID, Data: payment.AttemptNotSent{Attempt: 2, Refused: true}})
	l.mustStart(c)
	third := l.p.Operations[0].Attempt
	if first.Key != "order-1" || second.Key != "order-1.2" || third.Key != "order-1.3" {
		t.Errorf("keys %q %q %q", first.Key, second.Key, third.Key)
	}
	if first.Idem != string(c.ID) || second.Idem != first.Idem {
		t.Error("after doubt a resend must be recognised: the idempotency key may not change")
	}
	if third.Idem == second.Idem || len(third.Idem) > 32 {
		t.Errorf("after a refusal the stored answer must not come back: idempotency key %q", third.Idem)
	}
}

func TestObserve_LateSuccessFreezes(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := command(payment.Authorize, "open", 100)
	l.mustStart(c)
	l.observe(answer(c, payment.Result{Status: payment.Declined, Reason: payment.ReasonDeclined}))
	checkState(t, l.p, payment.StateDeclined)
	events := l.observe(callback(payment.Authorize, approved("x9", 100)))
	if len(events) != 1 || events[0].Data.Type() != payment.TypeLateOutcome || l.p.Frozen == "" {
		t.Fatalf("events %v, frozen %q; want a late outcome that freezes", events, l.p.Frozen)
	}
	if again := l.observe(callback(payment.Authorize, approved("x9", 100))); len(again) != 0 {
		t.Errorf("told again: %d events, want none", len(again))
	}
}

func TestObserve_StrangerIsUnmatched(t *testing.T) {
	t.Parallel()
	l := authorized(t, 100)
	_, err := payment.Observe(l.p, callback(payment.Refund, approved("x5", 10)), l.now)
	if !errors.Is(err, payment.ErrUnmatched) {
		t.Errorf("error %v, want ErrUnmatched", err)
	}
}

func TestObserve_MoreThanAskedParks(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := command(payment.Authorize, "open", 100)
	l.mustStart(c)
	l.observe(answer(c, approved("x1", 101)))
	if op := l.p.Operations[0]; op.Status != payment.OpParked || !l.p.NeedsAttention() {
		t.Errorf("operation is %s, want parked", op.Status)
	}
}

// TestObserve_AnotherSumByCallbackIsHearsay: what a callback says of sums a stranger
// may have changed. Asked, the provider tells.
func TestObserve_AnotherSumByCallbackIsHearsay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		told int64
		then payment.Observation
		want int64
	}{
		"less, and the provider says otherwise": {40, callback(payment.Authorize, approved("x1", 100)), 100},
		"more, and the provider says otherwise": {400, callback(payment.Authorize, approved("x1", 100)), 100},
		"less, and asked it says the same":      {40, answer(command(payment.Authorize, "open", 100), approved("x1", 40)), 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t)
			l.mustStart(command(payment.Authorize, "open", 100))
			l.observe(callback(payment.Authorize, approved("x1", tt.told)))
			if op := l.p.Operations[0]; op.Status != payment.OpPending || l.p.Authorized != 0 {
				t.Errorf("operation is %s of %d, want pending", op.Status, l.p.Authorized)
			}
			if again := l.observe(callback(payment.Authorize, approved("x1", tt.told))); len(again) != 0 {
				t.Errorf("told again: %d events", len(again))
			}
			l.observe(tt.then)
			checkState(t, l.p, payment.StateAuthorized)
			if l.p.Authorized != tt.want {
				t.Errorf("authorised %d, want %d", l.p.Authorized, tt.want)
			}
		})
	}
}

// TestObserve_TakenByHearsay: that money was taken is believed of a callback whose sums
// nobody vouches for only if it was ordered. An inquiry tells.
func TestObserve_TakenByHearsay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mode     payment.CaptureMode
		hearsay  bool
		captured int64
		want     payment.State
	}{
		"taken, and vouched for":                {payment.CaptureManual, false, 100, payment.StateCaptured},
		"taken, and not vouched for":            {payment.CaptureManual, true, 100, payment.StatePending},
		"taken as ordered":                      {payment.CaptureAuto, true, 100, payment.StateCaptured},
		"part taken where all was to be":        {payment.CaptureAuto, true, 40, payment.StatePending},
		"not taken, which nobody vouches for":   {payment.CaptureManual, true, 0, payment.StateAuthorized},
		"not taken yet, as nobody vouches that": {payment.CaptureAuto, true, 0, payment.StateAuthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t)
			c := command(payment.Authorize, "open", 100)
			c.Authorization.Capture = tc.mode
			l.mustStart(c)
			r := approved("x1", 100)
			r.Totals = &payment.Totals{Authorized: 100, Captured: tc.captured}
			told := callback(payment.Authorize, r)
			told.Hearsay = tc.hearsay
			l.observe(told)
			checkState(t, l.p, tc.want)
			asked := answer(c, r)
			asked.Source = payment.FromInquiry
			l.observe(asked)
			if tc.want == payment.StatePending && l.p.Captured != tc.captured/100*100 {
				t.Errorf("asked about: %s, captured %d", l.p.State, l.p.Captured)
			}
		})
	}
}

func TestObserve_TheBuyerChangesTheAddress(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := command(payment.Authorize, "open", 100)
	l.mustStart(c)
	l.observe(answer(c, payment.Result{Status: payment.NeedBuyer, Action: &payment.Action{Type: payment.ActionButton}}))
	review := func(city string, at time.Time) payment.Observation {
		o := callback(payment.Authorize, payment.Result{Status: payment.NeedBuyer, Buyer: &payment.Buyer{Shipping: &payment.Address{City: city}}})
		o.Source, o.At = payment.FromBrowser, at
		return o
	}
	first, second := review("Ulm", epoch.Add(time.Second)), review("Bonn", epoch.Add(time.Minute))
	for i, o := range []payment.Observation{first, second, second, first} {
		want := map[int]int{0: 1, 1: 1}[i]
		if got := len(l.observe(o)); got != want {
			t.Errorf("review %d: %d events, want %d", i+1, got, want)
		}
	}
	if got := l.p.Buyer.Shipping.City; got != "Bonn" {
		t.Errorf("the goods go to %s, want Bonn: the later review counts", got)
	}
}

func TestObserve_LessThanAskedParks(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := command(payment.Payout, "pay", 100)
	l.mustStart(c)
	l.observe(callback(payment.Payout, approved("p1", 99)))
	if op := l.p.Operations[0]; op.Status != payment.OpParked {
		t.Errorf("a payout of another amount is %s, want parked", op.Status)
	}
}

func TestObserve_AnotherAmountIsDoneElsewhere(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	captured(900, 900)(l)
	l.mustStart(command(payment.Refund, "ours", 100))
	if _, err := payment.Observe(l.p, callback(payment.Refund, approved("theirs", 50)), l.now); !errors.Is(err, payment.ErrUnmatched) {
		t.Errorf("error %v, want ErrUnmatched: somebody refunded in the back office", err)
	}
}

func TestObserve_NotifyAfterInquiry(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	byInquiry(500)(l)
	r := approved("another-ref", 500)
	r.Refs = map[string]string{"charge_id": "c1"}
	l.observe(callback(payment.Authorize, r))
	if l.p.Refs["charge_id"] != "c1" || l.p.Notified.IsZero() {
		t.Errorf("refs %v, notified %v: what only the notify tells is lost", l.p.Refs, l.p.Notified)
	}
	if again := l.observe(callback(payment.Authorize, r)); len(again) != 0 {
		t.Errorf("told again: %d events", len(again))
	}
}

// TestObserve_LateNotifyOfASettledRefund: the first refund was found by inquiry,
// under another reference than its notify bears, and a second is under way.
func TestObserve_LateNotifyOfASettledRefund(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	captured(900, 900)(l)
	first, second := command(payment.Refund, "first", 100), command(payment.Refund, "second", 100)
	l.mustStart(first)
	l.observe(answer(first, approved("by-inquiry", 100)))
	l.mustStart(second)
	late := callback(payment.Refund, approved("by-notify", 100))
	late.Result.Totals = &payment.Totals{Authorized: 900, Captured: 900, Refunded: 100}
	if events := l.observe(late); len(events) != 0 {
		t.Fatalf("%d events: the late notify was taken for the second refund's", len(events))
	}
	late.Result.Totals.Refunded = 200
	l.observe(late)
	if op, _ := l.p.Operation(second.ID); op.Status != payment.OpSucceeded || l.p.Refunded != 200 {
		t.Errorf("the second refund is %s, refunded %d", op.Status, l.p.Refunded)
	}
}

func TestObserve_PayoutTakenBack(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	c := command(payment.Payout, "pay", 100)
	l.mustStart(c)
	l.observe(answer(c, approved("p1", 100)))
	checkState(t, l.p, payment.StatePaid)
	o := answer(c, payment.Result{Status: payment.Failed, Reason: payment.ReasonReversed, Ref: "p1"})
	l.observe(o)
	checkState(t, l.p, payment.StateReversed)
	if len(l.observe(o)) != 0 {
		t.Error("a reversal that is told twice is one")
	}
	if l.observe(callback(payment.Payout, approved("p1", 100))); l.p.Frozen != "" || l.p.State != payment.StateReversed {
		t.Errorf("a success that is told again after: state %q, frozen %q", l.p.State, l.p.Frozen)
	}
}

// TestDecide_SyncsAreAnsweredOnce: two that came close together are not carried out
// in turns, however often each is delivered.
func TestDecide_SyncsAreAnsweredOnce(t *testing.T) {
	t.Parallel()
	p := payment.Payment{ID: "p", Merchant: "m", Provider: payment.Computop}
	at := time.Unix(1_800_000_000, 0).UTC()
	sync := func(i int) payment.CommandID { return payment.CommandID("sync-" + strconv.Itoa(i)) }
	for i := range 10 {
		p = payment.Fold(p, p.Next(payment.Event{
			Payment: p.ID, Merchant: p.Merchant, Provider: p.Provider, Command: sync(i), At: at, Source: payment.FromInquiry, Data: payment.Synced{},
		}))
	}
	for i := range 10 {
		c := payment.Command{ID: sync(i), Merchant: p.Merchant, Payment: p.ID, Provider: p.Provider, Kind: payment.Sync}
		if d := payment.Decide(p, c, at, payment.Rules{Kinds: []payment.Kind{payment.Sync}}); d.Verdict != payment.Done {
			t.Errorf("sync %d: %v", i, d.Verdict)
		}
	}
}
