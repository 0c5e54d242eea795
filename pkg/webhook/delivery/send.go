package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/webhook"
)

const (
	sendTimeout = 15 * time.Second // of an attempt as a whole
	maxAnswer   = 1 << 10          // bytes of an answer that are read, and thrown away
	userAgent   = "Payloom-Webhooks/1"
)

// reason is why an attempt failed, from a closed list.
type reason string

const (
	reasonNone       reason = ""
	reasonTimeout    reason = "timeout"
	reasonConnection reason = "connection"
	reasonName       reason = "name_not_resolved"
	reasonTLS        reason = "tls"
	reasonBlocked    reason = "address_not_allowed"
	reasonRedirect   reason = "redirect"
	reasonStatus     reason = "status"
	reasonGone       reason = "gone"
	reasonInvalid    reason = "invalid_url"
	reasonNoKey      reason = "no_data_key" // personal data cannot be opened now
)

// answer is what came of an attempt.
type answer struct {
	status     int // 0: none
	reason     reason
	retryAfter time.Duration // 0: not asked for
}

func (a answer) ok() bool { return a.reason == reasonNone }

// sender sends messages. It may be used concurrently.
type sender struct {
	test, live *http.Client // for merchants without and with a live account
}

// newSender returns a sender. roots are the authorities that certificates are
// checked against; nil means the system's.
func newSender(g Guard, roots *x509.CertPool) *sender {
	return &sender{test: newClient(g, true, roots), live: newClient(g, false, roots)}
}

// newClient returns a client with limits. The two kinds of merchant share none: a
// connection that is kept open was allowed to one of them only.
func newClient(g Guard, test bool, roots *x509.CertPool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: g.control(test)}
	return &http.Client{
		Timeout: sendTimeout,
		// A redirect would lead around the allowed address, and its target is not
		// what the merchant was asked about.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // the guard must see the endpoint's own address
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  sendTimeout,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost:    2,
			MaxIdleConns:           256,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
	}
}

// send makes one attempt, signed at a time.
func (s *sender) send(ctx context.Context, w *account.Webhook, id string, body []byte, at time.Time) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return answer{reason: reasonInvalid}
	}
	req.Header = webhook.Sign(w.Keys(), id, at, body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	res, err := s.client(w).Do(req)
	if err != nil {
		return answer{reason: reasonOf(err)}
	}
	defer res.Body.Close()
	// Enough for the connection to be used again after what receivers usually say.
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	return judge(res, at)
}

func (s *sender) client(w *account.Webhook) *http.Client {
	if w.Live {
		return s.live
	}
	return s.test
}

// judge says what an answer means: 2xx is a receipt and nothing else is.
func judge(res *http.Response, now time.Time) answer {
	a := answer{status: res.StatusCode, reason: reasonStatus}
	switch {
	case res.StatusCode/100 == 2:
		a.reason = reasonNone
	case res.StatusCode/100 == 3:
		a.reason = reasonRedirect
	case res.StatusCode == http.StatusGone:
		a.reason = reasonGone
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable:
		a.retryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	}
	return a
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3); what is neither, or in
// the past, asks for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// reasonOf classifies an error without its text, which holds the URL.
func reasonOf(err error) reason {
	var timeout interface{ Timeout() bool }
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.Is(err, errBlocked):
		return reasonBlocked
	case errors.As(err, &name):
		return reasonName
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return reasonTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return reasonTimeout
	}
	return reasonConnection
}
