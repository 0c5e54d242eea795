package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/provider/simkit"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// standing is what payctl provider status says of one line.
type standing struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	Mode     string `json:"mode"`
	Reason   string `json:"reason"`
	Breaker  string `json:"breaker"`
	Waiting  int    `json:"waiting"`
	Flight   int    `json:"in_flight"`
}

// standingOf asks how a provider, or an account at one, stands.
func standingOf(t *testing.T, s *stack.Stack, provider, account string) standing {
	t.Helper()
	all := read[struct{ Providers []standing }](t, s, "provider", "status")
	for _, one := range all.Providers {
		if one.Provider == provider && one.Account == account {
			return one
		}
	}
	return standing{}
}

func (x *abroad) mustPay(id string) {
	x.Helper()
	x.mustSend("/v1/payouts", api.Payout{
		PaymentID: id, Provider: "ecommpay", Amount: api.Money{Value: 150000, Currency: "INR"}, Description: "test",
		Beneficiary: api.Beneficiary{
			CustomerID: "c-1", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person",
			Email: "person@example.com", Address: "1 Example Street, Example Town", AccountNumber: "9100000000",
		},
	})
}

// TestProvider_PauseStopsOneProvider: while ECommPay is paused no payout is made,
// payments at Computop go on, and a worker that restarts keeps to it; after the
// resume every payout is made, once.
func TestProvider_PauseStopsOneProvider(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Dir: t.TempDir()})
	x := newAbroad(t, s)
	x.mustPay("out-before")
	x.mustReach("out-before", "paid")
	if _, notes := payctl(t, s, 2, "provider", "pause", "ecommpay"); notes == "" {
		t.Error("a pause without a reason is not refused")
	}
	payctl(t, s, 0, "provider", "pause", "ecommpay", "--reason", "maintenance", "--actor", "tester")
	for i := range 5 {
		x.mustPay(fmt.Sprintf("out-%d", i))
	}
	if err := s.KillWorkers(stack.ECommPay); err != nil {
		t.Fatal(err)
	}
	x.mustOpen("order-1", "automatic", "captured", nil)
	time.Sleep(3 * time.Second) // for a worker that does not keep to it
	for i := range 5 {
		if n := x.payouts(fmt.Sprintf("out-%d", i)); n != 0 {
			t.Errorf("out-%d was paid while paused", i)
		}
	}
	if got := standingOf(t, s, "ecommpay", ""); got.Mode != "paused" || got.Reason != "maintenance" || got.Waiting != 5 {
		t.Errorf("status: %+v", got)
	}
	x.mustShow("/readyz?verbose", "ecommpay is paused since ")
	x.mustShow("/metrics", `payloom_paused{account="",merchant="",mode="paused",provider="ecommpay"} 1`)
	resumed := time.Now()
	payctl(t, s, 0, "provider", "resume", "ecommpay", "--reason", "over", "--actor", "tester")
	for i := range 5 {
		id := fmt.Sprintf("out-%d", i)
		if x.mustReach(id, "paid"); x.payouts(id) != 1 {
			t.Errorf("%s was paid %d times", id, x.payouts(id))
		}
	}
	t.Logf("all were paid %s after the resume", time.Since(resumed).Round(time.Millisecond))
	// A drain finishes what is there and lets nothing else begin.
	payctl(t, s, 0, "provider", "drain", "ecommpay", "--account", "demo/in", "--reason", "moving", "--actor", "tester")
	x.mustPay("out-late")
	time.Sleep(2 * time.Second)
	if n := x.payouts("out-late"); n != 0 {
		t.Error("a payout was begun while its account was drained")
	}
	payctl(t, s, 0, "provider", "resume", "ecommpay", "--account", "demo/in", "--reason", "moved", "--actor", "tester")
	x.mustReach("out-late", "paid")
	audit, _ := payctl(t, s, 0, "audit", "list")
	for _, action := range []string{"provider.pause", "provider.resume", "provider.drain"} {
		if !strings.Contains(audit, action) {
			t.Errorf("the audit does not know of %s:\n%s", action, audit)
		}
	}
	checkVerified(t, s)
}

