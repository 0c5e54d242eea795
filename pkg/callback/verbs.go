package callback

import (
	"fmt"
	"time"
)

// laterError asks the queue for another delivery.
type laterError struct {
	after time.Duration
	why   error
}

// Error implements error.
func (e laterError) Error() string { return fmt.Sprintf("again in %s: %v", e.after, e.why) }

// Unwrap returns why.
func (e laterError) Unwrap() error { return e.why }

// RetryAfter tells the queue when.
func (e laterError) RetryAfter() time.Duration { return e.after }

// deadError asks the queue for a burial.
type deadError struct{ why error }

// Error implements error.
func (e deadError) Error() string { return e.why.Error() }

// Unwrap returns why.
func (e deadError) Unwrap() error { return e.why }

// Dead tells the queue that no redelivery helps.
func (e deadError) Dead() bool { return true }
