package payment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
)

// taken returns a ledger whose payment is captured over minor, of which back was
// refunded.
func taken(t testing.TB, minor, back int64) *ledger {
	t.Helper()
	l := authorized(t, minor)
	take := command(payment.Capture, "take", minor)
	l.mustStart(take)
	l.observe(answer(take, approved("x2", minor)))
	if back > 0 {
		give := command(payment.Refund, "give", back)
		l.mustStart(give)
		l.observe(answer(give, approved("x3", back)))
	}
	return l
}

// ended returns a ledger whose payment came to nothing.
func ended(t testing.TB, r payment.Result) *ledger {
	t.Helper()
	l := newLedger(t)
	c := command(payment.Authorize, "open", 1000)
	l.mustStart(c)
	l.observe(answer(c, r))
	return l
}

// books returns a provider's statement.
func books(authorized, captured, refunded int64) payment.Statement {
	return payment.Statement{Found: true, Totals: payment.Totals{Authorized: authorized, Captured: captured, Refunded: refunded}, Ref: "pay-1"}
}

// compare has l's payment compared at l.now and returns the breaks that were noted.
func (l *ledger) compare(s payment.Statement) []payment.Break {
	var noted []payment.Break
	for _, e := range payment.Compare(l.p, s, "ask", l.now) {
		d, ok := e.Data.(payment.ReconcileBreak)
		if !ok || e.Command != "ask" || e.Source != payment.FromInquiry {
			l.t.Fatalf("a comparison gave %+v", e)
		}
		noted = append(noted, d.Break)
		l.append(e)
	}
	return noted
}

