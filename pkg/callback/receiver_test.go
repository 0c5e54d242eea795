package callback_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

func TestReceive(t *testing.T) {
	t.Parallel()
	good := sealed(t, macKey, notify("order-1"))
	for name, c := range map[string]struct {
		method, path, body string
		parsers            callback.Parsers
		status             int
		provider, result   string       // of payloom_callbacks_total
		verdict            wire.Verdict // empty: nothing is stored
	}{
		"a notify is stored":                    {status: 200, result: "stored", verdict: wire.Accepted},
		"a notify by GET is stored":             {method: "GET", path: callbackPath + "?" + good, body: " ", status: 200, result: "stored", verdict: wire.Accepted},
		"a wrong MAC is refused":                {body: sealed(t, "another key", notify("order-1")), status: 401, result: "forged"},
		"another merchant's notify is refused":  {body: sealed(t, macKey, notify("order-1", "mid", "other")), status: 401, result: "forged"},
		"what is not encrypted is refused":      {body: "Status=AUTHORIZED&Code=00000000", status: 401, result: "forged"},
		"nothing is refused":                    {body: " ", status: 401, result: "forged"},
		"an unreadable amount is quarantined":   {body: sealed(t, macKey, notify("order-1", "AmountAuth", "ten")), status: 200, result: "quarantined", verdict: wire.Quarantined},
		"an unknown type is quarantined":        {body: sealed(t, macKey, notify("order-1", "NotificationType", "Dispute")), status: 200, result: "quarantined", verdict: wire.Quarantined},
		"a foreign payment id is quarantined":   {body: sealed(t, macKey, notify("order>*")), status: 200, result: "quarantined", verdict: wire.Quarantined},
		"an unverifiable callback is stored":    {parsers: failing(provider.ErrUnverified), status: 200, result: "unverified", verdict: wire.Unverified},
		"an account without parser is our own":  {parsers: noParser, status: 503, result: "unstored"},
		"a parser's surprise is our own":        {parsers: failing(errors.New("surprise")), status: 503, result: "unstored"},
		"a parser that panics is our own":       {parsers: func(*account.Account) (provider.CallbackParser, error) { panic("bug") }, status: 503, result: "unstored"},
		"an unknown endpoint is not found":      {path: "/callbacks/computop/0123456789abcdef", status: 404, result: "unknown_endpoint"},
		"another provider's path is not found":  {path: "/callbacks/axerve/" + endpoint, status: 404, provider: "axerve", result: "unknown_endpoint"},
		"a made-up provider is not found":       {path: "/callbacks/nobody/" + endpoint, status: 404, provider: "unknown", result: "unknown_endpoint"},
		"64 KiB are read":                       {body: strings.Repeat("x", callback.MaxBody), status: 401, result: "forged"},
		"more than 64 KiB are too large":        {body: strings.Repeat("x", callback.MaxBody+1), status: 413, result: "limited"},
		"HEAD is not allowed":                   {method: "HEAD", status: 405, result: "limited"},
		"PUT is not allowed":                    {method: "PUT", status: 405},
		"no content type at all does no harm":   {method: "POST", status: 200, result: "stored", verdict: wire.Accepted},
		"a path with more to it does not match": {path: callbackPath + "/more", status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *callback.Options) {
				if c.parsers != nil {
					o.Parsers = c.parsers
				}
			})
			got := w.do(or(c.method, "POST"), or(c.path, callbackPath), strings.TrimPrefix(or(c.body, good), " "))
			if got.status != c.status {
				t.Errorf("status %d, want %d", got.status, c.status)
			}
			w.checkCounted(or(c.provider, "computop"), c.result)
			w.checkStored(c.verdict)
		})
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// checkCounted wants one request of provider p to have come to result.
func (w *world) checkCounted(p, result string) {
	w.t.Helper()
	want := ""
	if result != "" {
		want = `
# HELP payloom_callbacks_total Requests of providers' servers by what became of them.
# TYPE payloom_callbacks_total counter
payloom_callbacks_total{provider="` + p + `",result="` + result + `"} 1
`
	}
	if err := testutil.CollectAndCompare(w.receiver.Metrics(), strings.NewReader(want), "payloom_callbacks_total"); err != nil {
		w.t.Error(err)
	}
}

