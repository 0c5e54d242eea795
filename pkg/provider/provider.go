// Package provider is the port to payment providers: what Payloom needs of any
// of them, how their failures are told apart, and the HTTP client that all of
// them use.
package provider

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Call is one attempt at an operation, with all that executing it or asking
// about it takes.
type Call struct {
	// Payment is the payment as it was decided from: for Submit without the
	// attempt's outcome, of course.
	Payment payment.Payment
	// Operation holds the attempt: its number, its key and the key under which
	// repeats are suppressed.
	Operation payment.Operation
	// Command is what was asked. Its ID is empty when a payment is inquired about
	// for another reason than one of its commands.
	Command payment.Command
	// Now is the ledger's time, by which attempts are dated. The machine's own
	// clock may be wrong and decides nothing.
	Now time.Time
}

// Provider executes operations at one payment provider. Its methods may be
// called concurrently. They never retry: the caller does.
type Provider interface {
	// Capability returns what the provider can do and how its doubts are
	// resolved. It is constant.
	Capability() Capability

	// Submit asks the provider to execute the call's operation. A decline is a
	// Result, not an error. Every error is an *Error; one that is not counts as
	// Unknown.
	Submit(ctx context.Context, c Call) (payment.Result, error)

	// Inquire reports what became of the call's operation without executing
	// anything. It returns an error that wraps ErrNotFound when the provider is
	// sure that nothing was executed under the attempt's key.
	Inquire(ctx context.Context, c Call) (payment.Result, error)
}

// Callback is what a provider told us unasked, understood.
type Callback struct {
	Payment payment.ID
	// Observation is what it says. Its Source is set by whoever received it.
	Observation payment.Observation
	// Asked is the whole sum that the message gives for the payment; zero: it
	// gives none. A message about another sum is not about the payment.
	Asked payment.Money
	// Dedup is the same for repeats of one message and differs between messages.
	Dedup string
}

// CallbackParser understands a provider's callbacks. It touches no network and
// may be called concurrently.
type CallbackParser interface {
	// ParseCallback verifies the raw body, then decodes it. It returns an error
	// that wraps ErrForged for a callback that is not authentic, ErrUnreadable
	// for one that is but makes no sense, and ErrUnverified for one that only the
	// provider can vouch for.
	ParseCallback(header http.Header, body []byte) (Callback, error)
}

// HeaderReader is implemented by parsers that read more of a callback's header
// than what is kept of every one: the field that holds its signature, say.
type HeaderReader interface {
	// CallbackHeaders names those fields, always the same. They are stored with the
	// callback.
	CallbackHeaders() []string
}

// CallbackVerifier is implemented by providers whose callbacks prove nothing by
// themselves: it asks the provider. Errors as Inquire.
type CallbackVerifier interface {
	VerifyCallback(ctx context.Context, header http.Header, body []byte) (Callback, error)
}

// Page is one of the pages a buyer's browser comes back to.
type Page string

// The pages.
const (
	PageSuccess Page = "success"
	PageFailure Page = "failure"
	PageCancel  Page = "cancel"
	PageReview  Page = "review"
)

// Pages lists all pages.
func Pages() []Page { return []Page{PageSuccess, PageFailure, PageCancel, PageReview} }

// ReturnParser understands what a buyer's browser brings back. Nothing it
// returns may change what is known about money: it came through the browser.
type ReturnParser interface {
	// ParseReturn returns which payment the buyer comes from, with the buyer's
	// details where the provider sends them this way. Errors as ParseCallback.
	ParseReturn(page Page, form url.Values) (Callback, error)
}

// ReturnVerifier is implemented by providers that alone can tell which payment a
// browser comes from, beside a ParseReturn that says ErrUnverified. Errors as
// VerifyCallback.
type ReturnVerifier interface {
	VerifyReturn(ctx context.Context, page Page, form url.Values) (Callback, error)
}
