package payment_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
)

// step is one command of a plan, and what the provider makes of it.
type step struct {
	cmd    payment.Command
	result payment.Result
}

// plan draws a life of a payment that the provider tells consistently.
func plan(t *rapid.T) []step {
	total := rapid.Int64Range(1, 10_000).Draw(t, "total")
	steps := []step{{command(payment.Authorize, "open", total), approved("auth", total)}}
	if rapid.Bool().Draw(t, "declined") {
		steps[0].result = payment.Result{Status: payment.Declined, Ref: "auth", Code: "22520100", Reason: payment.ReasonDeclined}
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "follow-ups") {
		kind := rapid.SampledFrom([]payment.Kind{payment.Capture, payment.Refund, payment.Cancel}).Draw(t, "kind")
		amount := rapid.Int64Range(1, total).Draw(t, "amount")
		if kind == payment.Cancel {
			amount = 0
		}
		ref := fmt.Sprintf("ref-%d", i)
		r := rapid.SampledFrom([]payment.Result{
			approved(ref, amount),
			{Status: payment.Declined, Ref: ref, Code: "22520100", Reason: payment.ReasonDeclined},
			{Status: payment.Failed, Ref: ref, Code: "22520074", Reason: payment.ReasonAmount},
		}).Draw(t, "result")
		steps = append(steps, step{command(kind, ref, amount), r})
	}
	return steps
}

// canonical runs a plan in the plainest order: each answer follows its intent.
func canonical(t testing.TB, steps []step) payment.Payment {
	l := newLedger(t)
	for _, s := range steps {
		if l.decide(s.cmd, rules()).Verdict == payment.Start {
			l.observe(answer(s.cmd, s.result))
		}
	}
	return l.p
}

// shuffled runs a plan with each operation told by answer and by callbacks, in
// any order, some of it late, all of it repeated.
func shuffled(t testing.TB, steps []step, seed uint64) payment.Payment {
	l, r := newLedger(t), rand.New(rand.NewPCG(seed, 0))
	var told []payment.Observation
	for _, s := range steps {
		if l.decide(s.cmd, rules()).Verdict != payment.Start {
			continue
		}
		facts := []payment.Observation{answer(s.cmd, s.result), callback(s.cmd.Kind, s.result), callback(s.cmd.Kind, s.result)}
		r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		now := 1 + r.IntN(len(facts))
		for _, o := range facts[:now] {
			l.observe(o)
			checkMoney(t, l.p)
		}
		told = append(told, facts...)
	}
	for range 2 {
		r.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
		for _, o := range told {
			l.observe(o)
			checkMoney(t, l.p)
		}
	}
	return l.p
}

// sameButWhen compares payments without when and how often they were told.
var sameButWhen = cmp.Options{
	cmpopts.IgnoreFields(payment.Payment{}, "Version", "UpdatedAt", "Notified"),
	cmpopts.IgnoreFields(payment.Attempt{}, "Nonce"),
	cmpopts.EquateEmpty(),
}

func TestFold_AnyOrderAndRepetition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := plan(rt)
		want := canonical(t, steps)
		got := shuffled(t, steps, rapid.Uint64().Draw(rt, "order"))
		if diff := cmp.Diff(want, got, sameButWhen); diff != "" {
			rt.Fatalf("the order of what was told matters (-plain +shuffled):\n%s", diff)
		}
	})
}

func TestFold_ReplayOfTheLedger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		for _, s := range plan(rt) {
			l.decide(s.cmd, rules())
			l.observe(answer(s.cmd, s.result))
		}
		var again payment.Payment
		for _, e := range l.events {
			again = payment.Fold(again, e)
			again = payment.Fold(again, e) // a duplicate changes nothing
		}
		if diff := cmp.Diff(l.p, again, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("folding the ledger again differs:\n%s", diff)
		}
	})
}

