package payment

import (
	"fmt"
	"slices"
	"time"
)

// Rules are the facts about a provider that decisions depend on.
type Rules struct {
	Kinds []Kind // what it can do
	// MaxCaptures is how many captures an authorisation takes; 0: any number.
	MaxCaptures int
	// OneRefundAtATime is set where inquiry tells only the sum of refunds, so
	// that two unsettled ones could not be told apart.
	OneRefundAtATime bool
	// CallbackFirst is set where the provider's first callback must have been
	// answered before any follow-up. CallbackGrace is how long after it a
	// follow-up waits; CallbackPatience how long without it one is tried anyway.
	CallbackFirst    bool
	CallbackGrace    time.Duration
	CallbackPatience time.Duration
	// Patience is how long a command waits for what should have come before it.
	Patience time.Duration
	// KeySeparator stands between payment id and number in attempt keys. It
	// must not occur in a payment id, or the number could not be told from it.
	KeySeparator string
}

// Verdict is what is to be done about a command now.
type Verdict int

// The verdicts.
const (
	Done    Verdict = iota // nothing: answered, or waiting for someone else
	Start                  // append Event, then call the provider
	Recover                // find out what became of Operation's attempt
	Inquire                // carry out a sync command
	NotYet                 // again after After
	Reject                 // append Event
)

// String returns the verdict's name.
func (v Verdict) String() string {
	return [...]string{"done", "start", "recover", "inquire", "not yet", "reject"}[v]
}

// Decision is what Decide returns.
type Decision struct {
	Verdict   Verdict
	Event     Event         // for Start and Reject, without ID
	Operation Operation     // for Recover and Inquire: the one in question
	After     time.Duration // for NotYet
	Why       Reason        // for NotYet
}

// Decide says what is to be done about c, given what p has become by now, broker
// time. It neither knows nor cares how often or by how many workers it is asked:
// whoever acts on its answer appends to p's ledger first, and loses to whoever
// did so before.
func Decide(p Payment, c Command, now time.Time, r Rules) Decision {
	d := decider{p: p, c: c, now: now, r: r}
	if d.elsewhere() {
		return d.reject(ReasonExists, "the payment is at "+string(p.Provider))
	}
	if c.Kind == Sync {
		return d.sync()
	}
	if op, ok := p.Operation(c.ID); ok {
		return d.known(op)
	}
	if p.dismissed(c.ID) {
		return Decision{Verdict: Done}
	}
	return d.fresh()
}

// elsewhere tells whether the payment belongs to another provider than the
// command names. As long as nothing was started it belongs to nobody: whoever
// opens it has it.
func (d decider) elsewhere() bool {
	nobodys := d.p.State == StateNew || d.p.State == StateRejected
	return d.p.Version > 0 && d.p.Provider != d.c.Provider && !d.p.dismissed(d.c.ID) && !nobodys
}

type decider struct {
	p   Payment
	c   Command
	now time.Time
	r   Rules
}

func (d decider) sync() Decision {
	op, opened := d.p.Opening()
	switch {
	case d.p.dismissed(d.c.ID):
		return Decision{Verdict: Done}
	case !opened:
		return d.wait(ReasonNotStarted)
	}
	// An open attempt is looked at first: its outcome is what is missing.
	for _, other := range d.p.Operations {
		if other.Status == OpOpen || other.Status == OpUnknown || other.Status == OpPending {
			op = other
		}
	}
	return Decision{Verdict: Inquire, Operation: op}
}

// known decides about a command that has an operation already.
func (d decider) known(op Operation) Decision {
	switch op.Status {
	case OpOpen, OpUnknown, OpPending:
		if wait := op.RetryAt.Sub(d.now); wait > 0 {
			return Decision{Verdict: NotYet, After: wait, Why: op.Reason}
		}
		return Decision{Verdict: Recover, Operation: op}
	case OpWaiting:
		if wait := op.RetryAt.Sub(d.now); wait > 0 {
			return Decision{Verdict: NotYet, After: wait, Why: op.Reason}
		}
		if d.p.Frozen != "" {
			return d.reject(ReasonFrozen, d.p.Frozen)
		}
		return d.start(op)
	case OpAction, OpSucceeded, OpDeclined, OpFailed, OpRejected, OpParked:
		return Decision{Verdict: Done}
	}
	return Decision{Verdict: Done}
}

