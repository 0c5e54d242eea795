package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/wire"
)

// The merchants of the tests: shop is at Computop only, big at two providers.
func accountsFile() string {
	key := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	const all = "[authorize, capture, refund, cancel, payout, read]"
	return fmt.Sprintf(`
merchants:
  - id: shop
    api_keys:
      - {id: all, sha256: %s, scopes: %s}
      - {id: reader, sha256: %s, scopes: [read]}
      - {id: front, sha256: %s, scopes: [authorize]}
      - {id: taker, sha256: %s, scopes: [capture]}
      - {id: seller, sha256: %s, scopes: [authorize, capture]}
    accounts:
      - {name: eu, provider: computop, default: true, endpoint: "https://www.computop-paygate.com/", callback_key: 1111111111111111}
      - {name: small, provider: computop, endpoint: "https://www.computop-paygate.com/", callback_key: 2222222222222222, settings: {min_amount: 1}}
  - id: big
    api_keys: [{id: all, sha256: %s, scopes: %s}]
    accounts:
      - {name: a, provider: computop, endpoint: "https://www.computop-paygate.com/", callback_key: 3333333333333333}
      - {name: b, provider: computop, endpoint: "https://www.computop-paygate.com/", callback_key: 4444444444444444}
      - {name: a, provider: ecommpay, default: true, endpoint: "https://api.ecommpay.com/", callback_key: 5555555555555555, settings: {project_id: 818}}
      - {name: b, provider: ecommpay, endpoint: "https://api.ecommpay.com/", callback_key: 6666666666666666, settings: {project_id: 819}}
      - {name: a, provider: axerve, endpoint: "https://axerve.example/", callback_key: 7777777777777777}
  - id: nowhere
    api_keys: [{id: all, sha256: %s, scopes: %s}]
`, key("shop-key"), all, key("reader-key"), key("front-key"), key("taker-key"), key("seller-key"), key("big-key"), all, key("nowhere-key"), all)
}

// fixedBook is a file of accounts that does not change.
type fixedBook struct{ b *account.Book }

func (f fixedBook) Book() *account.Book { return f.b }

func mustBook(t testing.TB) fixedBook {
	t.Helper()
	return fixedBook{mustBookOf(t, accountsFile())}
}

func mustBookOf(t testing.TB, text string) *account.Book {
	t.Helper()
	b, err := account.Parse("accounts.yaml", []byte(text), func(string) (conf.Secret, error) { return "s", nil })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// changing is a file of accounts that can be replaced.
type changing struct {
	mu   sync.Mutex
	book *account.Book
}

func (c *changing) Book() *account.Book {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.book
}

func (c *changing) set(b *account.Book) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.book = b
}

// abilities are the providers' own, and those of a made-up one that opens payments.
func abilities() map[payment.Provider]provider.Capability {
	return map[payment.Provider]provider.Capability{
		payment.Computop: computop.Capability(),
		payment.ECommPay: ecommpay.Capability(),
		payment.Axerve:   {Provider: payment.Axerve, Rules: payment.Rules{Kinds: []payment.Kind{payment.Authorize}}},
	}
}

// fakeBroker keeps commands in memory by the rules of the real one.
type fakeBroker struct {
	mu       sync.Mutex
	commands map[payment.CommandID]payment.Command
	payments map[payment.ID]payment.Payment
	finds    int
	err      error         // of Accept and Find
	lookup   error         // of Command
	slow     chan struct{} // Accept waits for it, or for its context
	waiting  atomic.Int64  // calls of Accept that began to wait for it
}

func newFakeBroker() *fakeBroker {
	return &fakeBroker{
		commands: map[payment.CommandID]payment.Command{},
		payments: map[payment.ID]payment.Payment{
			"order-1": {ID: "order-1", Merchant: "shop", Provider: payment.Computop, State: payment.StateAuthorized},
			"small-1": {ID: "small-1", Merchant: "shop", Provider: payment.Computop, Account: "small", State: payment.StateAuthorized},
		},
	}
}

