package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

func TestLimits_Take(t *testing.T) {
	t.Parallel()
	l, now := newLimits(2, 3), time.Unix(1000, 0)
	first, second := account.Access{Merchant: "m", KeyID: "a"}, account.Access{Merchant: "m", KeyID: "b"}
	for i := range 3 {
		if wait := l.take(first, now); wait != 0 {
			t.Errorf("call %d of a burst of three waits %v", i+1, wait)
		}
	}
	if wait := l.take(first, now); wait != 500*time.Millisecond {
		t.Errorf("the fourth call waits %v", wait)
	}
	if wait := l.take(second, now); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
	// A call that was refused costs nothing: half a second later one is free.
	now = now.Add(500 * time.Millisecond)
	if wait := l.take(first, now); wait != 0 {
		t.Errorf("after the wait a call waits %v", wait)
	}
}

func TestLimits_None(t *testing.T) {
	t.Parallel()
	l := newLimits(0, 1)
	for range 1000 {
		if wait := l.take(account.Access{}, time.Unix(1000, 0)); wait != 0 {
			t.Fatalf("waits %v without a limit", wait)
		}
	}
}

func TestAPI_LimitsEachKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Rate, c.Burst = 0.01, 1 })
	if res, body := f.do(t, ask{body: button}); res.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d: %s", res.StatusCode, body)
	}
	res, body := f.do(t, ask{body: button})
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "100" || !strings.Contains(body, "rate_limited") {
		t.Errorf("status %d, Retry-After %q: %s", res.StatusCode, res.Header.Get("Retry-After"), body)
	}
	if res, body := f.do(t, ask{key: "reader-key", path: "/v1/payments/order-1/sync", idem: "key-2"}); res.StatusCode != http.StatusAccepted {
		t.Errorf("another key: status %d: %s", res.StatusCode, body)
	}
}

// TestAPI_TakingMoneyNeedsCapture: whoever may only authorise takes no money, by no way
// of opening a payment.
func TestAPI_TakingMoneyNeedsCapture(t *testing.T) {
	t.Parallel()
	mandate := `{"amount":{"value":100,"currency":"EUR"},"method":"mandate","mandate":"B01-1234567-1234567","country":"EU"}`
	with := func(body, member string) string { return strings.Replace(body, "{", "{"+member+",", 1) }
	const ok, no = http.StatusAccepted, http.StatusForbidden
	for name, tt := range map[string]struct {
		path, body           string
		front, taker, seller int
		lacks                string // by the front's key
	}{
		"a button":                      {"", button, ok, no, ok, ""},
		"a button, captured later":      {"", with(button, `"capture":"manual"`), ok, no, ok, ""},
		"a sale":                        {"", with(button, `"capture":"automatic"`), no, no, ok, "capture"},
		"a mandate":                     {"", mandate, no, no, ok, "capture"},
		"a mandate, captured later":     {"", with(mandate, `"capture":"manual"`), no, no, ok, "capture"},
		"a mandate, captured at once":   {"", with(mandate, `"capture":"automatic"`), no, no, ok, "capture"},
		"another amount":                {"/v1/payments/order-1/amount", `{"amount":{"value":13000,"currency":"EUR"}}`, ok, no, ok, ""},
		"a capture":                     {"/v1/payments/order-1/captures", `{"amount":{"value":12990,"currency":"EUR"}}`, no, ok, ok, "capture"},
		"a refund":                      {"/v1/payments/order-1/refunds", `{"amount":{"value":1,"currency":"EUR"}}`, no, no, no, "refund"},
		"a cancellation":                {"/v1/payments/order-1/cancel", "", no, no, no, "cancel"},
		"a sync":                        {"/v1/payments/order-1/sync", "", no, no, no, "read"},
		"a payout":                      {"/v1/payouts", `{}`, no, no, no, "payout"},
		"payouts by the batch, of none": {"/v1/payouts/batches", header, no, no, no, "payout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for key, want := range map[string]int{"front-key": tt.front, "taker-key": tt.taker, "seller-key": tt.seller} {
				f := newFixture(t, nil)
				a := ask{path: tt.path, key: key, body: tt.body}
				if tt.path == "/v1/payouts/batches" {
					a = batchOfCSV(a, tt.body)
				}
				res, text := f.do(t, a)
				if res.StatusCode != want || len(f.broker.stored()) != map[int]int{ok: 1, no: 0}[want] {
					t.Errorf("%s: status %d, want %d, %d stored: %s", key, res.StatusCode, want, len(f.broker.stored()), text)
				}
				if key == "front-key" && want == no && !strings.Contains(text, "lacks the scope "+tt.lacks+".") {
					t.Errorf("%s: %s", key, text)
				}
			}
		})
	}
}

