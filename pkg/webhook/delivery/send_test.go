package delivery

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/account"
)

// local sends to this machine.
func local(roots *x509.CertPool) *sender { return newSender(Guard{Loopback: true}, roots) }

func mustServe(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func send(t *testing.T, s *sender, url string) answer {
	t.Helper()
	return s.send(t.Context(), &account.Webhook{URL: url}, "msg_1", []byte("{}"), time.Now())
}

func TestSend_Answers(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	tests := map[string]struct {
		status int
		after  string
		want   reason
		least  time.Duration
		most   time.Duration
	}{
		"done":                      {status: 200, want: reasonNone},
		"done, without a body":      {status: 204, want: reasonNone},
		"done, and asks for a rest": {status: 202, after: "60", want: reasonNone},
		"moved":                     {status: 301, want: reasonRedirect},
		"not modified":              {status: 304, want: reasonRedirect},
		"gone":                      {status: 410, want: reasonGone},
		"too many":                  {status: 429, after: "60", want: reasonStatus, least: time.Minute, most: time.Minute},
		"too many until":            {status: 429, after: soon, want: reasonStatus, least: 59 * time.Minute, most: time.Hour},
		"out of order for a year":   {status: 503, after: "31536000", want: reasonStatus, least: maxRetryAfter, most: maxRetryAfter},
		"out of order":              {status: 503, after: "soon", want: reasonStatus},
		"out of order, negative":    {status: 503, after: "-60", want: reasonStatus},
		"until a time that is over": {status: 503, after: "Mon, 02 Jan 2006 15:04:05 GMT", want: reasonStatus},
		"another fault":             {status: 500, after: "60", want: reasonStatus},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mustServe(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.after != "" {
					w.Header().Set("Retry-After", tt.after)
				}
				w.WriteHeader(tt.status)
			})
			a := send(t, local(nil), server.URL)
			if a.status != tt.status || a.reason != tt.want || a.retryAfter < tt.least || a.retryAfter > tt.most {
				t.Errorf("answer %+v", a)
			}
		})
	}
}

func TestSend_Headers(t *testing.T) {
	t.Parallel()
	var got http.Header
	server := mustServe(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	if a := send(t, local(nil), server.URL); !a.ok() {
		t.Fatalf("answer %+v", a)
	}
	if got.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.Get("User-Agent"), "Payloom") || got.Get("Webhook-Id") != "msg_1" {
		t.Errorf("headers %v", got)
	}
}

func TestSend_NoAnswer(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	slow := mustServe(t, func(http.ResponseWriter, *http.Request) { <-hang })
	t.Cleanup(func() { close(hang) })
	closed := mustServe(t, nil)
	closed.Close()
	reset := mustServe(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	plain := mustServe(t, nil)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(secure.Close)
	tests := map[string]struct {
		url  string
		want reason
	}{
		"nothing comes back":      {slow.URL, reasonTimeout},
		"nobody listens":          {closed.URL, reasonConnection},
		"the connection breaks":   {reset.URL, reasonConnection},
		"no TLS there":            {strings.Replace(plain.URL, "http", "https", 1), reasonTLS},
		"an unknown authority":    {secure.URL, reasonTLS},
		"a name that is not one":  {"https://nowhere.invalid/", reasonName},
		"a URL that is not one":   {"https://\x7f/", reasonInvalid},
		"an address in the range": {"http://192.168.0.1/", reasonBlocked},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := local(nil)
			s.test.Timeout = time.Second
			if a := send(t, s, tt.url); a.reason != tt.want || a.status != 0 {
				t.Errorf("answer %+v, want %q", a, tt.want)
			}
		})
	}
	if a := send(t, local(secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs), secure.URL); !a.ok() { //nolint:errcheck // a transport of the test server
		t.Errorf("a known authority: %+v", a)
	}
}

// TestSend_EndlessAnswer has a receiver that says yes, and never ends.
func TestSend_EndlessAnswer(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	server := mustServe(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, err := io.WriteString(w, strings.Repeat("x", 1<<14))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if a := send(t, local(nil), server.URL); !a.ok() {
		t.Errorf("answer %+v", a)
	}
	server.Close()
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were taken in", n)
	}
}

// TestSend_IgnoresProxies sets a proxy that would see every message.
func TestSend_IgnoresProxies(t *testing.T) {
	proxy := mustNotBeCalled(t)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	server := mustServe(t, func(http.ResponseWriter, *http.Request) {})
	if a := send(t, local(nil), server.URL); !a.ok() {
		t.Errorf("answer %+v", a)
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := map[string]struct {
		attempt     int
		left, after time.Duration
		least, most time.Duration // from now; 0: there is none
	}{
		"the second attempt":             {attempt: 1, left: Horizon, least: 4 * time.Second, most: 6 * time.Second},
		"after a crash before the first": {attempt: 0, left: Horizon, least: 4 * time.Second, most: 6 * time.Second},
		"beyond the list":                {attempt: 20, left: Horizon, least: 19 * time.Hour, most: 29 * time.Hour},
		"when the endpoint asks for it":  {attempt: 1, left: Horizon, after: time.Hour, least: time.Hour, most: time.Hour},
		"but not sooner than planned":    {attempt: 3, left: Horizon, after: time.Second, least: 24 * time.Minute, most: 36 * time.Minute},
		"the last one when time is up":   {attempt: 9, left: time.Hour, least: time.Hour, most: time.Hour},
		"even if asked for a later one":  {attempt: 1, left: time.Hour, after: 5 * time.Hour, least: time.Hour, most: time.Hour},
		"none afterwards":                {attempt: 9, left: 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			due, more := next(tt.attempt, now, now.Add(tt.left), tt.after)
			if more != (tt.most > 0) {
				t.Fatalf("there is another: %v", more)
			}
			if wait := due.Sub(now); more && (wait < tt.least || wait > tt.most) {
				t.Errorf("in %v", wait)
			}
		})
	}
}

func TestReasons_AreWords(t *testing.T) {
	t.Parallel()
	for _, r := range []reason{reasonTimeout, reasonConnection, reasonName, reasonTLS, reasonBlocked, reasonRedirect, reasonStatus, reasonGone, reasonInvalid, reasonNoKey} {
		if strings.Trim(string(r), "abcdefghijklmnopqrstuvwxyz_") != "" || r == "" {
			t.Errorf("%s is no word", fmt.Sprintf("%q", string(r)))
		}
	}
}