func (b *fakeBroker) Accept(ctx context.Context, c payment.Command) (payment.Command, bool, error) {
	if b.slow != nil {
		b.waiting.Add(1)
		select {
		case <-b.slow:
		case <-ctx.Done():
			return c, false, errors.Join(bus.ErrUnavailable, ctx.Err())
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return c, false, b.err
	}
	stored, there := b.commands[c.ID]
	switch {
	case there && wire.Fingerprint(stored) != wire.Fingerprint(c):
		return stored, false, bus.ErrReqIDReused
	case there:
		return stored, true, nil
	}
	b.commands[c.ID] = c
	return c, false, nil
}

func (b *fakeBroker) Command(_ context.Context, m payment.Merchant, id payment.CommandID) (payment.Command, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	stored, there := b.commands[id]
	if b.lookup != nil {
		return payment.Command{}, b.lookup
	}
	if !there || stored.Merchant != m {
		return payment.Command{}, fmt.Errorf("command: %w", bus.ErrNotFound)
	}
	return stored, nil
}

func (b *fakeBroker) Find(_ context.Context, m payment.Merchant, id payment.ID) (payment.Payment, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finds++
	p, ok := b.payments[id]
	return p, ok && p.Merchant == m, b.err
}

func (b *fakeBroker) stored() []payment.Command {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []payment.Command
	for _, c := range b.commands {
		all = append(all, c)
	}
	return all
}

// fixture is the API over a broker.
type fixture struct {
	handler http.Handler
	broker  *fakeBroker
	rt      *service.Runtime
	logs    *observer.ObservedLogs
}

func newFixture(t testing.TB, change func(*Config)) fixture {
	t.Helper()
	b := newFakeBroker()
	f := fixtureOver(t, b, change)
	f.broker = b
	return f
}

func fixtureOver(t testing.TB, b broker, change func(*Config)) fixture {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	cfg := Config{AcceptTimeout: 5 * time.Second, Burst: 1}
	if change != nil {
		change(&cfg)
	}
	rt := service.NewRuntime("ingress", service.Config{}, zap.New(core))
	a, err := newAPI(rt, cfg, mustBook(t), b, abilities())
	if err != nil {
		t.Fatal(err)
	}
	return fixture{handler: a.handler(), rt: rt, logs: logs}
}

// ask is one request. Its zero values are those of a request that is right.
type ask struct {
	method string // POST
	path   string // /v1/payments
	key    string // the API key: shop-key; "-": none
	idem   string // the Idempotency-Key: key-1; "-": none
	header http.Header
	body   string
}

func (a ask) request(t testing.TB) *http.Request {
	t.Helper()
	or := func(v, otherwise string) string {
		if v == "" {
			return otherwise
		}
		return v
	}
	r := httptest.NewRequestWithContext(t.Context(), or(a.method, http.MethodPost), or(a.path, "/v1/payments"), strings.NewReader(a.body))
	if key := or(a.key, "shop-key"); key != "-" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if idem := or(a.idem, "key-1"); idem != "-" {
		r.Header.Set("Idempotency-Key", idem)
	}
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("X-Request-Id", "test")
	for name, values := range a.header {
		r.Header[name] = values
	}
	return r
}

// reply is an answer without its body.
type reply struct {
	StatusCode int
	Header     http.Header
}

// do sends a and returns the answer and its body.
func (f fixture) do(t testing.TB, a ask) (reply, string) {
	t.Helper()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, a.request(t))
	return reply{w.Code, w.Header()}, w.Body.String()
}

// mustAccept sends a and returns the one command that is stored then.
func (f fixture) mustAccept(t testing.TB, a ask) payment.Command {
	t.Helper()
	res, body := f.do(t, a)
	if res.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d: %s", res.StatusCode, body)
	}
	stored := f.broker.stored()
	if len(stored) != 1 {
		t.Fatalf("%d commands are stored", len(stored))
	}
	return stored[0]
}

const (
	urls   = `"return_urls":{"success":"https://s.example/ok","failure":"https://s.example/no","cancel":"https://s.example/back","review":"https://s.example/review"}`
	button = `{"amount":{"value":12990,"currency":"EUR"},"method":"button","country":"EU",` + urls + `}`
)
