package payment

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Observation is what a provider said about an operation: its answer to a call,
// its answer to an inquiry, or a callback.
type Observation struct {
	Source  Source
	Command CommandID // the operation, where the asker knows it
	Kind    Kind      // otherwise: what is spoken of
	Key     string    // the attempt's key as the provider gave it back; may be empty
	Ref     string    // the provider's id of the operation; may be empty
	Attempt int       // the attempt, where the asker knows it
	RetryAt time.Time // for Pending: when to ask again
	At      time.Time // broker time when it was said, where that is not now
	// Hearsay is set where what proves a callback does not cover its sums.
	Hearsay bool
	Result  Result
}

// ErrUnmatched is returned for an observation that speaks of no operation of
// the payment.
var ErrUnmatched = errors.New("payment: observation matches no operation")

// Observe returns the events, in order and without IDs, by which p learns what o
// says at broker time now: none when p knows already. Callbacks that arrive
// twice, late or before our own answer was stored all end here. A success that
// the ledger has no place for becomes a LateOutcome, never nothing.
func Observe(p Payment, o Observation, now time.Time) ([]Event, error) {
	o = o.capped()
	op, ok := match(p, o)
	if !ok {
		return nil, ErrUnmatched
	}
	w := witness{p: p, op: op, o: o, now: now}
	if w.ahead() || w.blurred() {
		return nil, ErrUnmatched
	}
	if w.former() {
		return w.strange(), nil
	}
	events := w.details(nil)
	if op.Status.Terminal() && op.Status != OpParked {
		return append(events, w.late()...), nil
	}
	return append(events, w.outcome()...), nil
}

// The longest texts of a provider that a payment keeps, in bytes: a snapshot with
// all its operations must fit a message.
const (
	maxRef  = 128
	maxCode = 64
)

