package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/signature"
)

const sharedSecret = "0123456789abcdef0123456789abcdef"

func privateKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func signer(n byte, id string) signature.Signer {
	return signature.Signer{KeyID: id, Ed25519: privateKey(n)}
}

// signedFile has keys that sign: till with limits, boss without, audit to read only,
// and one of another merchant.
func signedFile(limits string) string {
	public := func(n byte) string {
		return base64.StdEncoding.EncodeToString(privateKey(n)[ed25519.SeedSize:])
	}
	return fmt.Sprintf(`
merchants:
  - id: shop
    api_keys:
      - {id: till, ed25519: %s, scopes: [authorize, capture, refund, payout, read], limits: %s}
      - {id: boss, hmac: "env:BOSS", scopes: [refund, payout]}
      - {id: audit, ed25519: %s, scopes: [read]}
    accounts:
      - {name: eu, provider: computop, default: true, endpoint: "https://www.computop-paygate.com/", callback_key: 1111111111111111}
      - {name: in, provider: ecommpay, default: true, endpoint: "https://api.ecommpay.com/", callback_key: 5555555555555555, settings: {project_id: 818}}
  - id: big
    api_keys: [{id: till, ed25519: %s, scopes: [refund, payout]}]
`, public(1), limits, public(2), public(3))
}

func signedFixture(t *testing.T, limits string) fixture {
	t.Helper()
	book, err := account.Parse("accounts.yaml", []byte(signedFile(limits)), func(string) (conf.Secret, error) { return sharedSecret, nil })
	if err != nil {
		t.Fatal(err)
	}
	return signedFixtureOf(t, book)
}

func signedFixtureOf(t *testing.T, book *account.Book) fixture {
	t.Helper()
	b := newFakeBroker()
	rt := service.NewRuntime("ingress", service.Config{}, zap.NewNop())
	a, err := newAPI(rt, Config{AcceptTimeout: 5 * time.Second, Burst: 1}, fixedBook{book}, b, abilities())
	if err != nil {
		t.Fatal(err)
	}
	return fixture{handler: a.handler(), broker: b, rt: rt}
}

