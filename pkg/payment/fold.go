package payment

import (
	"maps"
	"slices"
	"time"
)

// Next returns e as the event that follows p: numbered, and addressed to p.
func (p Payment) Next(e Event) Event {
	e.Version = p.Version + 1
	return e
}

// Fold returns what p becomes by e: the only way a payment changes. An event
// that p has folded before, or that tells what p already knows, changes nothing
// but the version. p itself is left as it is.
func Fold(p Payment, e Event) Payment {
	if e.Version <= p.Version {
		return p
	}
	p = p.clone()
	if p.Version == 0 {
		p.ID, p.Merchant, p.Provider, p.CreatedAt = e.Payment, e.Merchant, e.Provider, e.At
	}
	p.Version, p.UpdatedAt = e.Version, e.At
	if e.Source == FromCallback && p.Notified.IsZero() && confirms(e.Data) {
		p.Notified = e.At
	}
	p.apply(e)
	return p
}

// confirms tells whether data, coming from a callback, is the provider's first
// word on a payment's fate.
func confirms(data EventData) bool {
	switch data.(type) {
	case BuyerDetailsReceived, OperationPending:
		return false
	}
	return true
}

// apply dispatches on the event's data. p is a clone already.
func (p *Payment) apply(e Event) {
	switch d := e.Data.(type) {
	case AttemptStarted:
		p.attemptStarted(e, d)
	case OperationRejected:
		p.rejected(e, d)
	case BuyerDetailsReceived:
		p.buyerDetails(d)
	case MandateIssued:
		p.Mandate = &d.Mandate
	case CallbackConfirmed:
		p.learn(d.Refs) // Fold has set Notified
	case LateOutcome:
		p.frozen(d)
	case Synced:
		p.answered(e)
	case Unfrozen:
		p.unfrozen(d)
	case ReconcileBreak:
		p.noted(d.Break)
	default:
		p.outcome(e)
	}
}

// maxSyncs is how many sync commands are remembered beside the last one.
const maxSyncs = 16

func (p *Payment) answered(e Event) {
	if slices.Contains(p.SyncedBefore, e.Command) {
		return
	}
	if p.Synced != "" && p.Synced != e.Command {
		p.remember(p.Synced)
	}
	p.Synced, p.SyncedAt = e.Command, e.At
}

// remember notes a sync command that has had its end.
func (p *Payment) remember(sync CommandID) {
	if !slices.Contains(p.SyncedBefore, sync) {
		p.SyncedBefore = append(p.SyncedBefore, sync)
		p.SyncedBefore = p.SyncedBefore[max(0, len(p.SyncedBefore)-maxSyncs):]
	}
}

func (p *Payment) attemptStarted(e Event, d AttemptStarted) {
	i := p.index(e.Command)
	if i < 0 {
		p.Operations = append(p.Operations, Operation{ID: e.Command, Kind: d.Kind, Amount: d.Amount})
		i = len(p.Operations) - 1
	}
	op := &p.Operations[i]
	if op.Status.Terminal() || d.Attempt <= op.Attempt.Number {
		return
	}
	op.Attempt = Attempt{Number: d.Attempt, Key: d.Key, Idem: d.Idem, Nonce: e.ID, Started: e.At}
	op.Status, op.RetryAt, op.At = OpOpen, time.Time{}, e.At
	if d.Kind.Opens() {
		p.Provider, p.Amount, p.Account = e.Provider, d.Amount, d.Account
		if d.Terms != nil {
			p.Terms = *d.Terms
		}
		p.move(TriggerStarted)
	}
}

// rejected answers a command that was never started in the ring of rejections,
// any other in its operation.
func (p *Payment) rejected(e Event, d OperationRejected) {
	if i := p.index(e.Command); i >= 0 {
		p.outcome(e)
		return
	}
	if d.Kind == Sync { // must not make the payment forget commands for money
		p.remember(e.Command)
		return
	}
	p.Rejected = append(p.Rejected, e.Command)
	if n := len(p.Rejected); n > maxRejections {
		p.Rejected = p.Rejected[n-maxRejections:]
	}
	// A second command that wants to open what another is opening says nothing
	// about that other.
	if d.Kind.Opens() && p.State == StateNew {
		p.move(TriggerRejected)
	}
}

func (p *Payment) frozen(d LateOutcome) {
	p.Frozen = "late outcome: " + string(d.Kind) + " " + string(d.Status)
	if d.Ref != "" && !slices.Contains(p.Late, d.Ref) {
		p.Late = append(p.Late, d.Ref)
		p.Late = p.Late[max(0, len(p.Late)-maxLate):]
	}
}

func (p *Payment) unfrozen(d Unfrozen) {
	p.Frozen, p.Late, p.Acknowledged = "", nil, append(p.Acknowledged, d.Refs...)
	if n := len(p.Acknowledged); n > maxAcknowledged {
		p.Acknowledged = p.Acknowledged[n-maxAcknowledged:]
	}
}

func (p *Payment) buyerDetails(d BuyerDetailsReceived) {
	if d.ToldAt.Before(p.BuyerAt) {
		return
	}
	p.Buyer, p.BuyerAt = &d.Buyer, d.ToldAt
	if d.Action != nil && p.State == StateRequiresAction {
		p.Action = d.Action
	}
}

