package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/internal/servicetest"
)

const secret = "secret-of-the-project"

// rig is a broker, a Gate and a receiver, all but the worker.
type rig struct {
	t        *testing.T
	cfg      bus.Config
	broker   *bus.Bus
	sim      *ecommpaysim.Simulator
	accounts string // file
	public   string // URL of the receiver
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, cfg: bustest.Server(t)}
	bustest.Provision(t, r.cfg, bus.Topology{})
	r.broker = bustest.Connect(t, r.cfg, "test")
	var err error
	r.sim, err = ecommpaysim.New(ecommpaysim.Config{
		Projects: []ecommpaysim.Project{{ID: 818, Secret: secret}}, RelaxURLs: true, TimeScale: 100, Intermediate: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sim.Close)
	gate := httptest.NewServer(r.sim)
	t.Cleanup(gate.Close)
	r.accounts = mustAccounts(t, gate.URL)
	r.receive()
	return r
}

func mustAccounts(t *testing.T, gate string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("accounts.yaml", `
merchants:
  - id: demo
    accounts:
      - name: in
        provider: ecommpay
        endpoint: `+gate+`/
        callback_key: Endpoint0fTheProject
        settings: {project_id: 818}
        secrets: {secret: [{id: "1", ref: "file:`+write("secret", secret)+`"}]}
`)
}

// receive runs what notify-receiver is made of.
func (r *rig) receive() {
	r.t.Helper()
	accounts, err := account.Watch(r.t.Context(), r.accounts, zap.NewNop())
	if err != nil {
		r.t.Fatal(err)
	}
	parsers := callback.Parsers(providers.Parsers(accounts))
	mux := http.NewServeMux()
	callback.NewReceiver(callback.Options{Accounts: accounts, Parsers: parsers, Store: r.broker, Payments: r.broker}).Register(mux)
	server := httptest.NewServer(mux)
	r.t.Cleanup(server.Close)
	r.public = server.URL

	i := callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: accounts, Parsers: parsers, Verify: providers.NewVerifier(accounts).Callback, Ledger: r.broker,
	})
	ctx, stop := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.broker.ConsumeCallbacks(ctx, bus.ConsumeOptions{}, i.Handle) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			r.t.Errorf("interpreter: %v", err)
		}
	})
}

func (r *rig) payOut(id payment.ID, minor int64) {
	r.t.Helper()
	c := payment.Command{
		ReqID: payment.ReqID("pay-" + id), Payment: id, Merchant: "demo", Provider: payment.ECommPay, Kind: payment.Payout,
		Amount: payment.Money{Minor: minor, Currency: "INR"},
		Beneficiary: &payment.Beneficiary{
			CustomerID: "c-1", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person",
			Email: "person@example.com", Address: "1 Example Street", AccountNumber: "9100000000",
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := r.broker.Accept(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
}

// TestRun takes payouts to every end that there is: the simulator goes by the last
// digits of the amount. The refused one is told by an error callback, which only
// an inquiry can vouch for.
func TestRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := &Config{}
	s := servicetest.Start(t, name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, map[string]string{
		"NATS_URL": r.cfg.URL, "PAYLOOM_DURABILITY": bus.Laptop, "PAYLOOM_ACCOUNTS": r.accounts, "PUBLIC_URL": r.public,
	})
	s.Ready(t)
	ends := map[payment.ID]struct {
		minor int64
		state payment.State
	}{
		"paid":     {150000, payment.StatePaid},
		"declined": {150091, payment.StateDeclined},
		"refused":  {150093, payment.StateFailed},
		"reversed": {150094, payment.StateReversed},
	}
	for id, e := range ends {
		r.payOut(id, e.minor)
	}
	for id, e := range ends {
		servicetest.Eventually(t, string(id)+" is "+string(e.state), func() bool {
			p, _, err := r.broker.Find(t.Context(), "demo", id)
			return err == nil && p.State == e.state && p.Account == "in"
		})
	}
	if code := s.Stop(); code != service.ExitOK {
		t.Errorf("exit code %d:\n%s", code, s.Output())
	}
	for _, canary := range []string{secret, "Person", "person@example.com", "9100000000", "Endpoint0fTheProject"} {
		if strings.Contains(s.Output(), canary) {
			t.Errorf("the log shows %q", canary)
		}
	}
}