// TestProvider_BreakerOpensAndClosesByAsking: ECommPay executes four payouts and
// answers none, and answers no question either. The account is left alone until a
// question is answered; no payout is tried to find out.
func TestProvider_BreakerOpensAndClosesByAsking(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Dir: t.TempDir(), Env: map[string]string{
		"BREAKER_MIN_CALLS": "4", "BREAKER_OPEN": "2s", "BREAKER_WINDOW": "1m",
	}})
	x := newAbroad(t, s)
	var outage []int
	for _, r := range []ecommpaysim.Rule{
		{Operation: ecommpaysim.OpPayout, Fault: simkit.FaultResetAfter}, {Operation: ecommpaysim.OpStatus, Fault: simkit.FaultUnavailable},
		{Operation: ecommpaysim.OpCallbackSuccess, Fault: simkit.FaultVanish}, {Operation: ecommpaysim.OpCallbackProcessing, Fault: simkit.FaultVanish},
	} {
		added, err := x.ecommpay.AddRule(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		outage = append(outage, added.ID)
	}
	for i := range 4 {
		x.mustPay(fmt.Sprintf("lost-%d", i))
	}
	testkit.Eventually(t, time.Minute, func() error {
		if got := standingOf(t, s, "ecommpay", "in"); got.Breaker != "open" && got.Breaker != "half_open" {
			return fmt.Errorf("the breaker is %q", got.Breaker)
		}
		return nil
	})
	for i := range 6 {
		x.mustPay(fmt.Sprintf("waits-%d", i))
	}
	time.Sleep(8 * time.Second) // of an outage: several trials
	if hits := x.hits(outage[0]); hits != 4 {
		t.Errorf("%d payouts were tried, want the four that opened the breaker", hits)
	}
	if hits := x.hits(outage[1]); hits == 0 {
		t.Error("nobody asked")
	}
	if _, notes := payctl(t, s, 1, "provider", "drain", "ecommpay", "--wait", "2s", "--reason", "moving", "--actor", "tester"); !strings.Contains(notes, "4 operation(s) of ecommpay are still in flight") {
		t.Errorf("a drain that cannot end says %q", notes)
	}
	payctl(t, s, 0, "provider", "resume", "ecommpay", "--reason", "staying", "--actor", "tester")
	healed := time.Now()
	for _, id := range outage {
		if err := x.ecommpay.RemoveRule(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"lost-0", "lost-1", "lost-2", "lost-3", "waits-0", "waits-1", "waits-2", "waits-3", "waits-4", "waits-5"} {
		if x.mustReach(id, "paid"); x.payouts(id) != 1 {
			t.Errorf("%s was paid %d times", id, x.payouts(id))
		}
	}
	t.Logf("all were paid %s after the outage", time.Since(healed).Round(time.Millisecond))
	if got := standingOf(t, s, "ecommpay", "in"); got.Breaker != "closed" {
		t.Errorf("the breaker is %q after all was paid", got.Breaker)
	}
	checkVerified(t, s)
}

// mustShow checks that one of the services tells something at its admin address.
func (x *abroad) mustShow(path, want string) {
	x.Helper()
	for _, url := range x.stack.Metrics() {
		req, err := http.NewRequestWithContext(x.Context(), http.MethodGet, strings.TrimSuffix(url, "/metrics")+path, nil)
		if err != nil {
			x.Fatal(err)
		}
		res, err := (&http.Client{}).Do(req)
		if err != nil {
			x.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err == nil && strings.Contains(string(text), want) {
			return
		}
	}
	x.Errorf("nobody shows %q at %s", want, path)
}

// hits returns how often a rule has applied.
func (x *abroad) hits(id int) int {
	x.Helper()
	rules, err := x.ecommpay.Rules(x.Context())
	if err != nil {
		x.Fatal(err)
	}
	for _, r := range rules {
		if r.ID == id {
			return r.Hits
		}
	}
	x.Fatalf("rule %d is gone", id)
	return 0
}
