package provider_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

const canary = "canary-8f31"

// wire is a server that counts what reaches it: connections, and requests that
// were read to their end.
type wire struct {
	addr        string
	connections atomic.Int32
	requests    atomic.Int32
}

// newWire serves each connection with serve, which gets a request that was read
// in full.
func newWire(t *testing.T, serve func(net.Conn)) *wire {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			w.connections.Add(1)
			go w.handle(conn, serve)
		}
	}()
	return w
}

func (w *wire) handle(conn net.Conn, serve func(net.Conn)) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		w.requests.Add(1)
		serve(conn)
	}
}

func (w *wire) url() string { return "http://" + w.addr + "/pay?token=" + canary }

func post(t *testing.T, c *provider.HTTPClient, url string) (provider.Answer, error) {
	t.Helper()
	return c.Post(t.Context(), provider.HTTPRequest{
		Operation: "capture", URL: url, ContentType: "text/plain", Body: []byte("body-" + canary),
		Header: http.Header{"Idempotency-Key": {"k1"}, "Authorization": {"Bearer " + canary}},
	})
}

func mustFail(t *testing.T, err error, want provider.Failure) provider.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v", want)
	}
	e := provider.AsError(err)
	if e.Failure != want {
		t.Fatalf("failure %v, want %v: %v", e.Failure, want, err)
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", e), fmt.Sprintf("%#v", e.Err)} {
		if strings.Contains(text, canary) {
			t.Errorf("the error tells what was sent: %s", text)
		}
	}
	if text, _ := json.Marshal(e); bytes.Contains(text, []byte(canary)) {
		t.Errorf("the error tells what was sent: %s", text)
	}
	return *e
}

// reset closes the connection so that the peer hears of it at once.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func write(t *testing.T, text string) func(net.Conn) {
	t.Helper()
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

func TestPost_Answer(t *testing.T) {
	t.Parallel()
	w := newWire(t, write(t, "HTTP/1.1 200 OK\r\nX-Id: 7\r\nContent-Length: 2\r\n\r\nok"))
	answer, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{}), w.url())
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != 200 || string(answer.Body) != "ok" || answer.Header.Get("X-Id") != "7" {
		t.Errorf("answer %+v", answer)
	}
}

func TestPost_WhatIsKnown(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		serve    func(t *testing.T) func(net.Conn)
		failure  provider.Failure
		reason   payment.Reason
		answered bool
	}{
		"the connection is cut after the request": {
			func(*testing.T) func(net.Conn) { return func(c net.Conn) { _ = c.Close() } },
			provider.Unknown, payment.ReasonNoAnswer, false,
		},
		"the connection is reset in the middle of the body": {
			func(*testing.T) func(net.Conn) {
				return func(c net.Conn) {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf "+canary)
					reset(c)
				}
			},
			provider.Unknown, payment.ReasonNoAnswer, false,
		},
		"the answer is no HTTP": {
			func(t *testing.T) func(net.Conn) { return write(t, "HTTP/9 "+canary+"\r\n\r\n") },
			provider.Unknown, payment.ReasonNoAnswer, false,
		},
		"the answer is too long": {
			func(t *testing.T) func(net.Conn) {
				return write(t, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"+strings.Repeat("x", 5000))
			},
			provider.Unknown, payment.ReasonNoAnswer, false,
		},
		"the header is too long": {
			func(t *testing.T) func(net.Conn) {
				return write(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 70<<10)+"\r\n\r\n")
			},
			provider.Unknown, payment.ReasonNoAnswer, false,
		},
		"status 500":                  {status(500, ""), provider.Unknown, payment.ReasonUnclear, true},
		"status 404":                  {status(404, ""), provider.Unknown, payment.ReasonUnclear, true},
		"status 409, in progress":     {status(409, ""), provider.Unknown, payment.ReasonUnclear, true},
		"status 302 without Location": {status(302, ""), provider.Unknown, payment.ReasonUnclear, true},
		"status 307 with a Location that is no URL": {
			status(307, "Location: http://["+canary+"\r\n"), provider.Unknown, payment.ReasonUnclear, true,
		},
		"status 401": {status(401, ""), provider.NotSent, payment.ReasonConfiguration, true},
		"status 403": {status(403, ""), provider.NotSent, payment.ReasonConfiguration, true},
		"status 425": {status(425, ""), provider.NotSent, payment.ReasonThrottled, true},
		"status 429": {status(429, ""), provider.NotSent, payment.ReasonThrottled, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, tc.serve(t))
			_, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{MaxResponse: 4096}), w.url())
			e := mustFail(t, err, tc.failure)
			if e.Reason != tc.reason || e.Answered != tc.answered {
				t.Errorf("reason %q, answered %v", e.Reason, e.Answered)
			}
			if !strings.Contains(err.Error(), "capture") {
				t.Errorf("the error does not name the operation: %v", err)
			}
			if n := w.requests.Load(); n != 1 {
				t.Errorf("%d requests on the wire, want 1", n)
			}
			if got := errors.Is(err, provider.ErrConfiguration); got != (tc.reason == payment.ReasonConfiguration) {
				t.Errorf("ErrConfiguration: %v", got)
			}
		})
	}
}

