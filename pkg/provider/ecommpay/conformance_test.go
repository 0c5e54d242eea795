package ecommpay_test

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
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/provider/providertest"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for layout, change := range map[string]func(*ecommpaysim.Config){
		"standard layout": func(c *ecommpaysim.Config) { c.Intermediate = true },
		"general layout":  func(c *ecommpaysim.Config) { c.Layout = ecommpaysim.LayoutGeneral },
		"errors as lists": func(c *ecommpaysim.Config) { c.ErrorList = true },
	} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			shops := &shops{public: map[string]string{}, change: change}
			providertest.Run(t, providertest.Harness{
				Start: func(t *testing.T) providertest.Simulator {
					t.Helper()
					return shops.start(t)
				},
				Open: func(t *testing.T, url string) provider.Provider {
					t.Helper()
					return mustClient(t, shops.config(url))
				},
				Parser:  mustParser(t, testConfig("https://gate.example")),
				Zero:    func() error { _, err := ecommpay.New(ecommpay.Config{}); return err },
				Fields:  []string{"ProjectID", "Secrets", "BaseURL", "PublicURL", "EndpointKey"},
				Amount:  payment.Money{Minor: 10000, Currency: "INR"},
				Secrets: []string{secret},
			})
		})
	}
}

// shops knows where each simulator's callbacks go.
type shops struct {
	change func(*ecommpaysim.Config)
	mu     sync.Mutex
	public map[string]string // by the simulator's URL
}

func (s *shops) config(url string) ecommpay.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := testConfig(url)
	cfg.PublicURL = cmp.Or(s.public[url], cfg.PublicURL)
	return cfg
}

// gateSim is the Gate on a socket, and a shop on another that answers every
// callback.
type gateSim struct {
	t    *testing.T
	sim  *ecommpaysim.Simulator
	base string

	calls atomic.Int64
	mu    sync.Mutex
	heard []providertest.Delivery
	lies  []providertest.Delivery // what came while forging
	lying bool
	rule  int
}

func (s *shops) start(t *testing.T) *gateSim {
	t.Helper()
	cfg := ecommpaysim.Config{
		Projects: []ecommpaysim.Project{{ID: project, Secret: secret}}, Seed: 1, RelaxURLs: true, TimeScale: 100,
	}
	s.change(&cfg)
	sim, err := ecommpaysim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateSim{t: t, sim: sim}
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.calls.Add(1)
		sim.ServeHTTP(w, r)
	}))
	shop := httptest.NewServer(http.HandlerFunc(g.hear))
	// The simulator lets go of calls that hang, and so must be closed first.
	t.Cleanup(func() { sim.Close(); desk.Close(); shop.Close() })
	g.base = desk.URL
	s.mu.Lock()
	defer s.mu.Unlock()
	s.public[desk.URL] = shop.URL
	return g
}

func (g *gateSim) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	to := &g.heard
	if g.lying {
		to = &g.lies
	}
	*to = append(*to, providertest.Delivery{Header: r.Header, Body: body})
	_, _ = io.WriteString(w, "OK")
}

func (g *gateSim) URL() string { return g.base }

// Play has no decline: the Gate accepts first and declines later. Nor does it
// throttle: that leaves a payout in doubt here, see TestSimulator_Throttled.
func (g *gateSim) Play(_ provider.Call, s providertest.Scenario) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sim.RemoveRule(g.rule)
	rule, ok := map[providertest.Scenario]ecommpaysim.Rule{
		providertest.CutBefore:     {Fault: simkit.FaultResetBefore},
		providertest.CutAfter:      {Fault: simkit.FaultResetAfter},
		providertest.HangBefore:    {Fault: simkit.FaultTimeoutBefore},
		providertest.HangAfter:     {Fault: simkit.FaultTimeoutAfter},
		providertest.ErrorBefore:   {Fault: simkit.FaultHTTP500Before},
		providertest.ErrorAfter:    {Fault: simkit.FaultHTTP500After},
		providertest.GarbageBefore: {Fault: simkit.FaultGarbageBefore},
		providertest.GarbageAfter:  {Fault: simkit.FaultEmptyAfter},
		providertest.UnknownCode:   {Fault: ecommpaysim.FaultCodeBefore, Code: "999999"},
		providertest.Forbid:        {Fault: ecommpaysim.FaultCodeBefore, Code: "3261"},
	}[s]
	if !ok {
		return s == providertest.Approve || s == providertest.Pend
	}
	rule.Operation = ecommpaysim.OpPayout
	added, err := g.sim.AddRule(rule)
	if err != nil {
		g.t.Errorf("rule: %v", err)
	}
	g.rule = added.ID
	return true
}

func (g *gateSim) Buyer(provider.Call, providertest.Buyer) error {
	return errors.New("nobody buys anything")
}

func (g *gateSim) Quiet() error {
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	return g.sim.Quiesce(ctx)
}

func (g *gateSim) Effects(c provider.Call) int {
	n := 0
	for _, e := range g.sim.Ledger(ecommpaysim.LedgerFilter{Project: project, PaymentID: c.Operation.Attempt.Key}) {
		if e.Kind == ecommpaysim.KindPayout && !e.Void {
			n++
		}
	}
	return n
}

func (g *gateSim) Recorded(c provider.Call) (payment.Money, bool) {
	view, err := g.sim.Payout(project, c.Operation.Attempt.Key)
	return payment.Money{Minor: view.Amount, Currency: payment.Currency(view.Currency)}, err == nil
}

func (g *gateSim) Calls() int { return int(g.calls.Load()) }

func (g *gateSim) Callbacks() []providertest.Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]providertest.Delivery{}, g.heard...)
}

func (g *gateSim) Forge(c provider.Call) (providertest.Delivery, error) {
	g.lie(true)
	defer g.lie(false)
	_, err := g.sim.Act(project, c.Operation.Attempt.Key, ecommpaysim.ActForge, "")
	if err := errors.Join(err, g.Quiet()); err != nil {
		return providertest.Delivery{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.lies) == 0 {
		return providertest.Delivery{}, errors.New("nothing was forged")
	}
	return g.lies[len(g.lies)-1], nil
}

func (g *gateSim) lie(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lying = on
}

func (g *gateSim) ByHand(c provider.Call, _ payment.Kind, _ int64) error {
	_, err := g.sim.Act(project, c.Operation.Attempt.Key, ecommpaysim.ActTakeBack, "")
	return err
}

func (g *gateSim) Forget(c provider.Call) error {
	_, err := g.sim.Act(project, c.Operation.Attempt.Key, ecommpaysim.ActForget, "")
	return err
}
