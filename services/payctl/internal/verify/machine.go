package verify

import (
	"slices"

	"github.com/payloom/payloom/pkg/payment"
)

// opening is what may become of a payment that is being opened.
var opening = []payment.State{
	payment.StateRequiresAction, payment.StatePending, payment.StateAuthorized, payment.StateCaptured,
	payment.StateDeclined, payment.StateFailed, payment.StateExpired, payment.StateAgreed, payment.StatePaid,
}

// follows is the documented state machine: what may follow what. A state that is
// not listed is terminal.
var follows = map[payment.State][]payment.State{
	payment.StateNew:               {payment.StateProcessing, payment.StateRejected},
	payment.StateRejected:          {payment.StateProcessing},
	payment.StateProcessing:        append([]payment.State{payment.StateRejected}, opening...),
	payment.StateRequiresAction:    opening,
	payment.StatePending:           opening,
	payment.StateAuthorized:        {payment.StatePartiallyCaptured, payment.StateCaptured, payment.StateCancelled},
	payment.StatePartiallyCaptured: {payment.StateCaptured, payment.StatePartiallyRefunded, payment.StateRefunded},
	payment.StateCaptured:          {payment.StatePartiallyRefunded, payment.StateRefunded},
	payment.StatePartiallyRefunded: {payment.StateRefunded},
	payment.StatePaid:              {payment.StateReversed},
}

// mayFollow tells whether a payment may go from one state to another in one event.
func mayFollow(from, to payment.State) bool {
	return from == to || slices.Contains(follows[from], to)
}
