package payment

import (
	"slices"
	"strconv"
	"time"
)

// Comparable tells whether what is known of p can be compared with a provider's
// books: it was opened for money, nothing of it is under way, and whether it was
// opened or given up is no open question. A capture or a refund that waits for a
// person does not hinder: its amount may be there or not.
func Comparable(p Payment) bool {
	if _, opened := p.Opening(); !opened || p.Terms.MandateOnly {
		return false
	}
	return !slices.ContainsFunc(p.Operations, func(op Operation) bool {
		return !op.Status.Terminal() || (op.Status == OpParked && op.Kind != Capture && op.Kind != Refund)
	})
}

// Compare returns the events, in order and without IDs, by which p learns at broker
// time now how it differs from the provider's books: none for a difference that it
// knows already, be it open or closed by a person, and one that heals for a known
// difference that is gone. by is the command that asked. What is not Comparable, or
// pending there, is left as it is.
func Compare(p Payment, s Statement, by CommandID, now time.Time) []Event {
	if !Comparable(p) || (s.Found && s.Pending) {
		return nil
	}
	var events []Event
	for _, d := range differences(p, s) {
		b, news := p.learnt(d, uint64(len(events)), now)
		if !news {
			continue
		}
		events = append(events, Event{
			Payment: p.ID, Merchant: p.Merchant, Provider: p.Provider,
			Command: by, At: now, Source: FromInquiry, Data: ReconcileBreak{Break: b},
		})
	}
	return events
}

// learnt returns what p has to note of a figure that was compared: d, with an empty
// Kind where it agrees. after is how many events come before.
func (p Payment) learnt(d Break, after uint64, now time.Time) (Break, bool) {
	i := slices.IndexFunc(p.Breaks, func(b Break) bool { return b.Figure == d.Figure })
	switch {
	case i < 0 && d.Kind == "":
		return Break{}, false
	case i >= 0 && d.Kind == "":
		healed := p.Breaks[i]
		healed.Status = BreakHealed
		return healed, true
	case i >= 0 && p.Breaks[i].same(d):
		return Break{}, false
	}
	d.Status, d.Since = BreakOpen, now
	d.ID = Digest("break", string(p.Merchant), string(p.ID), string(d.Figure), strconv.FormatUint(p.Version+1+after, 10))
	if i >= 0 && p.Breaks[i].Status == BreakOpen {
		d.ID, d.Since = p.Breaks[i].ID, p.Breaks[i].Since
	}
	return d, true
}

// differences compares figure by figure and returns a Break for each that it could
// compare, with an empty Kind where both agree. Whoever has no such payment, or has
// it in another currency or at another end, has no sums to compare.
func differences(p Payment, s Statement) []Break {
	var all []Break
	for _, compare := range []func(Payment, Statement) Break{compareExistence, compareCurrency, compareEnd} {
		b := compare(p, s)
		b.Ref = cut(s.Ref, maxRef)
		if all = append(all, b); b.Kind != "" {
			return all
		}
	}
	if !p.stands() { // nor does it there: what there is of sums is over
		return append(all, Break{Figure: FigureAuthorized}, Break{Figure: FigureCaptured}, Break{Figure: FigureRefunded})
	}
	for _, b := range []Break{
		compareSum(FigureAuthorized, p.Authorized, s.Totals.Authorized, 0),
		compareSum(FigureCaptured, p.Captured, s.Totals.Captured, p.Reserved(Capture)),
		compareSum(FigureRefunded, p.Refunded, s.Totals.Refunded, p.Reserved(Refund)),
	} {
		b.Ref = cut(s.Ref, maxRef)
		all = append(all, b)
	}
	return all
}

func compareExistence(p Payment, s Statement) Break {
	b := Break{Figure: FigurePayment}
	if !s.Found && p.stands() {
		b.Kind, b.Here = MissingThere, p.Authorized
	}
	return b
}

func compareCurrency(p Payment, s Statement) Break {
	b := Break{Figure: FigureCurrency}
	if s.Found && s.Moved() && s.Currency != "" && s.Currency != p.Amount.Currency {
		b.Kind, b.Ours, b.Theirs = CurrencyDiffers, string(p.Amount.Currency), string(s.Currency)
		b.Here, b.There = p.Authorized, s.Totals.Authorized
	}
	return b
}

// compareEnd compares whether the payment stands at all.
func compareEnd(p Payment, s Statement) Break {
	b := Break{Figure: FigureState}
	if s.Found && p.stands() != s.Moved() {
		b.Kind, b.Ours, b.Theirs = StateDiffers, string(p.State), s.word()
		b.Here, b.There = p.Authorized, max(s.Totals.Authorized, s.Totals.Captured)
	}
	return b
}

// word says in ours where the provider has the payment.
func (s Statement) word() string {
	switch {
	case s.Totals.Captured > 0:
		return string(StateCaptured)
	case s.Totals.Authorized > 0:
		return string(StateAuthorized)
	}
	return "nothing"
}

// compareSum compares one sum. open is what may have been added there without our knowing.
func compareSum(f Figure, here, there, open int64) Break {
	b := Break{Figure: f}
	if here <= there && there <= sum(here, open) {
		return b
	}
	b.Here, b.There = here, there
	switch {
	case here == 0:
		b.Kind = MissingHere
	case there == 0:
		b.Kind = MissingThere
	default:
		b.Kind = AmountDiffers
	}
	return b
}

// stands tells whether money is held, was taken or was paid out for p, and not given
// up since. What was refunded was taken before.
func (p Payment) stands() bool {
	switch p.State {
	case StateAuthorized, StatePartiallyCaptured, StateCaptured, StatePartiallyRefunded, StateRefunded, StatePaid:
		return true
	case StateNew, StateRejected, StateProcessing, StateRequiresAction, StatePending, StateCancelled, StateDeclined,
		StateFailed, StateExpired, StateAgreed, StateReversed:
	}
	return false
}