// doSigned sends a with signatures, after change has had it.
func (f fixture) doSigned(t *testing.T, a ask, change func(*http.Request), by ...signature.Signer) (reply, string) {
	t.Helper()
	a.key = "-"
	r := a.request(t)
	for i, s := range by {
		if err := s.Sign(r, []byte(a.body), fmt.Sprintf("s%d", i), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return reply{w.Code, w.Header()}, w.Body.String()
}

func refundOf(minor int) ask {
	return ask{path: "/v1/payments/order-1/refunds", body: fmt.Sprintf(`{"amount":{"value":%d,"currency":"EUR"}}`, minor)}
}

func TestAPI_Signed(t *testing.T) {
	t.Parallel()
	till, boss := signer(1, "shop/till"), signature.Signer{KeyID: "shop/boss", HMAC: []byte(sharedSecret)}
	tests := map[string]struct {
		by     []signature.Signer
		change func(*http.Request)
		want   int
		says   string
	}{
		"by Ed25519":             {[]signature.Signer{till}, nil, 202, ""},
		"by HMAC":                {[]signature.Signer{boss}, nil, 202, ""},
		"by two":                 {[]signature.Signer{till, boss}, nil, 202, ""},
		"by nobody":              {nil, nil, 401, "sign the request"},
		"by a key of nobody":     {[]signature.Signer{signer(1, "shop/none")}, nil, 401, "not known"},
		"by another private key": {[]signature.Signer{signer(9, "shop/till")}, nil, 401, "does not fit"},
		"by a wrong secret":      {[]signature.Signer{{KeyID: "shop/boss", HMAC: []byte("x")}}, nil, 401, "does not fit"},
		"one of two is wrong":    {[]signature.Signer{till, {KeyID: "shop/boss", HMAC: []byte("x")}}, nil, 401, "does not fit"},
		"by two merchants":       {[]signature.Signer{till, signer(3, "big/till")}, nil, 401, "two merchants"},
		"twice by one":           {[]signature.Signer{till, till}, nil, 401, "signed twice"},
		"without the scope":      {[]signature.Signer{signer(2, "shop/audit")}, nil, 403, "lacks the scope refund"},
		"signed and with a key":  {[]signature.Signer{till}, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "not both"},
		"for another payment":    {[]signature.Signer{till}, func(r *http.Request) { r.URL.Path = "/v1/payments/small-1/refunds" }, 401, "does not fit"},
		"with another body": {[]signature.Signer{till}, func(r *http.Request) {
			r.Body = body(`{"amount":{"value":9999,"currency":"EUR"}}`)
		}, 401, "does not fit the body"},
		"under another request id": {[]signature.Signer{till}, func(r *http.Request) { r.Header.Set("Idempotency-Key", "key-2") }, 401, "does not fit"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := signedFixture(t, "{}")
			res, text := f.doSigned(t, refundOf(100), tt.change, tt.by...)
			if res.StatusCode != tt.want || !strings.Contains(text, tt.says) {
				t.Errorf("status %d: %s", res.StatusCode, text)
			}
			if n := len(f.broker.stored()); (n == 1) != (tt.want == 202) {
				t.Errorf("%d commands are stored", n)
			}
		})
	}
}

type closer struct{ *strings.Reader }

func (closer) Close() error { return nil }

func body(text string) closer { return closer{strings.NewReader(text)} }

func TestAPI_LimitsOfAKey(t *testing.T) {
	t.Parallel()
	till, boss := signer(1, "shop/till"), signature.Signer{KeyID: "shop/boss", HMAC: []byte(sharedSecret)}
	const limits = "{amounts: {EUR: 20000}, alone: {EUR: 500}}"
	open := ask{body: strings.Replace(button, `{"amount"`, `{"provider":"computop","amount"`, 1)}
	large := open
	large.body = strings.Replace(open.body, "12990", "20001", 1)
	foreign := open
	foreign.body = strings.Replace(open.body, `"EUR"`, `"GBP"`, 1)
	tests := map[string]struct {
		ask  ask
		by   []signature.Signer
		want string // empty: accepted
	}{
		"within":                          {open, []signature.Signer{till}, ""},
		"above":                           {large, []signature.Signer{till}, "above_limit"},
		"above, though two sign":          {large, []signature.Signer{till, boss}, "above_limit"},
		"in a currency that is not named": {foreign, []signature.Signer{till}, "above_limit"},
		"no amount":                       {ask{path: "/v1/payments/order-1/sync"}, []signature.Signer{till}, ""},
		"a refund alone":                  {refundOf(500), []signature.Signer{till}, ""},
		"a refund that needs two":         {refundOf(501), []signature.Signer{till}, "second_signature_required"},
		"a refund by two":                 {refundOf(501), []signature.Signer{till, boss}, ""},
		"the second may not refund":       {refundOf(501), []signature.Signer{till, signer(2, "shop/audit")}, "second_signature_required"},
		"a key without limits":            {refundOf(1_000_000), []signature.Signer{boss}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := signedFixture(t, limits)
			res, text := f.doSigned(t, tt.ask, nil, tt.by...)
			accepted := res.StatusCode == http.StatusAccepted
			if accepted != (tt.want == "") || !strings.Contains(text, tt.want) {
				t.Errorf("status %d: %s", res.StatusCode, text)
			}
			if (len(f.broker.stored()) == 1) != accepted {
				t.Errorf("%d commands are stored", len(f.broker.stored()))
			}
		})
	}
}

// TestAPI_LimitLoweredLater: what was accepted once is answered the same for ever.
func TestAPI_LimitLoweredLater(t *testing.T) {
	t.Parallel()
	before, after := signedFixture(t, "{}"), signedFixture(t, "{amounts: {EUR: 1}}")
	if res, text := before.doSigned(t, refundOf(100), nil, signer(1, "shop/till")); res.StatusCode != 202 {
		t.Fatal(text)
	}
	after.broker.commands = before.broker.commands
	if res, text := after.doSigned(t, refundOf(100), nil, signer(1, "shop/till")); res.StatusCode != 202 || res.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("status %d: %s", res.StatusCode, text)
	}
	if res, text := after.doSigned(t, refundOf(101), nil, signer(1, "shop/till")); res.StatusCode != 422 {
		t.Errorf("another request under the same id: status %d: %s", res.StatusCode, text)
	}
}