func status(code int, header string) func(t *testing.T) func(net.Conn) {
	return func(t *testing.T) func(net.Conn) {
		t.Helper()
		return write(t, fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Length: 11\r\n\r\n%s", code, http.StatusText(code), header, canary))
	}
}

func TestPost_RetryAfter(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		header   string
		min, max time.Duration
	}{
		"seconds":             {"7", 7 * time.Second, 7 * time.Second},
		"a date":              {time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), 80 * time.Second, 90 * time.Second},
		"a date that is past": {"Mon, 02 Jan 2006 15:04:05 GMT", 0, 0},
		"nothing readable":    {"soon", 0, 0},
		"longer than an hour": {"999999", time.Hour, time.Hour},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, status(429, "Retry-After: "+tc.header+"\r\n")(t))
			_, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{}), w.url())
			if e := mustFail(t, err, provider.NotSent); e.After < tc.min || e.After > tc.max {
				t.Errorf("After %v, want %v to %v", e.After, tc.min, tc.max)
			}
		})
	}
}

// A server that closes kept connections would make a client that keeps them send
// a request twice.
func TestPost_NeverTwice(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	w := newWire(t, func(c net.Conn) {
		if n.Add(1) == 1 {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			return
		}
		reset(c)
	})
	client := provider.NewHTTPClient(provider.HTTPConfig{})
	if _, err := post(t, client, w.url()); err != nil {
		t.Fatal(err)
	}
	_, err := post(t, client, w.url())
	mustFail(t, err, provider.Unknown)
	if got := w.requests.Load(); got != 2 {
		t.Errorf("%d requests on the wire for 2 calls", got)
	}
	if got := w.connections.Load(); got != 2 {
		t.Errorf("%d connections for 2 calls", got)
	}
}

func TestPost_NoRedirect(t *testing.T) {
	t.Parallel()
	other := newWire(t, write(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	for _, code := range []int{301, 302, 303, 307, 308} {
		w := newWire(t, status(code, "Location: "+other.url()+"\r\n")(t))
		answer, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{}), w.url())
		mustFail(t, err, provider.Unknown)
		if answer.Status != code {
			t.Errorf("status %d, want %d", answer.Status, code)
		}
	}
	if n := other.connections.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestPost_Slow(t *testing.T) {
	t.Parallel()
	never := func(t *testing.T) func(net.Conn) {
		t.Helper()
		return func(net.Conn) { <-t.Context().Done() }
	}
	cases := map[string]struct {
		cfg   provider.HTTPConfig
		serve func(net.Conn)
	}{
		"no header within its time": {provider.HTTPConfig{HeaderTimeout: 200 * time.Millisecond}, never(t)},
		"no header within the call": {provider.HTTPConfig{Timeout: 200 * time.Millisecond}, never(t)},
		"no end of the body": {provider.HTTPConfig{Timeout: 200 * time.Millisecond}, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
			<-t.Context().Done()
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, tc.serve)
			began := time.Now()
			_, err := post(t, provider.NewHTTPClient(tc.cfg), w.url())
			took := time.Since(began)
			e := mustFail(t, err, provider.Unknown)
			if !strings.Contains(err.Error(), "capture timed out after ") {
				t.Errorf("error %q", err)
			}
			if e.Reason != payment.ReasonNoAnswer {
				t.Errorf("reason %q", e.Reason)
			}
			if took > time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestPost_NotSent(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"a refused connection": "http://127.0.0.1:1/",
		"a malformed address":  "http://[" + canary,
		"a protocol of others": "ftp://127.0.0.1/" + canary,
	}
	for name, address := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{}), address)
			if e := mustFail(t, err, provider.NotSent); e.Answered {
				t.Error("marked as answered")
			}
		})
	}
}