func (w *world) checkStored(want wire.Verdict) {
	w.t.Helper()
	all := w.stored()
	if want == "" {
		if len(all) != 0 {
			w.t.Errorf("%d callbacks are stored, want none", len(all))
		}
		return
	}
	if len(all) != 1 || all[0].Verdict != want {
		w.t.Errorf("stored: %d callbacks, want one that is %s", len(all), want)
	}
}

func TestReceive_KeepsWhatCameAndNoCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := w.sealed(notify("order-1"))
	w.do("POST", callbackPath+"?from=paygate", body, "Content-Type", "application/x-www-form-urlencoded; charset=iso-8859-1",
		"User-Agent", "Paygate", "Cookie", "session=1", "Authorization", "Bearer 1", "X-Forwarded-For", "192.0.2.1")
	c := w.one()
	if string(c.Body) != body || c.Query != "from=paygate" || c.Method != "POST" || c.Kind != wire.FromServer {
		t.Errorf("stored %s %q with a body of %d bytes, want what came", c.Method, c.Query, len(c.Body))
	}
	if c.Merchant != merchant || c.Account != "eu" || c.Payment != "order-1" || len(c.ID) != 26 {
		t.Errorf("stored for %s/%s, payment %s, id %s", c.Merchant, c.Account, c.Payment, c.ID)
	}
	if len(c.Header) != 2 || c.Header.Get("User-Agent") != "Paygate" {
		t.Errorf("stored header has %d fields, want Content-Type and User-Agent", len(c.Header))
	}
}

// signed is a parser whose signature is in the header.
type signed struct{}

func (signed) CallbackHeaders() []string { return []string{"X-Signature"} }

func (signed) ParseCallback(h http.Header, _ []byte) (provider.Callback, error) {
	if h.Get("X-Signature") != "genuine" {
		return provider.Callback{}, provider.ErrForged
	}
	return provider.Callback{Payment: "order-1", Dedup: "1"}, nil
}

func TestReceive_KeepsTheHeaderThatTheParserReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *callback.Options) {
		o.Parsers = func(*account.Account) (provider.CallbackParser, error) { return signed{}, nil }
	})
	if got := w.do("POST", callbackPath, "{}", "X-Signature", "forged"); got.status != http.StatusUnauthorized {
		t.Errorf("forged: status %d", got.status)
	}
	if got := w.do("POST", callbackPath, "{}", "X-Signature", "genuine", "X-Other", "1"); got.status != http.StatusOK {
		t.Errorf("genuine: status %d", got.status)
	}
	if c := w.one(); c.Header.Get("X-Signature") != "genuine" || c.Header.Get("X-Other") != "" {
		t.Error("what is stored cannot be read again, or holds more than that")
	}
}

func TestReceive_RepeatsAreStoredOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := w.sealed(notify("order-1"))
	statuses := make([]int, 50)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() { statuses[i] = w.do("POST", callbackPath, body).status })
	}
	wg.Wait()
	for i, s := range statuses {
		if s != http.StatusOK {
			t.Errorf("repeat %d: status %d, want 200", i, s)
		}
	}
	w.one()
	const want = `
# HELP payloom_callbacks_total Requests of providers' servers by what became of them.
# TYPE payloom_callbacks_total counter
payloom_callbacks_total{provider="computop",result="repeat"} 49
payloom_callbacks_total{provider="computop",result="stored"} 1
`
	if err := testutil.CollectAndCompare(w.receiver.Metrics(), strings.NewReader(want), "payloom_callbacks_total"); err != nil {
		t.Error(err)
	}
}

