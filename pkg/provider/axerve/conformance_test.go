package axerve_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for gateway, change := range map[string]func(*axervesim.Config){
		"refunds are announced":          func(c *axervesim.Config) { c.RefundDelay = 10 * time.Second },
		"refunds are executed unseen":    func(c *axervesim.Config) { c.RefundAtOnce = true },
		"tokens need their payment type": func(c *axervesim.Config) { c.TokenNeedsPaymentType, c.DeclinedReadsZero = true, true },
	} {
		t.Run(gateway, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{
				Start:  func(t *testing.T) providertest.Simulator { t.Helper(); return startSim(t, change) },
				Open:   func(t *testing.T, url string) provider.Provider { t.Helper(); return mustClient(t, testConfig(url)) },
				Parser: decrypting(t),
				Silent: silent,
				Zero:   func() error { _, err := axerve.New(axerve.Config{}); return err },
				Fields: []string{"ShopLogin", "PublicURL", "EndpointKey"},
				Amount: payment.Money{Minor: 13490, Currency: "EUR"}, OrderRef: "S02-7654321-1234567",
				Secrets: []string{apiKey},
			})
		})
	}
}

// silent tells of what Axerve sends no callback about: all but the payment's
// result when a buyer was at the page.
func silent(c provider.Call) bool {
	if a := c.Command.Authorization; a != nil {
		return a.Method != payment.Redirect
	}
	return true
}

// simHeader tells which simulator a callback came from.
const simHeader = "X-Simulator"

// asking is a parser that has callbacks decrypted, as the receiver and its
// interpreter do together.
type asking func(header http.Header, body []byte) (provider.Callback, error)

// ParseCallback implements provider.CallbackParser.
func (ask asking) ParseCallback(header http.Header, body []byte) (provider.Callback, error) {
	return ask(header, body)
}

// CallbackHeaders implements provider.HeaderReader.
func (asking) CallbackHeaders() []string { return []string{simHeader} }

func decrypting(t *testing.T) asking {
	t.Helper()
	parser := mustParser(t, testConfig("https://axerve.example"))
	return func(header http.Header, body []byte) (provider.Callback, error) {
		_, err := parser.ParseCallback(header, body)
		if !errors.Is(err, provider.ErrUnverified) {
			return provider.Callback{}, err
		}
		return mustClient(t, testConfig(header.Get(simHeader))).VerifyCallback(context.Background(), header, body)
	}
}

// gateway is Axerve on a socket, and a shop on another that answers every call.
type gateway struct {
	t    *testing.T
	sim  *axervesim.Simulator
	base string

	calls atomic.Int64
	mu    sync.Mutex
	heard []providertest.Delivery
	lies  []providertest.Delivery // what came while forging
	lying bool
	rules map[axervesim.Op]int
}

func startSim(t *testing.T, change func(*axervesim.Config)) *gateway {
	t.Helper()
	g := &gateway{t: t, rules: map[axervesim.Op]int{}}
	shopServer := httptest.NewServer(http.HandlerFunc(g.hear))
	cfg := axervesim.Config{
		Shops: []axervesim.Shop{{
			Login: shop, APIKey: apiKey, Separated: true, AddressWidget: true,
			PositiveURL: shopServer.URL + "/ok", NegativeURL: shopServer.URL + "/ko", NotifyURL: shopServer.URL + "/s2s",
		}},
		Seed: 1, TimeScale: 100,
	}
	change(&cfg)
	var err error
	if g.sim, err = axervesim.New(cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.calls.Add(1)
		g.sim.ServeHTTP(w, r)
	}))
	// The simulator lets go of calls that hang, and so must be closed first.
	t.Cleanup(func() { g.sim.Close(); server.Close(); shopServer.Close() })
	if err := g.sim.SetBaseURL(server.URL); err != nil {
		t.Fatal(err)
	}
	g.base = server.URL
	return g
}

func (g *gateway) hear(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	to := &g.heard
	if g.lying {
		to = &g.lies
	}
	*to = append(*to, providertest.Delivery{Header: http.Header{simHeader: {g.base}}, Body: []byte(r.URL.RawQuery)})
	_, _ = io.WriteString(w, "OK")
}

func (g *gateway) URL() string { return g.base }

func opOf(c provider.Call) axervesim.Op {
	if a := c.Command.Authorization; a != nil && a.Method != payment.Redirect {
		return axervesim.OpPay
	}
	return map[payment.Kind]axervesim.Op{
		payment.Authorize: axervesim.OpEncrypt, payment.Capture: axervesim.OpSettle,
		payment.Refund: axervesim.OpRefund, payment.Cancel: axervesim.OpDelete,
	}[c.Operation.Kind]
}

