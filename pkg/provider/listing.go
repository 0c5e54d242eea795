package provider

import (
	"context"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Lister is implemented by providers whose books can be read by time, and so show what
// was done under ids that are not ours.
type Lister interface {
	// Place names the books: accounts with the same place share them. It is constant,
	// and known without any right to list.
	Place() string
	// List returns the operations from one time to another, both included, whoever
	// began them: all of them, or an error. It may take minutes. The error wraps
	// ErrUnsupported when the account has no right to list.
	List(ctx context.Context, from, to time.Time) ([]Listed, error)
	// Look reports what stands under a key, ours or not, without executing anything.
	// Errors are Inquire's.
	Look(ctx context.Context, key string) (Sight, error)
}

// Listed is one operation of a listing. What it did to money a listing does not say.
type Listed struct {
	Key       string // what the provider knows the payment by: an attempt's, if it is ours
	Operation string // the provider's own id
	Created   time.Time
	Completed time.Time // zero: it is not, or that is not told
}

// Sight is what a provider has under a key.
type Sight struct {
	Standing Standing
	Amount   payment.Money // as it was asked for; zero: not told
}

// Standing says where something stands in a provider's books.
type Standing string

// The standings. All but Paid and Unclear are without effect on money, or without any
// yet.
const (
	StandingPaid     Standing = "paid"
	StandingPending  Standing = "pending"
	StandingDeclined Standing = "declined"
	StandingFailed   Standing = "failed"
	StandingReversed Standing = "reversed"
	StandingUnclear  Standing = "unclear" // a person must find out
)
