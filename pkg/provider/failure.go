package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Failure says what is known about an operation after a call that gave no
// result.
type Failure int

// The failures. Unknown is the zero value, so that an error nobody thought of
// is treated as the dangerous kind.
const (
	Unknown  Failure = iota // it may have been executed: inquire, never resend blindly
	NotSent                 // it was not executed: sending it again is safe
	Rejected                // it will never be executed as written: do not resend
)

// String returns the failure's name.
func (f Failure) String() string {
	return [...]string{"unknown", "not sent", "rejected"}[f]
}

// The sentinels that errors of this package and of providers wrap.
var (
	// ErrNotFound means that the provider has never heard of the attempt.
	ErrNotFound = errors.New("provider: not found")
	// ErrForged means that a callback is not authentic.
	ErrForged = errors.New("provider: callback is not authentic")
	// ErrUnreadable means that an authentic callback makes no sense.
	ErrUnreadable = errors.New("provider: callback is unreadable")
	// ErrUnverified means that only the provider can vouch for a callback.
	ErrUnverified = errors.New("provider: callback proves nothing by itself")
	// ErrUnsupported means that a provider cannot do what was asked.
	ErrUnsupported = errors.New("provider: not supported")
	// ErrConfiguration means that our own settings at the provider are wrong:
	// credentials, address lists, accounts. Every call will fail the same way
	// until a person acts.
	ErrConfiguration = errors.New("provider: refused for our configuration")
)

// Error is a call that gave no result.
type Error struct {
	Failure Failure
	Reason  payment.Reason
	Code    string // the provider's code, if it gave one
	// Answered is set when the provider itself said so, rather than our network.
	Answered bool
	// Bare is set when nothing but a failing HTTP status said so: whatever stands
	// before the provider may have, and asking again may help.
	Bare bool
	// Person is set when the provider has said all it will and only a person can
	// tell what it means. The operation is parked.
	Person bool
	// After is how long the provider wants to be left alone; 0: it did not say.
	After time.Duration
	Err   error
}

// Error implements error. It holds no secrets and no personal data.
func (e *Error) Error() string {
	s := "provider: " + e.Failure.String()
	if e.Code != "" {
		s += " (code " + e.Code + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns err as an *Error. What is none becomes Unknown.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	reason := payment.ReasonUnclear
	if errors.Is(err, context.DeadlineExceeded) {
		reason = payment.ReasonNoAnswer
	}
	return &Error{Failure: Unknown, Reason: reason, Err: err}
}

// FailureOf returns the failure that err stands for.
func FailureOf(err error) Failure { return AsError(err).Failure }

// Reject returns the error for a call that can never be executed as written.
func Reject(reason payment.Reason, format string, args ...any) *Error {
	return &Error{Failure: Rejected, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Unclear returns the error for an answer that settles nothing.
func Unclear(code, format string, args ...any) *Error {
	return &Error{Failure: Unknown, Reason: payment.ReasonUnclear, Code: code, Err: fmt.Errorf(format, args...)}
}