// capped returns o with the provider's texts cut to what a payment keeps.
func (o Observation) capped() Observation {
	o.Ref, o.Result.Ref, o.Result.Code = cut(o.Ref, maxRef), cut(o.Result.Ref, maxRef), cut(o.Result.Code, maxCode)
	if len(o.Result.Refs) > 0 {
		refs := make(map[string]string, len(o.Result.Refs))
		for name, v := range o.Result.Refs {
			refs[name] = cut(v, 2*maxRef)
		}
		o.Result.Refs = refs
	}
	return o
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// match finds the operation that o speaks of: the named one, the one with that
// reference, the only unsettled one of the kind, or the last of the kind.
func match(p Payment, o Observation) (Operation, bool) {
	if o.Command != "" {
		return p.Operation(o.Command)
	}
	var last, settled Operation
	for _, op := range p.Operations {
		if op.Kind != o.Kind || !ours(p, op, o) {
			continue
		}
		if o.Ref != "" && op.Ref == o.Ref {
			return op, true
		}
		if last = op; op.Status.Terminal() {
			settled = op
		}
	}
	if settled.ID != "" && p.counts(o) {
		return settled, true
	}
	if op, ok := p.Unsettled(o.Kind); ok && ours(p, op, o) && op.fits(o) && !op.estranged(o) {
		return op, true
	}
	// A reference that none of ours has speaks of something we did not do,
	// unless ours never learnt its reference.
	if !last.fits(o) || (o.Ref != "" && last.Ref != "" && o.Kind != Authorize) {
		return Operation{}, false
	}
	return last, last.ID != ""
}

// counts tells whether p's own sums hold all that o tells of: it is then about
// an operation that was settled before, whatever reference it bears.
func (p Payment) counts(o Observation) bool {
	t := o.Result.Totals
	if t == nil || o.Result.Status != Approved {
		return false
	}
	return (o.Kind == Capture && t.Captured <= p.Captured) || (o.Kind == Refund && t.Refunded <= p.Refunded)
}

// fits tells whether an observation that does not name op may be about it. One of
// another amount is about something that was done elsewhere.
func (op Operation) fits(o Observation) bool {
	return op.Kind.Opens() || o.Result.Amount == 0 || o.Result.Amount == op.Amount.Minor
}

// estranged tells whether o bears another reference than op is known by. What opens
// a payment may change its reference on the way.
func (op Operation) estranged(o Observation) bool {
	return !op.Kind.Opens() && o.Ref != "" && op.Ref != "" && op.Ref != o.Ref
}

// ours tells whether o bears the key of an attempt of op: the latest one's, or
// that of a former one to open the payment, which begins with the payment's id.
func ours(p Payment, op Operation, o Observation) bool {
	return o.Key == "" || op.Attempt.Key == o.Key || (op.Kind.Opens() && strings.HasPrefix(o.Key, string(p.ID)))
}

type witness struct {
	p   Payment
	op  Operation
	o   Observation
	now time.Time
}

func (w witness) event(data EventData) Event {
	return Event{
		Payment: w.p.ID, Merchant: w.p.Merchant, Provider: w.p.Provider,
		Command: w.op.ID, At: w.now, Source: w.o.Source, Data: data,
	}
}

// former tells whether o speaks of an attempt that another has followed.
func (w witness) former() bool {
	a := w.op.Attempt
	return (w.o.Attempt != 0 && w.o.Attempt < a.Number) || (w.o.Key != "" && a.Key != "" && w.o.Key != a.Key)
}

// ahead tells whether o speaks of an attempt to open p that p has not heard of: p
// was read from a replica that lags.
func (w witness) ahead() bool {
	return w.op.Kind.Opens() && ordinal(w.p.ID, w.o.Key) > ordinal(w.p.ID, w.op.Attempt.Key)
}

// blurred tells whether o is a failure that may be a former attempt's. The attempts of
// a follow-up share one key: their references tell them apart, or recovery does. A
// success is the operation's, whichever attempt had it.
func (w witness) blurred() bool {
	settled := w.op.Status.Terminal() && w.op.Status != OpParked
	if settled || w.op.Kind.Opens() || w.op.Attempt.Number < 2 || w.o.Source != FromCallback {
		return false
	}
	failure := w.o.Result.Status == Declined || w.o.Result.Status == Failed
	return failure && (w.ref() == "" || w.ref() != w.op.Ref)
}

// ordinal returns which attempt to open payment id has that key. The first one's is
// the id itself; the later ones' end with their number.
func ordinal(id ID, key string) int {
	rest, ok := strings.CutPrefix(key, string(id))
	n, err := strconv.Atoi(strings.TrimLeftFunc(rest, func(r rune) bool { return r < '0' || r > '9' }))
	if !ok || err != nil {
		return 1
	}
	return n
}

// strange returns what follows from the outcome of a former attempt. Success under
// a reference that is not the operation's own may be a second effect.
func (w witness) strange() []Event {
	r := w.o.Result
	same := w.ref() != "" && w.ref() == w.op.Ref
	if r.Status != Approved || same {
		return nil
	}
	return w.stray()
}

// stray records an outcome that the ledger has no place for, unless that is known.
func (w witness) stray() []Event {
	if w.recorded() {
		return nil
	}
	r := w.o.Result
	return w.one(LateOutcome{Kind: w.op.Kind, Status: r.Status, Ref: w.ref(), Code: r.Code, Amount: r.Amount})
}

// details appends what o tells beside the outcome and p does not know yet.
func (w witness) details(events []Event) []Event {
	b, at := w.o.Result.Buyer, w.o.At
	if at.IsZero() {
		at = w.now
	}
	if b == nil || (w.p.Buyer != nil && (reflect.DeepEqual(b, w.p.Buyer) || !at.After(w.p.BuyerAt))) {
		return events
	}
	return append(events, w.event(BuyerDetailsReceived{Buyer: *b, Action: w.review(), ToldAt: at}))
}

// review returns the action that came with the buyer's details.
func (w witness) review() *Action {
	if a := w.o.Result.Action; a != nil && a.Type == ActionReview {
		return a
	}
	return nil
}

// outcome returns what an operation without a final outcome learns.
func (w witness) outcome() []Event {
	r := w.o.Result
	switch r.Status {
	case Approved:
		return w.approved()
	case Declined:
		return w.one(OperationDeclined{Ref: w.name(), Code: r.Code, Reason: r.Reason})
	case Failed:
		return w.one(OperationFailed{Ref: w.name(), Code: r.Code, Reason: r.Reason})
	case Pending:
		return w.pending()
	case NeedBuyer:
		return w.needBuyer()
	}
	return nil
}

func (w witness) one(data EventData) []Event { return []Event{w.event(data)} }

func (w witness) ref() string {
	if w.o.Ref != "" {
		return w.o.Ref
	}
	return w.o.Result.Ref
}

// name returns the reference that the operation bears from now on: whoever tells
// none does not make it forgotten.
func (w witness) name() string { return cmp.Or(w.ref(), w.op.Ref) }

func (w witness) approved() []Event {
	r := w.o.Result
	amount := r.Amount
	if amount == 0 {
		amount = w.asked()
	}
	if w.hearsay(amount) {
		return w.pending()
	}
	if !w.plausible(amount) {
		if w.op.Status == OpParked {
			return nil
		}
		return w.one(Parked{Attempt: w.op.Attempt.Number, Reason: ReasonAmount, Detail: "the provider tells of another amount than was asked"})
	}
	events := w.one(OperationSucceeded{
		Ref: w.name(), Refs: r.Refs, Code: r.Code, Amount: amount,
		Captured: r.Totals != nil && r.Totals.Captured >= amount && amount > 0,
	})
	return w.mandate(events)
}

// hearsay tells whether a callback speaks of sums that only the provider can vouch
// for: another than was asked for, or money taken that was to be taken later. What
// proves a callback does not cover its sums everywhere, and a buyer may have seen it.
func (w witness) hearsay(amount int64) bool {
	if w.o.Source != FromCallback || w.op.Kind != Authorize {
		return false
	}
	return w.unordered() || (amount != w.asked() && amount != w.p.highestUpdate())
}

// unordered tells whether money is said to be taken, by nobody who can prove it, that
// was not ordered to be taken so.
func (w witness) unordered() bool {
	t := w.o.Result.Totals
	if !w.o.Hearsay || t == nil || t.Captured == 0 {
		return false
	}
	return w.p.Terms.Capture != CaptureAuto || t.Captured != t.Authorized
}

// asked returns the amount that the operation was to move.
func (w witness) asked() int64 {
	if w.op.Kind == Authorize && w.p.Terms.MandateOnly {
		return 0
	}
	if w.op.Kind == Authorize {
		return w.p.Amount.Minor // the amount may have been updated since
	}
	return w.op.Amount.Minor
}

// plausible tells whether amount may be what took effect. An authorisation may be
// for less than was asked, or for what an update asked for that we have not heard
// of yet; everything else is for what was asked, to the cent.
func (w witness) plausible(amount int64) bool {
	if w.op.Kind == Authorize {
		return amount <= max(w.p.Amount.Minor, w.op.Amount.Minor, w.p.highestUpdate())
	}
	return amount == w.op.Amount.Minor
}

// highestUpdate returns the largest amount an unsettled update asked for: the
// provider may have taken it before we learnt so.
func (p Payment) highestUpdate() int64 {
	var n int64
	for _, op := range p.Operations {
		if op.Kind == UpdateAmount && op.Status != OpRejected {
			n = max(n, op.Amount.Minor)
		}
	}
	return n
}

// mandate adds the right to charge again, if the payment is to begin a series:
// some providers name a permission with every payment.
func (w witness) mandate(events []Event) []Event {
	told := w.o.Result.Mandate
	if told == nil || w.p.Mandate != nil || w.p.Terms.Cycle == "" {
		return events
	}
	m := *told
	if m.Cycle == "" {
		m.Cycle = w.p.Terms.Cycle
	}
	return append(events, w.event(MandateIssued{Mandate: m}))
}

func (w witness) pending() []Event {
	if w.op.Status == OpPending || w.op.Status == OpParked {
		return nil
	}
	if w.op.Status == OpAction && w.o.Source == FromInquiry {
		return nil // the buyer is still at it
	}
	r := w.o.Result
	return w.one(OperationPending{
		Attempt: w.op.Attempt.Number, Ref: w.name(), Refs: r.Refs, Code: r.Code, RetryAt: w.o.RetryAt,
	})
}

func (w witness) needBuyer() []Event {
	r := w.o.Result
	if r.Action == nil || r.Action.Type == ActionReview || w.op.Status == OpAction || w.op.Status == OpParked {
		return nil
	}
	return w.one(ActionRequired{Attempt: w.op.Attempt.Number, Action: *r.Action, Ref: w.name(), Refs: r.Refs})
}

// late returns what follows from an observation of an operation that is settled,
// or of an attempt that another has followed.
func (w witness) late() []Event {
	r := w.o.Result
	switch {
	case w.reversal():
		return w.one(OperationReversed{Ref: w.ref(), Code: r.Code, Reason: ReasonReversed})
	case w.second():
		return w.stray()
	case r.Status == Approved && w.op.Status == OpSucceeded:
		return w.confirmed()
	case r.Status == Approved && w.op.Reason == ReasonReversed:
		return nil // what was said before it was taken back
	case r.Status == Approved && !w.recorded():
		return w.stray()
	case r.Status.Final() && w.opensGate():
		return w.one(CallbackConfirmed{Ref: w.ref(), Refs: r.Refs})
	}
	return nil
}

// second tells whether the answer to a later attempt of a follow-up shows an effect of
// its own: a callback has ended the operation meanwhile, by the effect of a former one.
func (w witness) second() bool {
	s := w.o.Result.Status
	again := w.o.Source == FromAnswer && !w.op.Kind.Opens() && w.op.Attempt.Number > 1 && w.op.Status == OpSucceeded
	return again && (s == Approved || s == Pending) && w.ref() != "" && w.op.Ref != "" && w.ref() != w.op.Ref
}

// recorded tells whether a late outcome is known already. Of those without a reference
// one is enough to freeze a payment: they cannot be told apart.
func (w witness) recorded() bool {
	known := w.ref() == "" || slices.Contains(w.p.Late, w.ref())
	return w.acknowledged() || (w.p.Frozen != "" && known)
}

// acknowledged tells whether a person has dealt with what o tells.
func (w witness) acknowledged() bool {
	return w.ref() != "" && slices.Contains(w.p.Acknowledged, w.ref())
}

// reversal tells whether the provider takes a successful payout back.
func (w witness) reversal() bool {
	return w.op.Kind == Payout && w.op.Status == OpSucceeded && w.o.Result.Status == Failed &&
		w.o.Result.Reason == ReasonReversed
}

// confirmed returns what a success that is known already adds: the callback that
// follow-ups wait for, and references that only it told.
func (w witness) confirmed() []Event {
	var events []Event
	if w.opensGate() || w.tellsRefs() {
		events = w.one(CallbackConfirmed{Ref: w.ref(), Refs: w.o.Result.Refs})
	}
	return w.mandate(events)
}

func (w witness) tellsRefs() bool {
	if w.o.Source != FromCallback {
		return false
	}
	for name := range w.o.Result.Refs {
		if w.p.Refs[name] == "" {
			return true
		}
	}
	return false
}

// opensGate tells whether o is the first final callback of the payment.
func (w witness) opensGate() bool {
	return w.o.Source == FromCallback && w.p.Notified.IsZero()
}