func TestReceive_AnotherMessageOfThePaymentIsNoRepeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, fields := range [][]string{notify("order-1"), captureNotify("order-1"), creditNotify("order-1")} {
		w.mustNotify(w.sealed(fields))
	}
	if n := len(w.stored()); n != 3 {
		t.Errorf("%d callbacks are stored, want 3", n)
	}
}

func TestReceive_BrokerDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, server := bustest.Start(t, dir)
	bustest.Provision(t, cfg, bus.Topology{})
	b := bustest.Connect(t, cfg, "receiver")
	rc := callback.NewReceiver(callback.Options{
		Accounts: mustAccounts(t), Parsers: parserOf, Store: b, Payments: b, Patience: 300 * time.Millisecond,
	})
	url := serve(t, rc).URL
	body := sealed(t, macKey, notify("order-1"))

	server.Shutdown()
	server.WaitForShutdown()
	got := do(t, url, "POST", callbackPath, body)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("callback: status %d, want 503 with Retry-After", got.status)
	}
	if got := do(t, url, "GET", "/returns/computop/"+endpoint+"/success?"+body, ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("return: status %d, want 503", got.status)
	}
}

func TestReceive_LimitsSourcesAndEndpoints(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]callback.Limits{
		"of a source":    {SourceRate: 1},
		"of an endpoint": {EndpointRate: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *callback.Options) { o.Limits = limits })
			body := w.sealed(notify("order-1"))
			var got reply
			for range 20 { // a burst of two is taken
				got = w.do("POST", callbackPath, body)
			}
			if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
				t.Errorf("status %d, want 429 with Retry-After", got.status)
			}
			w.one()
		})
	}
}

func TestReceive_ForgedCallbacksDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, func(o *callback.Options) { o.Log = bufferLog(&log) })
	body := sealed(t, "another key", notify("order-1", "Description", "a description to find"))
	for range 60 {
		w.do("POST", callbackPath, body)
	}
	if n := strings.Count(log.String(), "\n"); n == 0 || n > 30 {
		t.Errorf("%d lines are logged for 60 forged callbacks, want a few", n)
	}
	for _, secret := range []string{"a description to find", payIDOf("order-1"), macKey, cipherKey, endpoint, body[:40]} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

// TestReceive_StrangersCannotFillTheStream: what only the provider can vouch for
// is stored unproven, and so only at a rate; what proves itself is not held up.
func TestReceive_StrangersCannotFillTheStream(t *testing.T) {
	t.Parallel()
	unproven := newWorld(t, func(o *callback.Options) {
		o.Parsers, o.Limits.UnprovenRate = failing(provider.ErrUnverified), 0.001
	})
	for i, want := range []int{200, 429, 429} {
		if got := unproven.do("POST", callbackPath, strings.Repeat("x", i+1)); got.status != want {
			t.Errorf("unproven callback %d: status %d, want %d", i+1, got.status, want)
		}
	}
	if n := len(unproven.stored()); n != 1 {
		t.Errorf("%d are stored, want 1", n)
	}
	senseless := newWorld(t, func(o *callback.Options) { o.Limits.UnprovenRate = 0.001 })
	for i, want := range []int{200, 429, 429} {
		body := senseless.sealed(notify("order-1", "AmountAuth", strings.Repeat("x", i+1)))
		if got := senseless.do("POST", callbackPath, body); got.status != want {
			t.Errorf("senseless callback %d: status %d, want %d", i+1, got.status, want)
		}
	}
	proven := newWorld(t, func(o *callback.Options) { o.Limits.UnprovenRate = 0.001 })
	for _, id := range []payment.ID{"order-1", "order-2", "order-3"} {
		if got := proven.do("POST", callbackPath, proven.sealed(notify(id))); got.status != 200 {
			t.Errorf("a proven callback: status %d, want 200", got.status)
		}
	}
}