func TestAPI_SlowBroker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.broker.slow = make(chan struct{})
		began := time.Now()
		res, body := f.do(t, ask{body: button})
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "5" {
			t.Errorf("status %d: %s", res.StatusCode, body)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		close(f.broker.slow)
		if res, body := f.do(t, ask{body: button}); res.StatusCode != http.StatusAccepted {
			t.Errorf("the same again: status %d: %s", res.StatusCode, body)
		}
	})
}

func TestAPI_ClientLeaves(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.broker.slow = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	r := ask{body: button}.request(t).WithContext(ctx)
	leave()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || len(f.broker.stored()) != 0 {
		t.Errorf("status %d, %d stored", w.Code, len(f.broker.stored()))
	}
}

func TestAPI_RequestID(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sent string
		kept bool
	}{
		"the client's own":      {"abc-1:2.3_4", true},
		"none":                  {"", false},
		"one that breaks lines": {"a\tb", false},
		"one that is too long":  {strings.Repeat("x", 65), false},
		"a card number":         {"4111111111111111", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			res, _ := f.do(t, ask{body: button, header: http.Header{"X-Request-Id": {tt.sent}}})
			got := res.Header.Get("X-Request-Id")
			if got == "" || (got == tt.sent) != tt.kept {
				t.Errorf("answered %q", got)
			}
			lines := f.logs.FilterMessage("command").All()
			if len(lines) != 1 || lines[0].ContextMap()["request_id"] != got {
				t.Errorf("log is %v", lines)
			}
		})
	}
}

func TestAPI_LogsAndCounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.do(t, ask{body: button})
	f.do(t, ask{body: button})
	f.do(t, ask{path: "/v1/payments/order-1/captures", body: `{"amount":{"value":0,"currency":"EUR"},"password":1}`})
	f.do(t, ask{key: "-", path: "/v1/payments/order-1/cancel"})
	var got []string
	for _, e := range f.logs.FilterMessage("command").All() {
		m := e.ContextMap()
		got = append(got, fmt.Sprint(m["kind"], " ", m["outcome"], " ", m["merchant"], " ", m["key_id"], " ", m["provider"], " ", m["fields"]))
	}
	want := "authorize accepted shop all computop <nil>|authorize replayed shop all computop <nil>|" +
		"capture invalid shop all <nil> [amount.value]|cancel refused <nil> <nil> <nil> []"
	if strings.Join(got, "|") != want {
		t.Errorf("log is %s", strings.Join(got, "|"))
	}
	counts := mustCounts(t, f.rt.Metrics)
	for _, label := range []string{
		"authorize computop accepted", "authorize computop replayed", "capture none invalid", "cancel none refused",
	} {
		if counts[label] != 1 {
			t.Errorf("%s is counted %v times", label, counts[label])
		}
	}
}

// mustCounts returns payloom_ingress_commands_total by its labels' values in
// the order of their names.
func mustCounts(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "payloom_ingress_commands_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			counts[strings.Join(values, " ")] = m.GetCounter().GetValue()
		}
	}
	return counts
}

func TestRoutes_EveryKindHasOne(t *testing.T) {
	t.Parallel()
	seen := map[payment.Kind]bool{}
	for _, rt := range routes() {
		seen[rt.kind] = true
	}
	for _, k := range payment.Kinds() {
		if !seen[k] {
			t.Errorf("nobody can ask for %s", k)
		}
	}
}
