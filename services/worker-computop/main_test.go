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
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/internal/servicetest"
)

const (
	macKey    = "mac-key-of-the-account"
	cipherKey = "cipherkey-16byte"
	shop      = "https://shop.example/"
)

// rig is a broker, a Paygate and a receiver, all but the worker.
type rig struct {
	t        *testing.T
	cfg      bus.Config
	broker   *bus.Bus
	sim      *computopsim.Simulator
	accounts string // file
	public   string // URL of the receiver
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, cfg: bustest.Server(t)}
	bustest.Provision(t, r.cfg, bus.Topology{})
	r.broker = bustest.Connect(t, r.cfg, "test")
	var err error
	r.sim, err = computopsim.New(computopsim.Config{
		RelaxURLs: true, TimeScale: 60,
		Merchants: []computopsim.Merchant{{ID: "demo_mid", CipherKey: cipherKey, MACKey: macKey}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sim.Close)
	paygate := httptest.NewServer(r.sim)
	t.Cleanup(paygate.Close)
	if err := r.sim.SetBaseURL(paygate.URL); err != nil {
		t.Fatal(err)
	}
	r.accounts = mustAccounts(t, paygate.URL)
	r.receive()
	return r
}

func mustAccounts(t *testing.T, paygate string) string {
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
      - name: eu
        provider: computop
        endpoint: `+paygate+`/
        callback_key: Endpoint0fTheLiveAccount
        settings: {merchant_id: demo_mid}
        secrets:
          mac: [{id: "1", ref: "file:`+write("mac", macKey)+`"}]
          cipher: [{id: "1", ref: "file:`+write("cipher", cipherKey)+`"}]
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

	i := callback.NewInterpreter(callback.InterpreterOptions{Accounts: accounts, Parsers: parsers, Ledger: r.broker})
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

func (r *rig) accept(c payment.Command) {
	r.t.Helper()
	c.Merchant, c.Provider = "demo", payment.Computop
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := r.broker.Accept(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
}

// reaches waits until the payment is in state s.
func (r *rig) reaches(id payment.ID, s payment.State) payment.Payment {
	r.t.Helper()
	var p payment.Payment
	servicetest.Eventually(r.t, string(id)+" is "+string(s), func() bool {
		var err error
		p, _, err = r.broker.Find(r.t.Context(), "demo", id)
		return err == nil && p.State == s
	})
	return p
}

// visit has the buyer's browser go to url and returns where it is sent.
func (r *rig) visit(url string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.Header.Get("Location")
}

func euros(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

// TestRun takes one payment all the way: the worker opens it at the simulated
// Paygate, the buyer reviews and confirms, the notify comes, the money is
// captured and part of it given back.
func TestRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := &Config{}
	s := servicetest.Start(t, name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, map[string]string{
		"NATS_URL": r.cfg.URL, "PAYLOOM_DURABILITY": bus.Laptop, "PAYLOOM_ACCOUNTS": r.accounts, "PUBLIC_URL": r.public,
	})
	s.Ready(t)

	r.accept(payment.Command{
		ReqID: "open", Payment: "order-1", Kind: payment.Authorize, Amount: euros(12990), Description: "Order 1",
		Authorization: &payment.Authorization{
			Method: payment.Button, Capture: payment.CaptureManual, Country: "EU",
			Return: payment.ReturnURLs{Success: shop + "done", Failure: shop + "failed", Cancel: shop + "cancelled", Review: shop + "review"},
		},
	})
	p := r.reaches("order-1", payment.StateRequiresAction)
	if p.Action == nil || p.Action.Type != payment.ActionButton || p.Account != "eu" {
		t.Errorf("action %v at account %q, want a button at eu", p.Action != nil, p.Account)
	}

	seen, err := r.sim.Decide("demo_mid", "order-1", computopsim.Review)
	if err != nil {
		t.Fatal(err)
	}
	if to := r.visit(seen.ReviewURL); to != shop+"review?payment_id=order-1&result=review" {
		t.Errorf("the review leads to %q", to)
	}
	servicetest.Eventually(t, "the buyer's address is known", func() bool {
		p, _, err := r.broker.Find(t.Context(), "demo", "order-1")
		return err == nil && p.Buyer != nil && p.Buyer.Shipping != nil && p.Action != nil && p.Action.Type == payment.ActionReview
	})
	seen, err = r.sim.Decide("demo_mid", "order-1", computopsim.Approve)
	if err != nil {
		t.Fatal(err)
	}
	if to := r.visit(seen.ReturnURL); to != shop+"done?payment_id=order-1&result=success" {
		t.Errorf("the return leads to %q", to)
	}
	r.reaches("order-1", payment.StateAuthorized)

	r.accept(payment.Command{ReqID: "capture", Payment: "order-1", Kind: payment.Capture, Amount: euros(12990)})
	r.reaches("order-1", payment.StateCaptured)
	r.accept(payment.Command{ReqID: "refund", Payment: "order-1", Kind: payment.Refund, Amount: euros(990), Description: "One item"})
	if p := r.reaches("order-1", payment.StatePartiallyRefunded); p.Refunded != 990 || p.Frozen != "" {
		t.Errorf("refunded %d, frozen %q", p.Refunded, p.Frozen)
	}
	if code := s.Stop(); code != service.ExitOK {
		t.Errorf("exit code %d:\n%s", code, s.Output())
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"no public URL":      {map[string]string{"PAYLOOM_ACCOUNTS": "a"}, "PUBLIC_URL is not set"},
		"a path for a URL":   {map[string]string{"PAYLOOM_ACCOUNTS": "a", "PUBLIC_URL": "/notify"}, "PUBLIC_URL must be a URL"},
		"nothing in hand":    {map[string]string{"PAYLOOM_ACCOUNTS": "a", "PUBLIC_URL": "https://n.example", "CONCURRENCY": "0"}, "CONCURRENCY is 0"},
		"no file at all":     {map[string]string{"PAYLOOM_ACCOUNTS": "/none.yaml", "PUBLIC_URL": "https://n.example"}, "no such file"},
		"no accounts either": {map[string]string{"PUBLIC_URL": "https://n.example"}, "PAYLOOM_ACCOUNTS is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := &Config{}
			s := servicetest.Start(t, name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, c.env)
			if code := s.Wait(); code != service.ExitError || !strings.Contains(s.Output(), c.want) {
				t.Errorf("exit code %d: %s", code, s.Output())
			}
		})
	}
}