func (g *gateway) Play(c provider.Call, s providertest.Scenario) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	op := opOf(c)
	g.sim.RemoveRule(g.rules[op])
	if s == providertest.Approve {
		return true
	}
	rule, ok := map[providertest.Scenario]axervesim.Rule{
		providertest.CutBefore:     {Fault: axervesim.FaultResetBefore},
		providertest.CutAfter:      {Fault: axervesim.FaultResetAfter},
		providertest.HangBefore:    {Fault: axervesim.FaultTimeoutBefore},
		providertest.HangAfter:     {Fault: axervesim.FaultTimeoutAfter},
		providertest.ErrorBefore:   {Fault: axervesim.FaultSOAPBefore},
		providertest.ErrorAfter:    {Fault: axervesim.FaultHTTP500After},
		providertest.GarbageBefore: {Fault: axervesim.FaultGarbageBefore},
		providertest.GarbageAfter:  {Fault: axervesim.FaultEmptyAfter},
		providertest.UnknownCode:   {Fault: axervesim.FaultCodeBefore, Code: "123456"},
		providertest.Throttle:      {Fault: axervesim.FaultThrottled, Delay: 2 * time.Second},
		providertest.Forbid:        {Fault: axervesim.FaultCodeBefore, Code: "1142"},
		providertest.Decline:       {Fault: axervesim.FaultCodeBefore, Code: "74"},
	}[s]
	switch {
	case !ok,
		// Nobody declines a page, and a follow-up is refused or accepted.
		s == providertest.Decline && op != axervesim.OpPay,
		// It moves nothing: a refusal that no table has is still a refusal.
		s == providertest.UnknownCode && op == axervesim.OpEncrypt:
		return false
	}
	rule.Operation = op
	added, err := g.sim.AddRule(rule)
	if err != nil {
		g.t.Errorf("rule: %v", err)
	}
	g.rules[op] = added.ID
	return true
}

func (g *gateway) Buyer(c provider.Call, b providertest.Buyer) error {
	decision := map[providertest.Buyer]axervesim.Decision{providertest.Agrees: axervesim.Approve, providertest.Refuses: axervesim.Decline}[b]
	_, err := g.sim.Decide(shop, c.Operation.Attempt.Key, decision)
	return err
}

func (g *gateway) Quiet() error {
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	return g.sim.Quiesce(ctx)
}

func (g *gateway) Effects(c provider.Call) int {
	if opOf(c) == axervesim.OpEncrypt {
		if _, err := g.sim.Payment(shop, c.Operation.Attempt.Key); err != nil {
			return 0
		}
		return 1
	}
	kind := map[payment.Kind]axervesim.Kind{
		payment.Authorize: axervesim.KindAuthorize, payment.Capture: axervesim.KindCapture,
		payment.Refund: axervesim.KindRefund, payment.Cancel: axervesim.KindCancel,
	}[c.Operation.Kind]
	n := 0
	for _, e := range g.sim.Ledger(axervesim.LedgerFilter{Shop: shop, ShopTransactionID: c.Operation.Attempt.Key}) {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func (g *gateway) Recorded(c provider.Call) (payment.Money, bool) {
	p, err := g.sim.Payment(shop, c.Operation.Attempt.Key)
	return payment.Money{Minor: p.Amount, Currency: payment.Currency(p.Currency)}, err == nil
}

func (g *gateway) Calls() int { return int(g.calls.Load()) }

func (g *gateway) Callbacks() []providertest.Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]providertest.Delivery{}, g.heard...)
}

func (g *gateway) Forge(c provider.Call) (providertest.Delivery, error) {
	g.lie(true)
	defer g.lie(false)
	if err := errors.Join(g.sim.Forge(shop, c.Operation.Attempt.Key), g.Quiet()); err != nil {
		return providertest.Delivery{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.lies) == 0 {
		return providertest.Delivery{}, errors.New("nothing was forged")
	}
	return g.lies[len(g.lies)-1], nil
}

func (g *gateway) lie(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lying = on
}

func (g *gateway) ByHand(c provider.Call, k payment.Kind, amount int64) error {
	if k == payment.Refund {
		return g.sim.BackRefund(shop, c.Operation.Attempt.Key, amount)
	}
	return g.sim.BackOffice(shop, c.Operation.Attempt.Key, k == payment.Capture)
}

func (g *gateway) Forget(c provider.Call) error { return g.sim.Forget(shop, c.Operation.Attempt.Key) }
