package computop_test

import (
	"cmp"
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
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	shops := &shops{public: map[string]string{}}
	providertest.Run(t, providertest.Harness{
		Start: func(t *testing.T) providertest.Simulator {
			t.Helper()
			return shops.start(t)
		},
		Open: func(t *testing.T, url string) provider.Provider {
			t.Helper()
			return mustClient(t, shops.config(url))
		},
		Parser:  mustParser(t, testConfig("https://paygate.example")),
		Zero:    func() error { _, err := computop.New(computop.Config{}); return err },
		Fields:  []string{"MerchantID", "CipherKeys", "MACKeys", "BaseURL", "PublicURL", "EndpointKey"},
		Country: "EU",
		Amount:  payment.Money{Minor: 13490, Currency: "EUR"},
		Secrets: []string{cipherKey, macKey},
	})
}

// shops knows where each simulator's notifies go.
type shops struct {
	mu     sync.Mutex
	public map[string]string // by the simulator's URL
}

func (s *shops) config(url string) computop.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := testConfig(url)
	cfg.PublicURL = cmp.Or(s.public[url], cfg.PublicURL)
	return cfg
}

// paygateSim is Paygate on a socket, and a shop on another that answers every
// notify.
type paygateSim struct {
	t    *testing.T
	sim  *computopsim.Simulator
	base string

	calls atomic.Int64
	mu    sync.Mutex
	heard []providertest.Delivery
	lies  []providertest.Delivery // what came while forging
	lying bool
	rules map[computopsim.Op]int
}

func (s *shops) start(t *testing.T) *paygateSim {
	t.Helper()
	sim, err := computopsim.New(computopsim.Config{
		Merchants: []computopsim.Merchant{{ID: mid, Cipher: paygate.Blowfish, CipherKey: cipherKey, MACKey: macKey}},
		Seed:      1, RelaxURLs: true, TimeScale: 100,
		RefundDelay: 10 * time.Second, // simulated, so that refunds are seen under way
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &paygateSim{t: t, sim: sim, rules: map[computopsim.Op]int{}}
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.calls.Add(1)
		sim.ServeHTTP(w, r)
	}))
	shop := httptest.NewServer(http.HandlerFunc(p.hear))
	// The simulator lets go of calls that hang, and so must be closed first.
	t.Cleanup(func() { sim.Close(); desk.Close(); shop.Close() })
	if err := sim.SetBaseURL(desk.URL); err != nil {
		t.Fatal(err)
	}
	p.base = desk.URL
	s.mu.Lock()
	defer s.mu.Unlock()
	s.public[desk.URL] = shop.URL
	return p
}

func (p *paygateSim) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	to := &p.heard
	if p.lying {
		to = &p.lies
	}
	*to = append(*to, providertest.Delivery{Header: r.Header, Body: body})
	_, _ = io.WriteString(w, "OK")
}

func (p *paygateSim) URL() string { return p.base }

// opOf is what Paygate calls an operation.
func opOf(c provider.Call) computopsim.Op {
	if a := c.Command.Authorization; a != nil && a.Method == payment.MandateCharge {
		return computopsim.OpCharge
	}
	return map[payment.Kind]computopsim.Op{
		payment.Authorize: computopsim.OpInit, payment.UpdateAmount: computopsim.OpUpdate, payment.Capture: computopsim.OpCapture,
		payment.Refund: computopsim.OpCredit, payment.Cancel: computopsim.OpReverse,
	}[c.Operation.Kind]
}

