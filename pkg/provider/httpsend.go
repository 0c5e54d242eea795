package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// newRequest returns the request of r, which cannot be sent a second time.
func newRequest(ctx context.Context, r HTTPRequest) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		// The cause would show the URL.
		return nil, &Error{Failure: NotSent, Reason: payment.ReasonConfiguration, Err: fmt.Errorf("%w: %s: malformed address", ErrConfiguration, r.Operation)}
	}
	maps.Copy(req.Header, r.Header)
	req.Header.Set("Content-Type", r.ContentType)
	// With GetBody the transport sends a request again, on its own, when a
	// connection dies under it (golang/go#19943).
	req.GetBody = nil
	return req, nil
}

// written tells whether any of a request may have left.
type written struct{ any atomic.Bool }

// watch returns ctx with a trace that sets w. The transport calls the hook
// before the first byte is flushed, and does not return before its writer has
// ended, so false after RoundTrip means that nothing will follow either.
func (w *written) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { w.any.Store(true) }})
}

// lost returns the error for a call that was not answered. took is how long it
// was waited for.
func lost(operation string, err error, written bool, took time.Duration) *Error {
	e := &Error{Failure: NotSent, Reason: payment.ReasonUnavailable}
	if written {
		e.Failure, e.Reason = Unknown, payment.ReasonNoAnswer
	}
	e.Err = describe(operation, err, took)
	return e
}

func describe(operation string, err error, took time.Duration) error {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s was called off: %w", operation, context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s timed out after %s: %w", operation, took.Round(100*time.Millisecond), context.DeadlineExceeded)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s timed out after %s: %w", operation, took.Round(100*time.Millisecond), plain{err})
	}
	return fmt.Errorf("%s: %w", operation, plain{err})
}

// plain keeps an error comparable and lets its text through only where it is the
// network's. The parser of answers quotes what it was sent.
type plain struct{ error }

// Unwrap returns the error itself.
func (p plain) Unwrap() error { return p.error }

// Error implements error.
func (p plain) Error() string {
	var network *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(p.error, &name):
		return "name not resolved"
	case errors.As(p.error, &network):
		return network.Op + ": " + network.Err.Error()
	case errors.Is(p.error, io.EOF), errors.Is(p.error, io.ErrUnexpectedEOF):
		return "connection closed early"
	case errors.Is(p.error, errTooLong):
		return errTooLong.Error()
	}
	return "connection failed"
}

var errTooLong = errors.New("answer too long")

// readAll reads at most limit bytes; more is an error.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, errTooLong
	}
	return body, err
}

// judge returns what an answer's status says about its request.
func judge(operation string, a Answer) error {
	e := &Error{Answered: true, Code: strconv.Itoa(a.Status), After: retryAfter(a.Header, time.Now())}
	e.Err = fmt.Errorf("%s: answered with status %d", operation, a.Status)
	switch {
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		e.Failure, e.Reason = NotSent, payment.ReasonConfiguration
		e.Err = fmt.Errorf("%w: %w", ErrConfiguration, e.Err)
	case a.Status == http.StatusTooManyRequests, a.Status == http.StatusTooEarly:
		e.Failure, e.Reason = NotSent, payment.ReasonThrottled
	default:
		// 409 is among these: it was not executed by this call, but by which
		// other one, and how that ended, only inquiry tells.
		e.Failure, e.Reason = Unknown, payment.ReasonUnclear
		e.Bare = a.Status >= 500
	}
	return e
}

// maxRetryAfter is the longest wait that a provider is believed to ask for.
const maxRetryAfter = time.Hour

// retryAfter returns the wait that Retry-After asks for, in seconds or as a date;
// 0 when it asks for none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
