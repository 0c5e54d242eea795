package payment

import "time"

// Statement is what a provider's books hold of a payment as a whole. Sums are minor
// units.
type Statement struct {
	// Found is false when the provider is sure that it has never heard of the payment.
	Found bool
	// Pending is set while the provider itself has not made up its mind: nothing can
	// be compared yet.
	Pending  bool
	Currency Currency // empty: the provider does not tell
	Totals   Totals
	Ref      string // the provider's id of the payment; may be empty
}

// Moved tells whether the provider holds, took or paid out anything.
func (s Statement) Moved() bool { return s.Totals.Authorized > 0 || s.Totals.Captured > 0 }

// BreakKind says how a payment and its provider's books differ.
type BreakKind string

// The kinds of break.
const (
	MissingThere    BreakKind = "missing_there"    // we have it, the provider does not
	MissingHere     BreakKind = "missing_here"     // the provider has it, we do not
	AmountDiffers   BreakKind = "amount_differs"   // both have it, not to the same sum
	StateDiffers    BreakKind = "state_differs"    // one of them says that it is over
	CurrencyDiffers BreakKind = "currency_differs" // both have it, not in the same currency
)

// BreakKinds lists all kinds of break in a stable order.
func BreakKinds() []BreakKind {
	return []BreakKind{MissingThere, MissingHere, AmountDiffers, StateDiffers, CurrencyDiffers}
}

// Figure is what of a payment is compared.
type Figure string

// The figures.
const (
	FigurePayment    Figure = "payment" // that there is one
	FigureCurrency   Figure = "currency"
	FigureState      Figure = "state"
	FigureAuthorized Figure = "authorized"
	FigureCaptured   Figure = "captured"
	FigureRefunded   Figure = "refunded"
)

// Figures lists all figures in the order in which they are compared.
func Figures() []Figure {
	return []Figure{FigurePayment, FigureCurrency, FigureState, FigureAuthorized, FigureCaptured, FigureRefunded}
}

// BreakStatus is where a break stands.
type BreakStatus string

// The statuses of a break.
const (
	BreakOpen   BreakStatus = "open"
	BreakHealed BreakStatus = "healed" // a later comparison found no difference
	BreakClosed BreakStatus = "closed" // a person accepted the difference as it is
)

// BreakStatuses lists all statuses of a break in a stable order.
func BreakStatuses() []BreakStatus { return []BreakStatus{BreakOpen, BreakHealed, BreakClosed} }

// Break is one difference between a payment and its provider's books. A payment has
// at most one per figure.
type Break struct {
	ID     string // the same whoever finds it: of payment, figure and version
	Kind   BreakKind
	Figure Figure
	Status BreakStatus
	Here   int64  // minor units, as is There; of a difference between words both are 0
	There  int64  //
	Ours   string // our word where states or currencies differ
	Theirs string // the provider's
	Ref    string // the provider's id of the payment
	// Since is the broker's time of the comparison that found it first.
	Since  time.Time
	Reason string // why a person closed it; holds no personal data
	Actor  string // who did
}

// same tells whether b and c are the same difference, to the cent.
func (b Break) same(c Break) bool {
	return b.Kind == c.Kind && b.Figure == c.Figure && b.Here == c.Here && b.There == c.There && b.Ours == c.Ours && b.Theirs == c.Theirs
}

// Break returns the break of p with that id.
func (p Payment) Break(id string) (Break, bool) {
	for _, b := range p.Breaks {
		if b.ID == id {
			return b, true
		}
	}
	return Break{}, false
}

// noted folds a break in: one that is healed goes, any other takes its figure's
// place.
func (p *Payment) noted(b Break) {
	var all []Break
	for _, f := range Figures() {
		if f == b.Figure {
			if b.Status != BreakHealed {
				all = append(all, b)
			}
			continue
		}
		for _, old := range p.Breaks {
			if old.Figure == f {
				all = append(all, old)
			}
		}
	}
	p.Breaks = all
}