// fresh decides about a command that nothing was done for yet.
func (d decider) fresh() Decision {
	switch {
	case !slices.Contains(d.r.Kinds, d.c.Kind):
		return d.reject(ReasonUnsupported, fmt.Sprintf("%s cannot %s", d.c.Provider, d.c.Kind))
	case len(d.p.Operations) >= MaxOperations:
		return d.reject(ReasonTooMany, fmt.Sprintf("a payment holds %d operations", MaxOperations))
	case d.p.Frozen != "":
		return d.reject(ReasonFrozen, d.p.Frozen)
	case d.c.Kind.Opens():
		return d.open()
	case d.p.State == StateNew || d.p.State == StateRejected:
		return d.wait(ReasonNotStarted)
	}
	if why, busy := d.busy(); busy {
		return d.wait(why)
	}
	return d.followUp()
}

func (d decider) open() Decision {
	if d.p.State != StateNew && d.p.State != StateRejected {
		return d.reject(ReasonExists, "the payment was opened by another command")
	}
	return d.start(Operation{})
}

// busy tells whether another operation has to be settled first.
func (d decider) busy() (Reason, bool) {
	for _, op := range d.p.Operations {
		if op.Status.Busy() {
			return ReasonUnclear, true
		}
		if op.Kind == Cancel && op.Status == OpPending {
			return ReasonUnclear, true
		}
		same := op.Kind == d.c.Kind && op.Status == OpPending
		if same && (d.c.Kind != Refund || d.r.OneRefundAtATime) {
			return ReasonUnclear, true
		}
		if d.mistakable(op) {
			return ReasonUnclear, true
		}
	}
	return "", false
}

// mistakable tells whether what op, which waits for a person, may have done would be
// taken for what the command is about to do.
func (d decider) mistakable(op Operation) bool {
	return d.r.OneRefundAtATime && d.c.Kind == Refund && op.Kind == Refund && op.Status == OpParked
}

func (d decider) followUp() Decision {
	if d.p.State == StatePending || (d.p.State == StateRequiresAction && d.c.Kind != UpdateAmount) {
		return d.wait(ReasonState)
	}
	if reason, detail := d.forbidden(); reason != "" {
		return d.reject(reason, detail)
	}
	if d.c.Kind == UpdateAmount {
		return d.start(Operation{})
	}
	return d.gate()
}

// gate holds a follow-up back until the provider's first callback was answered.
func (d decider) gate() Decision {
	if !d.r.CallbackFirst {
		return d.start(Operation{})
	}
	if d.p.Notified.IsZero() {
		// Counted from the opening: other events of the payment come all the time.
		if op, _ := d.p.Opening(); d.now.Sub(op.At) < d.r.CallbackPatience {
			return d.notYet(ReasonNoAnswer)
		}
		return d.start(Operation{})
	}
	if wait := d.r.CallbackGrace - d.now.Sub(d.p.Notified); wait > 0 {
		return Decision{Verdict: NotYet, After: wait, Why: ReasonState}
	}
	return d.start(Operation{})
}

// forbidden returns why the payment's state or sums do not admit the command.
func (d decider) forbidden() (Reason, string) {
	p, c := d.p, d.c
	if c.Kind != Cancel && c.Amount.Currency != p.Amount.Currency {
		return ReasonCurrency, fmt.Sprintf("the payment is in %s", p.Amount.Currency)
	}
	switch c.Kind {
	case Capture:
		return d.captureForbidden()
	case Refund:
		if p.State != StateCaptured && p.State != StatePartiallyCaptured && p.State != StatePartiallyRefunded {
			return d.inState("nothing to refund")
		}
		if c.Amount.Minor > p.Refundable() {
			return ReasonAmount, fmt.Sprintf("at most %d can be refunded", p.Refundable())
		}
	case Cancel:
		if p.State != StateAuthorized || p.Reserved(Capture) > 0 {
			return d.inState("nothing to cancel")
		}
	case UpdateAmount:
		if p.State != StateRequiresAction {
			return d.inState("the amount is fixed")
		}
	case Authorize, Payout, Sync:
	}
	return "", ""
}

