package payment

import "time"

// Kind says what is to be done to a payment.
type Kind string

// The kinds of operation.
const (
	Authorize    Kind = "authorize"     // open a payment: page, button, order reference or mandate
	UpdateAmount Kind = "update_amount" // change the amount before the buyer confirms
	Capture      Kind = "capture"       // take authorised money, all or part of it
	Refund       Kind = "refund"        // give captured money back, all or part of it
	Cancel       Kind = "cancel"        // give up an authorisation before capture
	Payout       Kind = "payout"        // send money to a customer
	Sync         Kind = "sync"          // ask the provider now; changes nothing there
)

// Kinds lists all kinds in a stable order.
func Kinds() []Kind {
	return []Kind{Authorize, UpdateAmount, Capture, Refund, Cancel, Payout, Sync}
}

// Opens tells whether an operation of kind k begins a payment.
func (k Kind) Opens() bool { return k == Authorize || k == Payout }

// OpStatus is where an operation stands.
type OpStatus string

// The statuses of an operation. Open and Unknown have an attempt whose outcome
// is not recorded; Waiting has none and will be started again.
const (
	OpOpen      OpStatus = "open"            // intent stored, no outcome yet
	OpUnknown   OpStatus = "unknown"         // the provider may or may not have acted
	OpWaiting   OpStatus = "waiting"         // not executed; another attempt follows
	OpAction    OpStatus = "action_required" // the buyer has to act
	OpPending   OpStatus = "pending"         // accepted; the final word comes later
	OpSucceeded OpStatus = "succeeded"
	OpDeclined  OpStatus = "declined"
	OpFailed    OpStatus = "failed"
	OpRejected  OpStatus = "rejected" // never executed as written
	OpParked    OpStatus = "parked"   // waits for a person
)

// Terminal tells whether nothing more happens to an operation by itself.
func (s OpStatus) Terminal() bool {
	switch s {
	case OpSucceeded, OpDeclined, OpFailed, OpRejected, OpParked:
		return true
	case OpOpen, OpUnknown, OpWaiting, OpAction, OpPending:
		return false
	}
	return false
}

// Busy tells whether an operation must be settled before the next one of its
// payment may start.
func (s OpStatus) Busy() bool { return s == OpOpen || s == OpUnknown || s == OpWaiting }

// Operation is one thing done to a payment at a command's request.
type Operation struct {
	ID     CommandID
	Kind   Kind
	Amount Money // as asked; zero where the kind has none
	Status OpStatus

	Attempt Attempt // the latest; Number 0 when none was started
	Refused int     // attempts the provider itself answered as not executed

	Effect  int64     // minor units that took effect, set once
	Ref     string    // the provider's id of this operation
	Code    string    // the provider's code of the last answer
	Reason  Reason    // ours
	RetryAt time.Time // broker time before which nothing is done; may be zero
	At      time.Time // broker time of the last change
}

// Attempt is one try at executing a command at the provider.
type Attempt struct {
	Number  int       // 1, 2, …
	Key     string    // what the provider knows it by
	Idem    string    // the key under which the provider suppresses repeats
	Nonce   string    // id of the event that stored the intent
	Started time.Time // broker time of the intent
}

// reserved returns what op may still take of the payment's money.
func (op Operation) reserved() int64 {
	switch op.Status {
	case OpOpen, OpUnknown, OpWaiting, OpPending, OpParked:
		return op.Amount.Minor
	case OpAction, OpSucceeded, OpDeclined, OpFailed, OpRejected:
		return 0
	}
	return op.Amount.Minor
}