func TestPost_CancelledBefore(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := provider.NewHTTPClient(provider.HTTPConfig{}).Post(ctx, provider.HTTPRequest{Operation: "capture", URL: w.url()})
	mustFail(t, err, provider.NotSent)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := w.connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestPost_CancelledDuring(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	w := newWire(t, func(net.Conn) {
		close(arrived)
		<-t.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := provider.NewHTTPClient(provider.HTTPConfig{}).Post(ctx, provider.HTTPRequest{Operation: "capture", URL: w.url()})
	mustFail(t, err, provider.Unknown)
}

// A peer that accepts and never shakes hands got nothing of the request.
func TestPost_TLSNeverReady(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts in the kernel, and reads nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = post(t, provider.NewHTTPClient(provider.HTTPConfig{TLSTimeout: 100 * time.Millisecond}), "https://"+l.Addr().String())
	mustFail(t, err, provider.NotSent)
	if !strings.Contains(err.Error(), "capture timed out after ") {
		t.Errorf("error %q", err)
	}
}

func TestPost_TLS(t *testing.T) {
	t.Parallel()
	serve := func(highest uint16) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Proto, r.TLS.Version >= tls.VersionTLS12)
		}))
		s.TLS = &tls.Config{MaxVersion: highest, MinVersion: tls.VersionTLS10} //nolint:gosec // the old version is what is tested
		s.EnableHTTP2 = true
		s.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	pool := func(s *httptest.Server) *x509.CertPool {
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		return roots
	}
	t.Run("a trusted server is spoken to in HTTP/1.1", func(t *testing.T) {
		t.Parallel()
		s := serve(0)
		answer, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{RootCAs: pool(s)}), s.URL)
		if err != nil || string(answer.Body) != "HTTP/1.1true" {
			t.Errorf("%q, %v", answer.Body, err)
		}
	})
	t.Run("an unknown certificate gets nothing", func(t *testing.T) {
		t.Parallel()
		_, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{}), serve(0).URL)
		mustFail(t, err, provider.NotSent)
	})
	t.Run("TLS 1.1 gets nothing", func(t *testing.T) {
		t.Parallel()
		s := serve(tls.VersionTLS11)
		_, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{RootCAs: pool(s)}), s.URL)
		mustFail(t, err, provider.NotSent)
	})
}

func TestPost_Proxy(t *testing.T) {
	target := newWire(t, write(t, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndirect"))
	proxy := newWire(t, write(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy"))
	t.Setenv("HTTP_PROXY", "http://"+proxy.addr)
	address := strings.Replace(target.url(), "127.0.0.1", "localhost", 1)
	if answer, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{}), address); string(answer.Body) != "direct" {
		t.Errorf("%q, %v", answer.Body, err)
	}
	configured := provider.HTTPConfig{Proxy: &url.URL{Scheme: "http", Host: proxy.addr}}
	if answer, err := post(t, provider.NewHTTPClient(configured), target.url()); string(answer.Body) != "proxy" {
		t.Errorf("%q, %v", answer.Body, err)
	}
}

func TestPost_Span(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	w := newWire(t, status(500, "")(t))
	_, err := post(t, provider.NewHTTPClient(provider.HTTPConfig{Tracer: trace.NewTracerProvider(trace.WithSpanProcessor(spans))}), w.url())
	mustFail(t, err, provider.Unknown)
	ended := spans.Ended()
	if len(ended) != 1 || ended[0].Name() != "POST capture" {
		t.Fatalf("spans %v", ended)
	}
	attrs := map[string]string{}
	for _, a := range ended[0].Attributes() {
		attrs[string(a.Key)] = a.Value.String()
	}
	for key, want := range map[string]string{
		"http.request.method": "POST", "url.path": "/pay", "server.address": "127.0.0.1",
		"http.response.status_code": "500", "error.type": "unknown", "payloom.operation": "capture",
	} {
		if attrs[key] != want {
			t.Errorf("%s is %q, want %q", key, attrs[key], want)
		}
	}
	if strings.Contains(fmt.Sprint(attrs, ended[0].Status(), ended[0].Events()), canary) {
		t.Error("the span tells what was sent")
	}
}