func TestCompare(t *testing.T) {
	t.Parallel()
	declined := payment.Result{Status: payment.Declined, Reason: payment.ReasonDeclined}
	inDollars := books(1000, 1000, 0)
	inDollars.Currency = "USD"
	inEuros := books(1000, 1000, 300)
	inEuros.Currency = "EUR"
	pending := books(0, 0, 0)
	pending.Pending = true
	tests := map[string]struct {
		ledger *ledger
		says   payment.Statement
		want   []payment.Break
	}{
		"authorised, and so it is there":   {authorized(t, 1000), books(1000, 0, 0), nil},
		"all agrees":                       {taken(t, 1000, 300), inEuros, nil},
		"declined, and nothing is there":   {ended(t, declined), books(0, 0, 0), nil},
		"declined, and not known there":    {ended(t, declined), payment.Statement{}, nil},
		"the provider is not ready to say": {taken(t, 1000, 0), pending, nil},
		"not known there": {taken(t, 1000, 0), payment.Statement{}, []payment.Break{
			{Kind: payment.MissingThere, Figure: payment.FigurePayment, Here: 1000}}},
		"captured by hand": {authorized(t, 1000), books(1000, 1000, 0), []payment.Break{
			{Kind: payment.MissingHere, Figure: payment.FigureCaptured, There: 1000}}},
		"refunded by hand": {taken(t, 1000, 0), books(1000, 1000, 250), []payment.Break{
			{Kind: payment.MissingHere, Figure: payment.FigureRefunded, There: 250}}},
		"refunded by hand once more": {taken(t, 1000, 300), books(1000, 1000, 550), []payment.Break{
			{Kind: payment.AmountDiffers, Figure: payment.FigureRefunded, Here: 300, There: 550}}},
		"the refund is not there": {taken(t, 1000, 300), books(1000, 1000, 0), []payment.Break{
			{Kind: payment.MissingThere, Figure: payment.FigureRefunded, Here: 300}}},
		"less was captured, and nothing refunded": {taken(t, 1000, 300), books(1000, 900, 0), []payment.Break{
			{Kind: payment.AmountDiffers, Figure: payment.FigureCaptured, Here: 1000, There: 900},
			{Kind: payment.MissingThere, Figure: payment.FigureRefunded, Here: 300}}},
		"another sum was authorised": {authorized(t, 1000), books(1200, 0, 0), []payment.Break{
			{Kind: payment.AmountDiffers, Figure: payment.FigureAuthorized, Here: 1000, There: 1200}}},
		"cancelled by hand": {authorized(t, 1000), books(0, 0, 0), []payment.Break{
			{Kind: payment.StateDiffers, Figure: payment.FigureState, Here: 1000, Ours: "authorized", Theirs: "nothing"}}},
		"declined, and taken there": {ended(t, declined), books(1000, 1000, 0), []payment.Break{
			{Kind: payment.StateDiffers, Figure: payment.FigureState, There: 1000, Ours: "declined", Theirs: "captured"}}},
		"in another currency": {taken(t, 1000, 0), inDollars, []payment.Break{
			{Kind: payment.CurrencyDiffers, Figure: payment.FigureCurrency, Here: 1000, There: 1000, Ours: "EUR", Theirs: "USD"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.ledger.compare(tt.says)
			ignore := cmpopts.IgnoreFields(payment.Break{}, "ID", "Status", "Since", "Ref")
			if diff := cmp.Diff(tt.want, got, ignore, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("breaks (-want +got):\n%s", diff)
			}
			if again := tt.ledger.compare(tt.says); len(again) > 0 {
				t.Errorf("the same is noted twice: %+v", again)
			}
		})
	}
}

func TestCompare_LeavesOpenQuestionsAlone(t *testing.T) {
	t.Parallel()
	l := taken(t, 1000, 0)
	give := command(payment.Refund, "give", 300)
	l.mustStart(give)
	if b := l.compare(books(1000, 1000, 300)); payment.Comparable(l.p) || len(b) > 0 {
		t.Errorf("a refund is under way, yet it was compared: %+v", b)
	}
	l.append(payment.Event{Command: give.ID, Data: payment.Parked{Attempt: 1}})
	for _, there := range []int64{0, 300} {
		if b := l.compare(books(1000, 1000, there)); len(b) > 0 {
			t.Errorf("a parked refund explains %d, yet: %+v", there, b)
		}
	}
	if b := l.compare(books(1000, 1000, 301)); len(b) != 1 || b[0].Kind != payment.MissingHere {
		t.Errorf("a parked refund of 300 does not explain 301: %+v", b)
	}
}

// TestCompare_LifeOfABreak follows one difference from its discovery to its end, and
// another to its acceptance.
func TestCompare_LifeOfABreak(t *testing.T) {
	t.Parallel()
	l := taken(t, 1000, 0)
	found := l.compare(books(1000, 1000, 250))[0]
	if found.Status != payment.BreakOpen || !found.Since.Equal(l.now) || found.Ref != "pay-1" || found.ID == "" {
		t.Fatalf("found: %+v", found)
	}
	l.now = l.now.Add(time.Hour)
	grown := l.compare(books(1000, 1000, 400))[0]
	if grown.ID != found.ID || !grown.Since.Equal(found.Since) || grown.There != 400 {
		t.Errorf("grown: %+v, found: %+v", grown, found)
	}
	accepted := grown
	accepted.Status, accepted.Reason, accepted.Actor = payment.BreakClosed, "a refund by telephone", "ann"
	l.append(payment.Event{Source: payment.FromOperator, Data: payment.ReconcileBreak{Break: accepted}})
	if b := l.compare(books(1000, 1000, 400)); len(b) > 0 {
		t.Errorf("an accepted difference is noted again: %+v", b)
	}
	other := l.compare(books(1000, 1000, 500))
	if len(other) != 1 || other[0].Status != payment.BreakOpen || other[0].ID == found.ID || other[0].Actor != "" {
		t.Errorf("a difference that nobody accepted: %+v", other)
	}
	healed := l.compare(books(1000, 1000, 0))
	if len(healed) != 1 || healed[0].Status != payment.BreakHealed || healed[0].ID != other[0].ID || len(l.p.Breaks) != 0 {
		t.Errorf("healed: %+v; left: %+v", healed, l.p.Breaks)
	}
}

// TestFold_BreaksMoveNothing puts comparisons with lying books between the events
// of any life: all else comes out as without them.
func TestFold_BreaksMoveNothing(t *testing.T) {
	t.Parallel()
	amount := rapid.Int64Range(0, 12_000)
	rapid.Check(t, func(rt *rapid.T) {
		plain, compared := newLedger(t), newLedger(t)
		for _, s := range plan(rt) {
			for _, l := range []*ledger{plain, compared} {
				l.decide(s.cmd, rules())
				l.observe(answer(s.cmd, s.result))
			}
			says := books(amount.Draw(rt, "authorised"), amount.Draw(rt, "captured"), amount.Draw(rt, "refunded"))
			says.Found = rapid.Bool().Draw(rt, "found")
			compared.compare(says)
			if again := compared.compare(says); len(again) > 0 {
				rt.Fatalf("noted twice: %+v", again)
			}
			if len(compared.p.Breaks) > len(payment.Figures()) {
				rt.Fatalf("%d breaks", len(compared.p.Breaks))
			}
		}
		but := cmp.Options{sameButWhen, cmpopts.IgnoreFields(payment.Payment{}, "Breaks")}
		if diff := cmp.Diff(plain.p, compared.p, but); diff != "" {
			rt.Fatalf("breaks changed more (-without +with):\n%s", diff)
		}
		if p := compared.p; payment.Comparable(p) {
			compared.compare(payment.Statement{Found: true, Currency: p.Amount.Currency, Totals: agreed(p)})
			if len(compared.p.Breaks) > 0 {
				rt.Fatalf("books that agree leave %+v", compared.p.Breaks)
			}
		}
	})
}

// agreed returns the sums of books that agree with p.
func agreed(p payment.Payment) payment.Totals {
	if slices.Contains([]payment.State{payment.StateCancelled, payment.StateDeclined, payment.StateFailed}, p.State) {
		return payment.Totals{}
	}
	return payment.Totals{Authorized: p.Authorized, Captured: p.Captured, Refunded: p.Refunded}
}
