package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/internal/servicetest"
)

const (
	login  = "GESPAY00042"
	apiKey = "key-of-the-shop"
	front  = "https://shop.example/"
)

// rig is a broker, a gateway and a receiver, all but the worker.
type rig struct {
	t        *testing.T
	cfg      bus.Config
	broker   *bus.Bus
	sim      *axervesim.Simulator
	accounts string // file
	public   string // URL of the receiver
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, cfg: bustest.Server(t)}
	bustest.Provision(t, r.cfg, bus.Topology{})
	r.broker = bustest.Connect(t, r.cfg, "test")
	// The gateway calls addresses that a person enters beforehand, so the
	// receiver's must be known first, and what it is made of later.
	receiver := http.NewServeMux()
	front := httptest.NewServer(receiver)
	t.Cleanup(front.Close)
	r.public = front.URL
	var err error
	r.sim, err = axervesim.New(axervesim.Config{TimeScale: 60, Shops: []axervesim.Shop{{
		Login: login, APIKey: apiKey, Separated: true, AddressWidget: true,
		PositiveURL: r.public + "/returns/axerve/Endpoint0fTheHostedPage/success",
		NegativeURL: r.public + "/returns/axerve/Endpoint0fTheHostedPage/failure",
		NotifyURL:   r.public + "/callbacks/axerve/Endpoint0fTheHostedPage",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sim.Close)
	gateway := httptest.NewServer(r.sim)
	t.Cleanup(gateway.Close)
	if err := r.sim.SetBaseURL(gateway.URL); err != nil {
		t.Fatal(err)
	}
	r.accounts = mustAccounts(t, gateway.URL)
	r.receive(receiver)
	return r
}

func mustAccounts(t *testing.T, gateway string) string {
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
      - name: hosted
        provider: axerve
        endpoint: `+gateway+`/
        callback_key: Endpoint0fTheHostedPage
        settings: {shop_login: `+login+`}
        secrets: {api_key: [{id: "1", ref: "file:`+write("key", apiKey)+`"}]}
`)
}

// receive runs what notify-receiver is made of.
func (r *rig) receive(mux *http.ServeMux) {
	r.t.Helper()
	accounts, err := account.Watch(r.t.Context(), r.accounts, zap.NewNop())
	if err != nil {
		r.t.Fatal(err)
	}
	parsers, verifier := callback.Parsers(providers.Parsers(accounts)), providers.NewVerifier(accounts)
	callback.NewReceiver(callback.Options{
		Accounts: accounts, Parsers: parsers, Store: r.broker, Payments: r.broker, VerifyReturn: verifier.Return,
	}).Register(mux)
	i := callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: accounts, Parsers: parsers, Verify: verifier.Callback, Ledger: r.broker,
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

func (r *rig) work() *servicetest.Service {
	r.t.Helper()
	cfg := &Config{}
	s := servicetest.Start(r.t, name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, map[string]string{
		"NATS_URL": r.cfg.URL, "PAYLOOM_DURABILITY": bus.Laptop, "PAYLOOM_ACCOUNTS": r.accounts, "PUBLIC_URL": r.public,
	})
	s.Ready(r.t)
	return s
}

func (r *rig) accept(c payment.Command) {
	r.t.Helper()
	c.Merchant, c.Provider = "demo", payment.Axerve
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := r.broker.Accept(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
}

// reaches waits until the payment is in state s.
func (r *rig) reaches(id payment.ID, s payment.State) payment.Payment {
	r.t.Helper()
	return r.becomes(id, string(s), func(p payment.Payment) bool { return p.State == s })
}

func (r *rig) becomes(id payment.ID, what string, ok func(payment.Payment) bool) payment.Payment {
	r.t.Helper()
	var p payment.Payment
	servicetest.Eventually(r.t, string(id)+" is "+what, func() bool {
		var err error
		p, _, err = r.broker.Find(r.t.Context(), "demo", id)
		return err == nil && ok(p)
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

func (r *rig) decide(id string, d axervesim.Decision) axervesim.Visit {
	r.t.Helper()
	seen, err := r.sim.Decide(login, id, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return seen
}

func euros(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

func page(id payment.ID, minor int64, series *payment.Recurring) payment.Command {
	return payment.Command{
		ReqID: payment.ReqID("open-" + id), Payment: id, Kind: payment.Authorize, Amount: euros(minor),
		Authorization: &payment.Authorization{
			Method: payment.Redirect, Recurring: series,
			Return: payment.ReturnURLs{Success: front + "done", Failure: front + "failed"},
		},
	}
}

// TestRun takes payments all the way: by page, by order reference and by mandate;
// captured, given back and given up; declined and abandoned.
func TestRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.work()

	r.accept(page("order-1", 4990, nil))
	p := r.reaches("order-1", payment.StateRequiresAction)
	if p.Action == nil || p.Action.Type != payment.ActionRedirect || p.Account != "hosted" {
		t.Errorf("action %v at account %q, want a redirect at hosted", p.Action, p.Account)
	}
	if to := r.visit(r.decide("order-1", axervesim.Approve).ReturnURL); to != front+"done?payment_id=order-1&result=success" {
		t.Errorf("the return leads to %q", to)
	}
	p = r.reaches("order-1", payment.StateAuthorized)
	if p.Buyer == nil || p.Buyer.Shipping == nil {
		t.Error("the buyer's address is not known")
	}
	r.accept(payment.Command{ReqID: "capture", Payment: "order-1", Kind: payment.Capture, Amount: euros(4990)})
	r.reaches("order-1", payment.StateCaptured)
	r.accept(payment.Command{ReqID: "again", Payment: "order-1", Kind: payment.Capture, Amount: euros(1)})
	r.accept(payment.Command{ReqID: "refund", Payment: "order-1", Kind: payment.Refund, Amount: euros(1500), Description: "One item (of two)"})
	if p := r.reaches("order-1", payment.StatePartiallyRefunded); p.Refunded != 1500 || p.Frozen != "" {
		t.Errorf("refunded %d, frozen %q", p.Refunded, p.Frozen)
	}

	r.accept(page("order-2", 1000, nil))
	r.reaches("order-2", payment.StateRequiresAction)
	if to := r.visit(r.decide("order-2", axervesim.Abandon).ReturnURL); to != front+"failed?payment_id=order-2&result=failure" {
		t.Errorf("the return leads to %q", to)
	}
	r.reaches("order-2", payment.StateFailed)

	r.accept(page("order-3", 1000, nil))
	r.reaches("order-3", payment.StateRequiresAction)
	r.decide("order-3", axervesim.Decline)
	r.reaches("order-3", payment.StateDeclined)

	r.accept(payment.Command{
		ReqID: "widget", Payment: "order-4", Kind: payment.Authorize, Amount: euros(12000),
		Authorization: &payment.Authorization{Method: payment.OrderReference, OrderRef: "S02-7654321-1234567"},
	})
	r.reaches("order-4", payment.StateAuthorized)
	r.accept(payment.Command{ReqID: "cancel", Payment: "order-4", Kind: payment.Cancel, Description: "order cancelled"})
	r.reaches("order-4", payment.StateCancelled)
	if code := s.Stop(); code != service.ExitOK {
		t.Errorf("exit code %d:\n%s", code, s.Output())
	}
	r.checkEffects(map[axervesim.Kind]int{
		axervesim.KindAuthorize: 2, axervesim.KindCapture: 1, axervesim.KindRefund: 1, axervesim.KindCancel: 1,
	})
}

func TestRun_Mandates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.work()
	r.accept(page("first", 999, &payment.Recurring{Cycle: payment.Month, Interval: 1}))
	r.accept(page("agreement", 100, &payment.Recurring{Cycle: payment.Month, Interval: 1, Only: true}))
	r.reaches("first", payment.StateRequiresAction)
	r.reaches("agreement", payment.StateRequiresAction)
	r.decide("first", axervesim.Approve)
	r.decide("agreement", axervesim.Approve)
	signed := func(p payment.Payment) bool { return p.Mandate != nil }
	r.reaches("first", payment.StateAuthorized)
	r.reaches("agreement", payment.StateAgreed)
	for _, id := range []payment.ID{"first", "agreement"} {
		m := r.becomes(id, "a mandate", signed).Mandate
		next := id + "-next"
		r.accept(payment.Command{
			ReqID: payment.ReqID(next), Payment: next, Kind: payment.Authorize, Amount: euros(999),
			Authorization: &payment.Authorization{Method: payment.MandateCharge, Mandate: m.ID},
		})
		r.reaches(next, payment.StateAuthorized)
	}
	r.checkEffects(map[axervesim.Kind]int{axervesim.KindAuthorize: 3, axervesim.KindMandate: 2})
}

// TestRun_QueuedCapture has a settle fail technically and run the next night: it
// is waited for, and not sent again.
func TestRun_QueuedCapture(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.work()
	r.accept(page("order-1", 4990, nil))
	r.reaches("order-1", payment.StateRequiresAction)
	r.decide("order-1", axervesim.Approve)
	r.reaches("order-1", payment.StateAuthorized)
	if _, err := r.sim.AddRule(axervesim.Rule{Operation: axervesim.OpSettle, Fault: axervesim.FaultQueued}); err != nil {
		t.Fatal(err)
	}
	r.accept(payment.Command{ReqID: "capture", Payment: "order-1", Kind: payment.Capture, Amount: euros(4990)})
	r.becomes("order-1", "to be captured", func(p payment.Payment) bool {
		op, ok := p.Unsettled(payment.Capture)
		return ok && op.Status == payment.OpPending
	})
	if err := r.sim.Night(login, "order-1"); err != nil {
		t.Fatal(err)
	}
	r.reaches("order-1", payment.StateCaptured)
	r.checkEffects(map[axervesim.Kind]int{axervesim.KindAuthorize: 1, axervesim.KindCapture: 1})
}

// checkEffects compares what the gateway's own ledger counts.
func (r *rig) checkEffects(want map[axervesim.Kind]int) {
	r.t.Helper()
	got := map[axervesim.Kind]int{}
	for _, e := range r.sim.Ledger(axervesim.LedgerFilter{Shop: login}) {
		got[e.Kind]++
	}
	for _, kind := range []axervesim.Kind{
		axervesim.KindAuthorize, axervesim.KindCapture, axervesim.KindCharge, axervesim.KindRefund, axervesim.KindCancel, axervesim.KindMandate,
	} {
		if got[kind] != want[kind] {
			r.t.Errorf("%s took effect %d times, want %d", kind, got[kind], want[kind])
		}
	}
}
