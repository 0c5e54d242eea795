package payment

import "errors"

// Head is a payment as its last event tells, and where that event stands.
type Head struct {
	Payment Payment
	Seq     uint64 // of the last event in its stream; 0: nothing happened yet
	Hash    []byte // of the last event's bytes
}

// The errors of whoever keeps ledgers.
var (
	// ErrConflict means that another event came first: load and decide again.
	ErrConflict = errors.New("payment: somebody else appended first")
	// ErrTooLarge means that the ledger will never store an event of that size.
	ErrTooLarge = errors.New("payment: the event is too large")
	// ErrUnavailable means that the ledger cannot store now, or did not say.
	ErrUnavailable = errors.New("payment: the ledger cannot store now")
)