func (d decider) captureForbidden() (Reason, string) {
	p := d.p
	if p.State != StateAuthorized && p.State != StatePartiallyCaptured {
		return d.inState("nothing to capture")
	}
	if d.r.MaxCaptures > 0 && p.captures() >= d.r.MaxCaptures {
		return ReasonState, fmt.Sprintf("%s takes %d capture(s) of an authorisation", p.Provider, d.r.MaxCaptures)
	}
	if d.c.Amount.Minor > p.Capturable() {
		return ReasonAmount, fmt.Sprintf("at most %d can be captured", p.Capturable())
	}
	return "", ""
}

// captures counts the captures that took effect or still may.
func (p Payment) captures() int {
	n := 0
	for _, op := range p.Operations {
		if op.Kind == Capture && (op.Status == OpSucceeded || op.reserved() > 0) {
			n++
		}
	}
	return n
}

func (d decider) inState(what string) (Reason, string) {
	return ReasonState, fmt.Sprintf("%s: the payment is %s", what, d.p.State)
}

// recoveryPatience is how long a command waits for another operation that is being
// recovered: longer than any provider takes to settle a doubt, a night and more.
const recoveryPatience = 72 * time.Hour

// wait holds the command back while there is patience left, and rejects it then.
func (d decider) wait(why Reason) Decision {
	patience := d.r.Patience
	if why == ReasonUnclear {
		patience = max(patience, recoveryPatience)
	}
	if d.now.Sub(d.c.At) < patience {
		return d.notYet(why)
	}
	return d.reject(why, "waited for "+patience.String())
}

// notYet puts the command off: the longer it has waited, the longer.
func (d decider) notYet(why Reason) Decision {
	after := min(max(d.now.Sub(d.c.At)/4, 250*time.Millisecond), 10*time.Minute)
	return Decision{Verdict: NotYet, After: after, Why: why}
}

func (d decider) reject(why Reason, detail string) Decision {
	return Decision{Verdict: Reject, Event: d.event(OperationRejected{Kind: d.c.Kind, Reason: why, Detail: detail})}
}

// start returns the intent of the attempt that follows op's, or of the first.
func (d decider) start(op Operation) Decision {
	n := op.Attempt.Number + 1
	a := AttemptStarted{
		Kind:    d.c.Kind,
		Amount:  d.c.Amount,
		Attempt: n,
		Key:     d.key(n),
		Idem:    IdempotencyKey(d.c.ID, op.Refused),
		Account: d.c.Account,
	}
	if d.c.Kind.Opens() {
		a.Terms = terms(d.c)
	}
	return Decision{Verdict: Start, Event: d.event(a)}
}

// key returns the attempt's key. Only an operation that opens a payment has keys
// of its own; the others refer to what was opened.
func (d decider) key(n int) string {
	if d.c.Kind.Opens() {
		return AttemptKey(d.c.Payment, d.r.KeySeparator, n+d.openings())
	}
	op, _ := d.p.Opening()
	return op.Attempt.Key
}

// openings counts the attempts of earlier commands that tried to open p.
func (d decider) openings() int {
	n := 0
	for _, op := range d.p.Operations {
		if op.Kind.Opens() && op.ID != d.c.ID {
			n += op.Attempt.Number
		}
	}
	return n
}

func terms(c Command) *Terms {
	a := c.Authorization
	if a == nil {
		return &Terms{}
	}
	t := &Terms{Capture: a.Capture, Method: a.Method, Country: a.Country, Return: a.Return}
	if a.Recurring != nil {
		t.Cycle, t.MandateOnly = a.Recurring.Cycle, a.Recurring.Only
	}
	return t
}

func (d decider) event(data EventData) Event {
	at := d.c.Provider
	if d.elsewhere() {
		at = d.p.Provider
	}
	return Event{
		Payment: d.c.Payment, Merchant: d.c.Merchant, Provider: at,
		Command: d.c.ID, At: d.now, Source: FromWorker, Data: data,
	}
}
