package protection

import (
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Ask is a call that somebody wants to make.
type Ask struct {
	Account Account
	Purpose Purpose
	Payment payment.ID
	Command payment.CommandID
	Now     time.Time // ledger time
}

// Why is what a call has to wait for.
type Why string

// The whys.
const (
	ForOperator Why = "operator" // who paused or drains it
	ForProvider Why = "provider" // whose breaker is open
	ForToken    Why = "token"    // of the account's limit
)

// Wait says that a call must not be made now. The zero value: it may.
type Wait struct {
	For   time.Duration
	Until Why
}

// Pass is leave to make one call.
type Pass interface {
	// Done tells what the call gave. doubt is set where nobody knows what became of
	// the attempt and the provider can be asked.
	Done(o Outcome, doubt bool)
	// Drop gives the pass back: no call was made. After Done it does nothing.
	Drop()
}
