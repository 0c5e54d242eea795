package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers every request with the next of answers, the last for ever.
func serve(t *testing.T, seen *[]*http.Request, answers ...http.HandlerFunc) *Client {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := min(int(n.Add(1)), len(answers))
		if seen != nil {
			*seen = append(*seen, r.Clone(context.Background()))
		}
		answers[i-1](w, r)
	}))
	t.Cleanup(s.Close)
	return New(s.URL, s.URL, "secret", 2)
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

const acceptedBody = `{"command_id":"c1","payment_id":"p1","status":"accepted"}`

func TestSend(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answers []http.HandlerFunc
		calls   int
		err     string // "" is accepted
	}{
		"accepted at once":                       {[]http.HandlerFunc{status(202, acceptedBody)}, 1, ""},
		"nobody knows, so it is sent again":      {[]http.HandlerFunc{status(503, "{}"), status(202, acceptedBody)}, 2, ""},
		"not begun yet, so it is sent again":     {[]http.HandlerFunc{status(409, "{}"), status(202, acceptedBody)}, 2, ""},
		"invalid, so it is not":                  {[]http.HandlerFunc{status(400, `{"title":"Bad","errors":[{"field":"amount","detail":"is required"}]}`)}, 1, "400 Bad; amount is required"},
		"another request had the key":            {[]http.HandlerFunc{status(422, `{"title":"Used"}`)}, 1, "422 Used"},
		"a proxy's page is shown as it is":       {[]http.HandlerFunc{status(403, "<html>no</html>")}, 1, "403 Forbidden: <html>no</html>"},
		"a connection that breaks is tried anew": {[]http.HandlerFunc{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, status(202, acceptedBody)}, 2, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []*http.Request
			c := serve(t, &seen, tt.answers...)
			got, err := c.Send(t.Context(), "/v1/payments", "key-1", FollowUp{})
			if len(seen) != tt.calls {
				t.Errorf("%d requests, want %d", len(seen), tt.calls)
			}
			for _, r := range seen {
				if r.Header.Get("Idempotency-Key") != "key-1" || r.Header.Get("Authorization") != "Bearer secret" {
					t.Errorf("sent with %v", r.Header)
				}
			}
			if tt.err == "" {
				if err != nil || got != (Accepted{CommandID: "c1", PaymentID: "p1"}) {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if err == nil || err.Error() != tt.err {
				t.Errorf("error %v, want %s", err, tt.err)
			}
		})
	}
}

func TestSend_WaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	c := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "60")
		status(429, "{}")(w, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Send(ctx, "/v1/payments", "k", FollowUp{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it did not wait: %v", err)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	version := func(v int, state string) http.HandlerFunc {
		return status(200, fmt.Sprintf(`{"payment_id":"p1","state":%q,"version":%d}`, state, v))
	}
	var seen []*http.Request
	c := serve(t, &seen, status(404, "{}"), version(1, "processing"), version(2, "requires_action"))
	p, err := c.Await(t.Context(), "p1", func(p Payment) (bool, error) { return p.State == "requires_action", nil })
	if err != nil || p.Version != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	var after []string
	for _, r := range seen {
		after = append(after, r.URL.Query().Get("after_version"))
		if r.URL.Query().Get("wait") == "" {
			t.Error("a look that does not wait")
		}
	}
	if got := strings.Join(after, " "); got != "0 0 1" {
		t.Errorf("looked after versions %s", got)
	}
	enough := errors.New("enough")
	if _, err := c.Await(t.Context(), "p1", func(Payment) (bool, error) { return false, enough }); !errors.Is(err, enough) {
		t.Errorf("an error does not end the wait: %v", err)
	}
}

func TestComputop(t *testing.T) {
	t.Parallel()
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.String())
		if r.URL.Path == "/control/computop/payments/gone/approve" {
			status(404, `{"error":"no such payment"}`)(w, r)
			return
		}
		if r.URL.Path == "/control/computop/ledger" {
			_ = json.NewEncoder(w).Encode([]map[string]any{{"seq": 1, "kind": "charge", "amount": 5}})
			return
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(s.Close)
	c := NewComputop(s.URL, 1)
	if err := c.Decide(t.Context(), "p1", "approve"); err != nil {
		t.Error(err)
	}
	if err := c.Decide(t.Context(), "gone", "approve"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a payment that is not there: %v", err)
	}
	if err := c.SetLatency(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
	entries, err := c.Ledger(t.Context(), "p 1")
	if err != nil || len(entries) != 1 || entries[0].Amount != 5 {
		t.Errorf("%+v, %v", entries, err)
	}
	want := []string{
		"POST /control/computop/payments/p1/approve", "POST /control/computop/payments/gone/approve",
		"POST /control/computop/latency", "GET /control/computop/ledger?trans_id=p+1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("called\n%s", strings.Join(got, "\n"))
	}
}