func (p *paygateSim) Play(c provider.Call, s providertest.Scenario) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	op := opOf(c)
	p.sim.RemoveRule(p.rules[op])
	rule, ok := map[providertest.Scenario]computopsim.Rule{
		providertest.Decline:       {Fault: computopsim.FaultCodeBefore, Code: "22520100"},
		providertest.Pend:          {Fault: computopsim.FaultCodeAfter, Code: "62520985"},
		providertest.CutBefore:     {Fault: computopsim.FaultResetBefore},
		providertest.CutAfter:      {Fault: computopsim.FaultResetAfter},
		providertest.HangBefore:    {Fault: computopsim.FaultTimeoutBefore},
		providertest.HangAfter:     {Fault: computopsim.FaultTimeoutAfter},
		providertest.ErrorBefore:   {Fault: computopsim.FaultHTTP500Before},
		providertest.ErrorAfter:    {Fault: computopsim.FaultHTTP500After},
		providertest.GarbageBefore: {Fault: computopsim.FaultGarbageBefore},
		providertest.GarbageAfter:  {Fault: computopsim.FaultEmptyAfter},
		providertest.UnknownCode:   {Fault: computopsim.FaultCodeBefore, Code: "22529999"},
		providertest.Throttle:      {Fault: computopsim.FaultThrottled, Delay: 2 * time.Second},
		providertest.Forbid:        {Fault: computopsim.FaultCodeBefore, Code: "20120044"},
	}[s]
	switch {
	case s == providertest.Approve:
		return true
	case !ok, op == computopsim.OpUpdate && (s == providertest.UnknownCode || s == providertest.Pend):
		return false // moves nothing: a failure that no table has is still a failure
	}
	rule.Operation = op
	added, err := p.sim.AddRule(rule)
	if err != nil {
		p.t.Errorf("rule: %v", err)
	}
	p.rules[op] = added.ID
	return true
}

func (p *paygateSim) Buyer(c provider.Call, b providertest.Buyer) error {
	decision := map[providertest.Buyer]computopsim.Decision{
		providertest.Reviews: computopsim.Review, providertest.Agrees: computopsim.Approve, providertest.Refuses: computopsim.Decline,
	}[b]
	_, err := p.sim.Decide(mid, c.Operation.Attempt.Key, decision)
	return err
}

func (p *paygateSim) Quiet() error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	return p.sim.Quiesce(ctx)
}

func (p *paygateSim) Effects(c provider.Call) int {
	view, err := p.sim.Payment(mid, c.Operation.Attempt.Key)
	if err != nil {
		return 0
	}
	if c.Operation.Kind == payment.Authorize {
		return 1
	}
	if c.Operation.Kind == payment.UpdateAmount {
		if view.LastStatus == "AUTHORIZE_REQUEST" && view.Amount == c.Operation.Amount.Minor {
			return 1
		}
		return 0
	}
	kinds := map[payment.Kind]computopsim.Kind{
		payment.Capture: computopsim.KindCapture, payment.Refund: computopsim.KindRefund, payment.Cancel: computopsim.KindReverse,
	}
	n := 0
	for _, e := range p.sim.Ledger(computopsim.LedgerFilter{Merchant: mid}) {
		if e.TransID == c.Operation.Attempt.Key && e.Kind == kinds[c.Operation.Kind] && !e.Void {
			n++
		}
	}
	return n
}

func (p *paygateSim) Recorded(c provider.Call) (payment.Money, bool) {
	view, err := p.sim.Payment(mid, c.Operation.Attempt.Key)
	if errors.Is(err, computopsim.ErrNoPayment) {
		return payment.Money{}, false
	}
	return payment.Money{Minor: view.Amount, Currency: payment.Currency(view.Currency)}, err == nil
}

func (p *paygateSim) Calls() int { return int(p.calls.Load()) }

func (p *paygateSim) Callbacks() []providertest.Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]providertest.Delivery{}, p.heard...)
}

func (p *paygateSim) Forge(c provider.Call) (providertest.Delivery, error) {
	p.lie(true)
	defer p.lie(false)
	if err := errors.Join(p.sim.Forge(mid, c.Operation.Attempt.Key), p.Quiet()); err != nil {
		return providertest.Delivery{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lies) == 0 {
		return providertest.Delivery{}, errors.New("nothing was forged")
	}
	return p.lies[len(p.lies)-1], nil
}

func (p *paygateSim) lie(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lying = on
}

func (p *paygateSim) ByHand(c provider.Call, k payment.Kind, amount int64) error {
	act := map[payment.Kind]computopsim.Clerk{
		payment.Capture: computopsim.ClerkCaptures, payment.Refund: computopsim.ClerkRefunds, payment.Cancel: computopsim.ClerkReverses,
	}[k]
	_, err := p.sim.BackOffice(mid, c.Operation.Attempt.Key, act, amount)
	return err
}

func (p *paygateSim) Forget(c provider.Call) error {
	_, err := p.sim.BackOffice(mid, c.Operation.Attempt.Key, computopsim.ClerkForgets, 0)
	return err
}
