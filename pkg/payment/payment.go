package payment

import (
	"maps"
	"slices"
	"time"
)

// MaxOperations is how many operations a payment holds; its snapshot must stay
// well under the broker's message limit.
const MaxOperations = 256

// maxRejections is how many of the latest rejected commands are remembered, so
// that a redelivery of one finds itself answered.
const maxRejections = 32

// maxLate is how many references are remembered of late outcomes that no person has
// dealt with.
const maxLate = 32

// maxAcknowledged is how many references of late outcomes are remembered that a
// person has dealt with.
const maxAcknowledged = 32

// Payment is what a merchant wants to happen with one sum, as its events tell.
// The zero value is a payment that nothing happened to.
type Payment struct {
	ID       ID
	Merchant Merchant
	Provider Provider
	Account  string
	Version  uint64 // number of events folded
	State    State

	Amount     Money // what was asked, after the last change of it
	Terms      Terms
	Authorized int64 // minor units of Amount.Currency, as are the next two
	Captured   int64
	Refunded   int64

	Operations []Operation // in the order they were started
	Rejected   []CommandID // the latest rejected commands

	Refs    map[string]string // provider's references that later operations need
	Action  *Action           // what the buyer has to do; nil when nothing
	Buyer   *Buyer
	BuyerAt time.Time // when the provider told of the buyer
	Mandate *Mandate

	Notified time.Time // broker time of the first final callback; zero before
	Synced   CommandID // the last sync command that was carried out
	SyncedAt time.Time
	// SyncedBefore are other sync commands that have had their end, carried out or
	// rejected, the latest ones: each may be delivered again.
	SyncedBefore []CommandID
	Frozen       string // why no money is moved until a person looked; empty: not frozen
	// Acknowledged are the provider's references of late outcomes that a person has
	// dealt with, the latest ones.
	Acknowledged []string

	CreatedAt time.Time
	UpdatedAt time.Time

	Breaks []Break // what differs from the provider's books, healed ones left out

	// Late are the provider's references of the late outcomes that froze the payment,
	// the latest ones.
	Late []string
}

// Operation returns the operation that command c asked for.
func (p Payment) Operation(c CommandID) (Operation, bool) {
	i := p.index(c)
	if i < 0 {
		return Operation{}, false
	}
	return p.Operations[i], true
}

// Opening returns the operation that opened p, the latest if there were several.
func (p Payment) Opening() (Operation, bool) {
	for _, op := range slices.Backward(p.Operations) {
		if op.Kind.Opens() {
			return op, true
		}
	}
	return Operation{}, false
}

// Unsettled returns the operation of kind k that is not terminal, if there is
// exactly one.
func (p Payment) Unsettled(k Kind) (Operation, bool) {
	var found Operation
	n := 0
	for _, op := range p.Operations {
		if op.Kind == k && !op.Status.Terminal() {
			found, n = op, n+1
		}
	}
	return found, n == 1
}

// Capturable returns how much may still be captured, reservations counted.
func (p Payment) Capturable() int64 {
	return p.Authorized - p.Captured - p.Reserved(Capture)
}

// Refundable returns how much may still be refunded, reservations counted.
func (p Payment) Refundable() int64 {
	return p.Captured - p.Refunded - p.Reserved(Refund)
}

// Reserved returns what operations of kind k may still take.
func (p Payment) Reserved(k Kind) int64 {
	var n int64
	for _, op := range p.Operations {
		if op.Kind == k {
			n = sum(n, op.reserved())
		}
	}
	return n
}

// NeedsAttention tells whether a person has to look at p.
func (p Payment) NeedsAttention() bool {
	return p.Frozen != "" || slices.ContainsFunc(p.Operations, func(op Operation) bool { return op.Status == OpParked })
}

// Answered tells whether a sync command has had its end.
func (p Payment) Answered(sync CommandID) bool {
	return sync != "" && (p.Synced == sync || slices.Contains(p.SyncedBefore, sync))
}

// dismissed tells whether a command without an operation has had its end.
func (p Payment) dismissed(c CommandID) bool { return slices.Contains(p.Rejected, c) || p.Answered(c) }

func (p Payment) index(c CommandID) int {
	return slices.IndexFunc(p.Operations, func(op Operation) bool { return op.ID == c })
}

// clone returns a copy of p that shares nothing a fold changes.
func (p Payment) clone() Payment {
	p.Operations = slices.Clone(p.Operations)
	p.Rejected = slices.Clone(p.Rejected)
	p.SyncedBefore = slices.Clone(p.SyncedBefore)
	p.Late = slices.Clone(p.Late)
	p.Acknowledged = slices.Clone(p.Acknowledged)
	p.Refs = maps.Clone(p.Refs)
	return p
}
