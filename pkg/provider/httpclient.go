package provider

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// The limits of a call, where HTTPConfig sets no other.
const (
	DefaultDialTimeout   = 2 * time.Second
	DefaultTLSTimeout    = 3 * time.Second
	DefaultHeaderTimeout = 8 * time.Second
	DefaultTimeout       = 10 * time.Second
	DefaultUserTimeout   = 10 * time.Second
	DefaultMaxResponse   = 1 << 20
)

// HTTPConfig are the limits of calls to one provider. Zero fields mean the
// defaults.
type HTTPConfig struct {
	DialTimeout   time.Duration // of connecting
	TLSTimeout    time.Duration // of the handshake
	HeaderTimeout time.Duration // from the request's last byte to the answer's header
	Timeout       time.Duration // of the whole call, the answer's body included
	// UserTimeout bounds how long sent bytes may wait for the peer's
	// acknowledgement (TCP_USER_TIMEOUT): a request cannot arrive later than
	// that. The settle time of class T3 is built on it. Linux only.
	UserTimeout time.Duration
	MaxResponse int64 // bytes of an answer's body
	// IPv4 keeps to it, for providers that know us by our address and have no
	// other kind on their lists.
	IPv4 bool
	// Proxy, when set, is used for all calls. The environment's proxy settings
	// are not: whoever can set a variable must not read payments.
	Proxy *url.URL
	// RootCAs are trusted instead of the system's.
	RootCAs *x509.CertPool
	// Tracer makes the spans; the global provider's when nil.
	Tracer trace.TracerProvider
}

// HTTPClient calls a provider. One call is one connection, one request and at
// most one answer: nothing is sent twice, nothing is redirected, nothing is
// kept. It may be used concurrently.
type HTTPClient struct {
	transport *http.Transport
	timeout   time.Duration
	limit     int64
	tracer    trace.Tracer
}

// NewHTTPClient returns a client with the limits of cfg.
func NewHTTPClient(cfg HTTPConfig) *HTTPClient {
	tracers := cfg.Tracer
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	return &HTTPClient{
		transport: newTransport(cfg),
		timeout:   cmp.Or(cfg.Timeout, DefaultTimeout),
		limit:     cmp.Or(cfg.MaxResponse, DefaultMaxResponse),
		tracer:    tracers.Tracer("github.com/payloom/payloom/pkg/provider"),
	}
}

func newTransport(cfg HTTPConfig) *http.Transport {
	dialer := &net.Dialer{
		Timeout: cmp.Or(cfg.DialTimeout, DefaultDialTimeout),
		Control: userTimeout(cmp.Or(cfg.UserTimeout, DefaultUserTimeout)),
	}
	dial := dialer.DialContext
	if cfg.IPv4 {
		dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp4", addr)
		}
	}
	t := &http.Transport{
		DialContext:           dial,
		TLSHandshakeTimeout:   cmp.Or(cfg.TLSTimeout, DefaultTLSTimeout),
		ResponseHeaderTimeout: cmp.Or(cfg.HeaderTimeout, DefaultHeaderTimeout),
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		// A connection that served before may die under the next request, and
		// then nobody knows whether it arrived.
		DisableKeepAlives: true,
		// The limit on the answer is one on what travelled.
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if cfg.Proxy != nil {
		t.Proxy = http.ProxyURL(cfg.Proxy)
	}
	return t
}

// HTTPRequest is one POST.
type HTTPRequest struct {
	// Operation names the call in errors and spans: "capture".
	Operation   string
	URL         string
	ContentType string
	Header      http.Header // further headers; may be nil
	Body        []byte
}

// Answer is what a provider answered.
type Answer struct {
	Status int // 0: it did not answer
	Header http.Header
	Body   []byte
}

// Post sends r once and returns what was answered. An error is an *Error and
// tells what is known about the request:
//
//   - nothing of it was written, or the provider answered 401, 403, 425 or 429:
//     NotSent;
//   - anything else, a status other than 2xx included: Unknown.
//
// The Answer is filled whenever there was one, beside an error too, so that a
// provider that documents its 4xx can say more. No error holds the URL, the
// body or what was answered.
func (c *HTTPClient) Post(ctx context.Context, r HTTPRequest) (Answer, error) {
	ctx, span := c.startSpan(ctx, r)
	defer span.End()
	answer, err := c.post(ctx, r)
	endSpan(span, answer, err)
	return answer, err
}

func (c *HTTPClient) post(ctx context.Context, r HTTPRequest) (Answer, error) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent written
	req, err := newRequest(sent.watch(ctx), r)
	if err != nil {
		return Answer{}, err
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, lost(r.Operation, err, false, 0)
	}
	// Not through http.Client: it would follow redirects and put the URL and the
	// provider's Location into its errors.
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return Answer{}, lost(r.Operation, because(ctx, err), sent.any.Load(), time.Since(started))
	}
	defer res.Body.Close()
	answer := Answer{Status: res.StatusCode, Header: res.Header}
	answer.Body, err = readAll(res.Body, c.limit)
	if err != nil {
		return answer, lost(r.Operation, because(ctx, err), true, time.Since(started))
	}
	return answer, judge(r.Operation, answer)
}

// because returns the context's error in place of what it led to.
func because(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	return err
}