// TestDecide_MoneyHoldsAgainstALyingProvider feeds observations of any amount,
// kind and status to a payment under any commands.
func TestDecide_MoneyHoldsAgainstALyingProvider(t *testing.T) {
	t.Parallel()
	kinds := rapid.SampledFrom(payment.Kinds())
	statuses := rapid.SampledFrom([]payment.Status{payment.Approved, payment.Declined, payment.Failed, payment.Pending, payment.NeedBuyer})
	sources := rapid.SampledFrom([]payment.Source{payment.FromAnswer, payment.FromCallback, payment.FromInquiry})
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		var cmds []payment.Command
		for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			l.now = l.now.Add(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
			before := l.p
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				l.resolve(rt)
				checkMoves(rt, before.State, l.p.State)
			case 1, 2:
				c := command(kinds.Draw(rt, "kind"), fmt.Sprintf("r%d", rapid.IntRange(0, i).Draw(rt, "req")), rapid.Int64Range(1, 1000).Draw(rt, "amount"))
				l.decide(c, rules())
				cmds = append(cmds, c)
			default:
				r := payment.Result{
					Status: statuses.Draw(rt, "status"), Amount: rapid.Int64Range(0, 2000).Draw(rt, "effect"),
					Ref: fmt.Sprintf("x%d", rapid.IntRange(0, 5).Draw(rt, "ref")),
				}
				o := payment.Observation{Source: sources.Draw(rt, "source"), Kind: kinds.Draw(rt, "of"), Ref: r.Ref, Result: r}
				if len(cmds) > 0 && rapid.Bool().Draw(rt, "known") {
					o.Command = rapid.SampledFrom(cmds).Draw(rt, "whose").ID
				}
				l.observe(o)
				checkMoves(rt, before.State, l.p.State)
			}
			checkMoney(rt, l.p)
		}
	})
}

// checkMoves checks that a state was reached by way of the table.
func checkMoves(t *rapid.T, from, to payment.State) {
	if from == to {
		return
	}
	if from.Terminal() {
		t.Fatalf("%q is terminal, yet %q followed", from, to)
	}
	for _, trigger := range from.Triggers() {
		if next, _ := from.Next(trigger); next == to {
			return
		}
	}
	t.Fatalf("%q does not follow %q", to, from)
}

func TestFold_TerminalAbsorbs(t *testing.T) {
	t.Parallel()
	for _, s := range payment.States() {
		if !s.Terminal() {
			continue
		}
		for _, d := range someData() {
			p := payment.Payment{
				ID: "order-1", State: s, Version: 7, Authorized: 10, Captured: 10, Refunded: 10,
				Operations: []payment.Operation{{ID: "c", Kind: payment.Authorize, Status: payment.OpSucceeded}},
			}
			got := payment.Fold(p, payment.Event{Version: 8, Command: "c", Data: d})
			if got.State != s || got.Captured != 10 || got.Refunded != 10 {
				t.Errorf("%s after %s: state %q, captured %d, refunded %d", s, d.Type(), got.State, got.Captured, got.Refunded)
			}
		}
	}
}

func someData() []payment.EventData {
	return []payment.EventData{
		payment.AttemptStarted{Kind: payment.Capture, Attempt: 1}, payment.AttemptNotSent{Attempt: 1}, payment.AttemptVoided{Attempt: 1},
		payment.ActionRequired{Attempt: 1}, payment.OperationPending{Attempt: 1}, payment.OperationSucceeded{Amount: 5},
		payment.OperationDeclined{}, payment.OperationFailed{}, payment.OperationRejected{Kind: payment.Authorize},
		payment.OperationReversed{}, payment.OutcomeUnknown{Attempt: 1}, payment.Parked{}, payment.BuyerDetailsReceived{},
		payment.MandateIssued{}, payment.CallbackConfirmed{}, payment.LateOutcome{}, payment.Synced{},
		payment.Unfrozen{Refs: []string{"x"}},
		payment.ReconcileBreak{Break: payment.Break{Figure: payment.FigureRefunded, Status: payment.BreakOpen, There: 3}},
	}
}

func TestEventTypes_AreAllListed(t *testing.T) {
	t.Parallel()
	listed := map[payment.EventType]bool{}
	for _, typ := range payment.EventTypes() {
		listed[typ] = true
	}
	for _, d := range someData() {
		if !listed[d.Type()] {
			t.Errorf("%s is not listed", d.Type())
		}
	}
	if len(listed) != len(someData()) {
		t.Errorf("%d types are listed, %d are tested", len(listed), len(someData()))
	}
}
