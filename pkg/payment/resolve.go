package payment

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Finding is what a person found out about an operation that is parked.
type Finding string

// The findings.
const (
	FoundSucceeded   Finding = "succeeded"    // the provider's books have it
	FoundDeclined    Finding = "declined"     // somebody refused
	FoundFailed      Finding = "failed"       // it came to nothing
	FoundNotExecuted Finding = "not-executed" // the provider never had it
)

// Findings lists all findings in a stable order.
func Findings() []Finding {
	return []Finding{FoundSucceeded, FoundDeclined, FoundFailed, FoundNotExecuted}
}

// Resolution ends an operation that is parked.
type Resolution struct {
	Finding Finding
	Ref     string // the provider's id of the operation; required of a success
	Code    string // the provider's code; may be empty
	Amount  int64  // minor units that took effect; 0 unless it succeeded
}

// ErrUnresolvable is what all refusals of Resolve and Unfreeze wrap.
var ErrUnresolvable = errors.New("payment: cannot be resolved so")

func unresolvable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnresolvable, fmt.Sprintf(format, args...))
}

// Resolve returns the event, without ID, by which p's operation c ends as a person
// found out. It is the event that the provider's own word would have been, with
// FromOperator as its source. It refuses an operation that does not wait for a person,
// and a success that the payment's sums do not admit. An operation that was not
// executed ends as failed: whoever still wants it asks anew.
func Resolve(p Payment, c CommandID, r Resolution, now time.Time) (Event, error) {
	op, ok := p.Operation(c)
	switch {
	case !ok:
		return Event{}, unresolvable("the payment has no operation %s", c)
	case op.Status != OpParked:
		return Event{}, unresolvable("the operation is %s, not %s", op.Status, OpParked)
	case len(r.Ref) > maxRef || len(r.Code) > maxCode:
		return Event{}, unresolvable("a reference has at most %d bytes, a code %d", maxRef, maxCode)
	case r.Finding != FoundSucceeded && r.Amount != 0:
		return Event{}, unresolvable("what %s moved no amount", r.Finding)
	}
	data, err := p.found(op, r)
	if err != nil {
		return Event{}, err
	}
	return p.byOperator(c, now, data), nil
}

func (p Payment) found(op Operation, r Resolution) (EventData, error) {
	switch r.Finding {
	case FoundSucceeded:
		return p.foundSucceeded(op, r)
	case FoundDeclined:
		return OperationDeclined{Ref: r.Ref, Code: r.Code, Reason: ReasonDeclined}, nil
	case FoundFailed:
		return OperationFailed{Ref: r.Ref, Code: r.Code}, nil
	case FoundNotExecuted:
		return OperationFailed{Ref: r.Ref, Code: r.Code, Reason: ReasonNotFound}, nil
	}
	return nil, unresolvable("%q is no finding", r.Finding)
}

func (p Payment) foundSucceeded(op Operation, r Resolution) (EventData, error) {
	if r.Ref == "" {
		return nil, unresolvable("a success has a reference in the provider's books: name it")
	}
	if op.Kind == Cancel && p.State != StateAuthorized {
		return nil, unresolvable("the payment is %s since, and was not cancelled", p.State)
	}
	if least, most := p.admits(op); r.Amount < least || r.Amount > most {
		return nil, unresolvable("%s of %d: the payment admits %d to %d", op.Kind, r.Amount, least, most)
	}
	return OperationSucceeded{
		Ref: r.Ref, Code: r.Code, Amount: r.Amount,
		Captured: op.Kind == Authorize && p.Terms.Capture == CaptureAuto && r.Amount > 0,
	}, nil
}

// admits returns the least and the largest amount that op may have moved, its own
// reservation left out.
func (p Payment) admits(op Operation) (least, most int64) {
	switch op.Kind {
	case Authorize:
		if p.Terms.MandateOnly {
			return 0, 0
		}
		return 1, max(p.Amount.Minor, op.Amount.Minor, p.highestUpdate())
	case Capture:
		return 1, min(op.Amount.Minor, p.Capturable()+op.Amount.Minor)
	case Refund:
		return 1, min(op.Amount.Minor, p.Refundable()+op.Amount.Minor)
	case UpdateAmount:
		return op.Amount.Minor, op.Amount.Minor
	case Payout:
		return 1, op.Amount.Minor
	case Cancel, Sync:
	}
	return 0, 0
}

// Unfreeze returns the event, without ID, by which p goes on after a person has dealt
// with the outcomes that froze it. refs are the provider's references of these: told
// again, they freeze it no more. One without a reference cannot be recognised, and does.
func Unfreeze(p Payment, refs []string, now time.Time) (Event, error) {
	if p.Frozen == "" {
		return Event{}, unresolvable("the payment is not frozen")
	}
	refs = slices.DeleteFunc(slices.Clone(refs), func(ref string) bool { return ref == "" })
	return p.byOperator("", now, Unfrozen{Refs: refs}), nil
}

func (p Payment) byOperator(c CommandID, now time.Time, data EventData) Event {
	return Event{Payment: p.ID, Merchant: p.Merchant, Provider: p.Provider, Command: c, At: now, Source: FromOperator, Data: data}
}