func TestLimits_OfTheKey(t *testing.T) {
	t.Parallel()
	l, now := newLimits(1000, 1000), time.Unix(1000, 0)
	slow := account.Access{Merchant: "m", KeyID: "a", Limits: account.Limits{PerSecond: 1, Burst: 2}}
	for range 2 {
		if wait := l.take(slow, now); wait != 0 {
			t.Fatalf("waits %v within its burst", wait)
		}
	}
	if wait := l.take(slow, now); wait != time.Second {
		t.Errorf("waits %v", wait)
	}
	slow.Limits = account.Limits{PerSecond: 10, Burst: 2} // the file was changed
	if wait := l.take(slow, now); wait != 100*time.Millisecond {
		t.Errorf("after a change it waits %v", wait)
	}
}

func payoutLines(amounts ...int) string {
	var b strings.Builder
	for i, n := range amounts {
		fmt.Fprintf(&b, `{"req_id":"r-%d","payment_id":"p-%d","amount":{"value":%d,"currency":"INR"},"beneficiary":{"customer_id":"c-1","ip_address":"192.0.2.1","first_name":"A","last_name":"B","email":"a@example.com","address":"Somewhere 1","account_number":"1234567890"}}`+"\n", i, i, n)
	}
	return b.String()
}

func TestBatch_Signed(t *testing.T) {
	t.Parallel()
	a := ask{path: "/v1/payouts/batches", header: http.Header{"Content-Type": {"application/x-ndjson"}}, body: payoutLines(100, 600, 300)}
	f := signedFixture(t, "{alone: {INR: 500}}")
	res, text := f.doSigned(t, a, nil, signer(1, "shop/till"))
	if res.StatusCode != 200 || strings.Count(text, `"accepted"`) < 2 || !strings.Contains(text, "second_signature_required") {
		t.Errorf("status %d: %s", res.StatusCode, text)
	}
	if n := len(f.broker.stored()); n != 2 {
		t.Errorf("%d payouts are stored, want the two that need no second key", n)
	}
	forged := signedFixture(t, "{}")
	res, text = forged.doSigned(t, a, func(r *http.Request) { r.Body = body(payoutLines(999)) }, signer(1, "shop/till"))
	if res.StatusCode != 401 || len(forged.broker.stored()) != 0 {
		t.Errorf("another body: status %d, %d stored: %s", res.StatusCode, len(forged.broker.stored()), text)
	}
	long := a
	long.body = strings.Repeat(" ", maxSignedBatch+1)
	if res, text := signedFixture(t, "{}").doSigned(t, long, nil, signer(1, "shop/till")); res.StatusCode != 413 {
		t.Errorf("a long body: status %d: %s", res.StatusCode, text)
	}
}

// TestAPI_SignedShowsNoSecret: what is wrong with a signature is said without it.
func TestAPI_SignedShowsNoSecret(t *testing.T) {
	t.Parallel()
	f := signedFixture(t, "{}")
	_, text := f.doSigned(t, refundOf(1), nil, signature.Signer{KeyID: "shop/boss", HMAC: []byte("canary-canary")})
	if strings.Contains(text, sharedSecret) || strings.Contains(text, "canary") {
		t.Error("the answer shows a secret")
	}
}

// TestAPI_OrderOfSignaturesLiftsNoLimit: a key with a small limit does not approve by
// signing second what it may not ask for.
func TestAPI_OrderOfSignaturesLiftsNoLimit(t *testing.T) {
	t.Parallel()
	till, boss := signer(1, "shop/till"), signature.Signer{KeyID: "shop/boss", HMAC: []byte(sharedSecret)}
	text := strings.Replace(signedFile("{amounts: {EUR: 1000}}"), "scopes: [refund, payout]}", "scopes: [refund, payout], limits: {alone: {EUR: 500}}}", 1)
	book, err := account.Parse("accounts.yaml", []byte(text), func(string) (conf.Secret, error) { return sharedSecret, nil })
	if err != nil {
		t.Fatal(err)
	}
	for amount, want := range map[int]int{1000: http.StatusAccepted, 1001: http.StatusForbidden} {
		f := signedFixtureOf(t, book)
		if res, said := f.doSigned(t, refundOf(amount), nil, boss, till); res.StatusCode != want {
			t.Errorf("%d: status %d: %s", amount, res.StatusCode, said)
		}
	}
}
