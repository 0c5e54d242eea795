package providertest

import (
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Clerk is what simulators of providers with books are, too: it acts in the
// provider's back office, and nobody is told.
type Clerk interface {
	// ByHand captures, refunds or cancels c's payment, or takes a payout back
	// (Refund). amount is minor units, 0 all there is.
	ByHand(c provider.Call, k payment.Kind, amount int64) error
	// Forget loses c's payment.
	Forget(c provider.Call) error
}

// life is what happens to a payment, and then by hand, and how it differs after.
type life struct {
	done   []payment.Kind
	clerk  payment.Kind // "" does nothing, Sync forgets
	kind   payment.BreakKind
	figure payment.Figure
}

// lives are those of payments and, if they can be, of payouts.
func lives(c provider.Capability) map[string]life {
	const open, take, give, none = payment.Authorize, payment.Capture, payment.Refund, payment.Kind("")
	all := map[string]life{}
	if c.Supports(open) {
		all["authorised"] = life{[]payment.Kind{open}, none, "", ""}
		all["captured"] = life{[]payment.Kind{open, take}, none, "", ""}
		all["refunded in part"] = life{[]payment.Kind{open, take, give}, none, "", ""}
		all["cancelled"] = life{[]payment.Kind{open, payment.Cancel}, none, "", ""}
		all["cancelled by hand"] = life{[]payment.Kind{open}, payment.Cancel, payment.StateDiffers, payment.FigureState}
		all["captured by hand"] = life{[]payment.Kind{open}, take, payment.MissingHere, payment.FigureCaptured}
		all["refunded by hand"] = life{[]payment.Kind{open, take}, give, payment.MissingHere, payment.FigureRefunded}
		all["the rest refunded by hand"] = life{[]payment.Kind{open, take, give}, give, payment.AmountDiffers, payment.FigureRefunded}
		all["lost there"] = life{[]payment.Kind{open, take}, payment.Sync, payment.MissingThere, payment.FigurePayment}
	}
	if c.Supports(payment.Payout) {
		all["paid out"] = life{[]payment.Kind{payment.Payout}, none, "", ""}
		all["taken back by hand"] = life{[]payment.Kind{payment.Payout}, give, payment.StateDiffers, payment.FigureState}
		all["a payout lost there"] = life{[]payment.Kind{payment.Payout}, payment.Sync, payment.MissingThere, payment.FigurePayment}
	}
	return all
}

// books compares what a provider's books say with what was done, and with what was
// done by hand besides.
func books(t *testing.T, h Harness) {
	x := begin(t, h)
	if _, ok := x.p.(provider.Bookkeeper); !ok {
		return
	}
	for name, l := range lives(x.cap) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin(t, h).live(l)
		})
	}
	t.Run("never sent", func(t *testing.T) {
		t.Parallel()
		y := begin(t, h)
		_, c := y.prepare(subjects(y.cap)[0])
		if s, err := provider.BooksOf(t.Context(), y.p, c); err != nil || s.Found {
			t.Errorf("found %+v, %v", s, err)
		}
	})
}

func (x *exam) live(l life) {
	x.Helper()
	story, id := NewStory(x.cap.Rules), x.newID()
	var opening provider.Call
	for _, k := range l.done {
		switch k {
		case payment.Authorize:
			x.authorize(story, id)
		default:
			x.execute(story, x.command(id, subject{kind: k}))
		}
		op, _ := story.Payment.Opening()
		opening = provider.Call{Payment: story.Payment, Operation: op, Now: story.now}
	}
	x.must(x.sim.Quiet())
	x.clerk(opening, l.clerk)
	s, err := provider.BooksOf(x.Context(), x.p, opening)
	x.checkQuiet(err)
	if err != nil {
		x.Fatal(err)
	}
	if cur := story.Payment.Amount.Currency; s.Currency != "" && s.Currency != cur {
		x.Errorf("currency %q, want %q", s.Currency, cur)
	}
	if !payment.Comparable(story.Payment) {
		x.Fatalf("a payment that is %q cannot be compared", story.Payment.State)
	}
	var got []payment.Break
	for _, e := range payment.Compare(story.Payment, s, "ask", time.Now()) {
		if d, ok := e.Data.(payment.ReconcileBreak); ok {
			got = append(got, d.Break)
		}
	}
	switch {
	case l.kind == "" && len(got) != 0:
		x.Errorf("nothing was done by hand, and the books %+v differ: %+v", s, got)
	case l.kind != "" && (len(got) != 1 || got[0].Kind != l.kind || got[0].Figure != l.figure):
		x.Errorf("the books %+v differ in %+v, want %s of %s", s, got, l.kind, l.figure)
	}
}

func (x *exam) clerk(c provider.Call, k payment.Kind) {
	x.Helper()
	clerk, ok := x.sim.(Clerk)
	switch {
	case k == "":
	case !ok:
		x.Fatal("the provider shows its books, and nobody can act in the simulator's back office")
	case k == payment.Sync:
		x.must(clerk.Forget(c))
	default:
		x.must(clerk.ByHand(c, k, 0))
	}
}