// outcome applies an event that tells what became of an operation's attempt.
func (p *Payment) outcome(e Event) {
	i := p.index(e.Command)
	if i < 0 {
		return
	}
	op := &p.Operations[i]
	if r, ok := e.Data.(OperationReversed); ok {
		p.reversed(op, e, r)
		return
	}
	if closed(*op, e.Data) || stale(*op, e.Data) {
		return
	}
	op.At = e.At
	p.settle(op, e.Data)
}

// closed tells whether op takes no more outcomes. One that is parked takes a final
// one: that is what it waits for.
func closed(op Operation, data EventData) bool {
	if op.Status != OpParked {
		return op.Status.Terminal()
	}
	switch data.(type) {
	case OperationSucceeded, OperationDeclined, OperationFailed, OperationRejected:
		return false
	}
	return true
}

// stale tells whether data speaks of an attempt that another has followed.
func stale(op Operation, data EventData) bool {
	n := op.Attempt.Number
	switch d := data.(type) {
	case AttemptNotSent:
		return d.Attempt < n
	case AttemptVoided:
		return d.Attempt < n
	case ActionRequired:
		return d.Attempt < n
	case OperationPending:
		return d.Attempt < n
	case OutcomeUnknown:
		return d.Attempt < n
	}
	return false
}

func (p *Payment) settle(op *Operation, data EventData) {
	switch d := data.(type) {
	case AttemptNotSent:
		op.Status, op.Code, op.Reason, op.RetryAt = OpWaiting, d.Code, d.Reason, d.RetryAt
		if d.Refused {
			op.Refused++
		}
	case AttemptVoided:
		op.Status, op.RetryAt = OpWaiting, time.Time{}
	case OutcomeUnknown:
		op.Status, op.Code, op.Reason, op.RetryAt = OpUnknown, d.Code, d.Reason, d.RetryAt
	case Parked:
		op.Status, op.Reason = OpParked, d.Reason
	case ActionRequired:
		op.Status, op.Ref = OpAction, d.Ref
		p.learn(d.Refs)
		p.Action = &d.Action
		p.move(TriggerBuyerNeeded)
	case OperationPending:
		op.Status, op.Ref, op.Code, op.RetryAt = OpPending, d.Ref, d.Code, d.RetryAt
		p.learn(d.Refs)
		if op.Kind.Opens() {
			p.move(TriggerAccepted)
		}
	case OperationSucceeded:
		p.succeeded(op, d)
	case OperationDeclined:
		op.Status, op.Ref, op.Code, op.Reason = OpDeclined, d.Ref, d.Code, d.Reason
		p.lost(op.Kind, TriggerDeclined)
	case OperationFailed:
		op.Status, op.Ref, op.Code, op.Reason = OpFailed, d.Ref, d.Code, d.Reason
		p.lost(op.Kind, failure(d.Reason))
	case OperationRejected:
		op.Status, op.Code, op.Reason = OpRejected, d.Code, d.Reason
		p.lost(op.Kind, TriggerRejected)
	}
}

func failure(r Reason) Trigger {
	if r == ReasonExpired {
		return TriggerExpired
	}
	return TriggerFailed
}

// lost moves the payment when the operation that was to open it came to nothing.
func (p *Payment) lost(k Kind, t Trigger) {
	if !k.Opens() {
		return
	}
	p.Action = nil
	p.move(t)
}

func (p *Payment) succeeded(op *Operation, d OperationSucceeded) {
	op.Status, op.Ref, op.Code, op.Reason, op.Effect = OpSucceeded, d.Ref, d.Code, "", d.Amount
	p.learn(d.Refs)
	switch op.Kind {
	case Authorize:
		p.authorized(d)
	case UpdateAmount:
		p.Amount.Minor = d.Amount
	case Capture:
		p.Captured = sum(p.Captured, d.Amount)
		p.move(pick(p.Captured >= p.Authorized, TriggerAllCaptured, TriggerPartCaptured))
	case Refund:
		p.Refunded = sum(p.Refunded, d.Amount)
		p.move(pick(p.Refunded >= p.Captured, TriggerAllRefunded, TriggerPartRefunded))
	case Cancel:
		p.move(TriggerCancelled)
	case Payout:
		p.Authorized, p.Captured = d.Amount, d.Amount // paid out, that is
		p.move(TriggerPaid)
	case Sync:
	}
}

func (p *Payment) authorized(d OperationSucceeded) {
	p.Action = nil
	p.Authorized = d.Amount
	switch {
	case d.Amount == 0:
		p.move(TriggerAgreed)
	case d.Captured:
		p.Captured = d.Amount
		p.move(TriggerAllCaptured)
	default:
		p.move(TriggerAuthorized)
	}
}

func (p *Payment) reversed(op *Operation, e Event, d OperationReversed) {
	if op.Status != OpSucceeded || op.Kind != Payout {
		return
	}
	op.Status, op.Code, op.Reason, op.At = OpFailed, d.Code, d.Reason, e.At
	op.Effect, p.Authorized, p.Captured = 0, 0, 0
	p.move(TriggerReversed)
}

// move changes the state if t means anything in it.
func (p *Payment) move(t Trigger) {
	if next, ok := p.State.Next(t); ok {
		p.State = next
	}
}

func (p *Payment) learn(refs map[string]string) {
	if len(refs) == 0 {
		return
	}
	if p.Refs == nil {
		p.Refs = make(map[string]string, len(refs))
	}
	maps.Copy(p.Refs, refs)
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
