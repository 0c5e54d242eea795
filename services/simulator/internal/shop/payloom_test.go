package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/pkg/worker"
	"github.com/payloom/payloom/services/internal/providers"
)

const (
	apiKey    = "key-of-the-shop"
	cipherKey = "qT7#mZ2!vK9_pL4x"
	macKey    = "h3N!8wRz_Q5u2Yc7(Tk9)Bd4[Jm6]Xe1"
)

// world is Payloom with its real broker, worker and receiver, the simulated
// Paygate, and the shop in front. Only the two HTTP APIs are stood in for: they
// keep no state, and the ledger answers for them.
type world struct {
	t      *testing.T
	broker *bus.Bus
	sim    *computopsim.Simulator
	axerve *axervesim.Simulator
	gate   *ecommpaysim.Simulator
	shop   *Shop
	api    *api
	log    *observer.ObservedLogs // of the shop
	url    string                 // of shop and simulator
}

// book is a file of accounts that does not change.
type book struct{ b *account.Book }

func (b book) Book() *account.Book { return b.b }

func mustAccounts(t *testing.T, endpoint string) book {
	t.Helper()
	text := fmt.Sprintf(`
merchants:
  - id: shop
    accounts:
      - name: eu
        provider: computop
        endpoint: %[1]s/
        callback_key: 5fVq0cTnW2rYb7Hk
        settings: {merchant_id: shop_demo}
        secrets:
          cipher: [{id: "1", ref: "env:CIPHER"}]
          mac: [{id: "1", ref: "env:MAC"}]
      - name: it
        provider: axerve
        endpoint: %[1]s/axerve/
        callback_key: 6fVq0cTnW2rYb7Hk
        settings: {shop_login: SHOP1}
        secrets: {api_key: [{id: "1", ref: "env:MAC"}]}
      - name: in
        provider: ecommpay
        endpoint: %[1]s/ecommpay/
        callback_key: 7fVq0cTnW2rYb7Hk
        settings: {project_id: 818}
        secrets: {secret: [{id: "1", ref: "env:MAC"}]}
`, endpoint)
	secrets := map[string]conf.Secret{"env:CIPHER": cipherKey, "env:MAC": macKey}
	b, err := account.Parse("accounts.yaml", []byte(text), func(ref string) (conf.Secret, error) { return secrets[ref], nil })
	if err != nil {
		t.Fatal(err)
	}
	return book{b}
}

// newWorld starts a world whose simulated time runs scale times as fast.
func newWorld(t *testing.T, scale float64) *world {
	t.Helper()
	w := &world{t: t, broker: bustest.New(t, bus.Topology{Shards: 1})}
	front, back := http.NewServeMux(), http.NewServeMux()
	shopServer, receiver := httptest.NewServer(front), httptest.NewServer(back)
	t.Cleanup(receiver.Close)
	t.Cleanup(shopServer.Close)
	w.url = shopServer.URL

	sim, err := computopsim.New(computopsim.Config{
		Merchants: []computopsim.Merchant{{ID: "shop_demo", CipherKey: cipherKey, MACKey: macKey}},
		BaseURL:   shopServer.URL, Seed: 1, RelaxURLs: true, TimeScale: scale,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	w.sim = sim
	front.Handle("/", sim)

	w.startAbroad(front, receiver.URL, scale)

	accounts := mustAccounts(t, shopServer.URL)
	w.startReceiver(back, accounts)
	w.startWorker(accounts, receiver.URL)
	w.api = &api{broker: w.broker}
	server := httptest.NewServer(w.api.handler())
	t.Cleanup(server.Close)
	w.shop, w.log = mustShop(t, shopServer.URL, server.URL)
	w.shop.Register(front)
	return w
}

// startAbroad starts the providers beside Paygate.
func (w *world) startAbroad(front *http.ServeMux, receiver string, scale float64) {
	w.t.Helper()
	to := axerve.Config{PublicURL: receiver, EndpointKey: "6fVq0cTnW2rYb7Hk"}.Responses()
	var err error
	w.axerve, err = axervesim.New(axervesim.Config{
		Shops: []axervesim.Shop{{
			Login: "SHOP1", APIKey: macKey, Separated: true, AddressWidget: true,
			PositiveURL: to.Positive, NegativeURL: to.Negative, NotifyURL: to.ServerToServer,
		}},
		BaseURL: w.url + "/axerve", Seed: 1, TimeScale: scale,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.axerve.Close)
	w.gate, err = ecommpaysim.New(ecommpaysim.Config{
		Projects: []ecommpaysim.Project{{ID: 818, Secret: macKey}}, Seed: 1, TimeScale: scale, RelaxURLs: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.gate.Close)
	front.Handle("/axerve/", http.StripPrefix("/axerve", w.axerve))
	front.Handle("/ecommpay/", http.StripPrefix("/ecommpay", w.gate))
}

func mustShop(t *testing.T, public, api string) (*Shop, *observer.ObservedLogs) {
	t.Helper()
	c := testConfig(t)
	c.IngressURL, c.QueryURL = api, api
	core, log := observer.New(zap.DebugLevel)
	s, err := New(c.WithDefaults(public), zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return s, log
}

// testConfig is a shop's configuration with the defaults that conf would load.
func testConfig(t *testing.T) Config {
	t.Helper()
	c := Config{}
	if err := conf.Load(&c, map[string]string{
		"INGRESS_URL": "http://127.0.0.1:1", "QUERY_URL": "http://127.0.0.1:1", "API_KEY": apiKey,
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) startReceiver(mux *http.ServeMux, accounts book) {
	parsers, verifier := callback.Parsers(providers.Parsers(accounts)), providers.NewVerifier(accounts)
	callback.NewReceiver(callback.Options{Accounts: accounts, Parsers: parsers, Store: w.broker, Payments: w.broker, VerifyReturn: verifier.Return}).Register(mux)
	interpreter := callback.NewInterpreter(callback.InterpreterOptions{Accounts: accounts, Parsers: parsers, Verify: verifier.Callback, Ledger: w.broker})
	w.run("interpreter", func(ctx context.Context) error {
		return w.broker.ConsumeCallbacks(ctx, bus.ConsumeOptions{Concurrency: 4}, interpreter.Handle)
	})
}

func (w *world) startWorker(accounts book, public string) {
	for _, p := range payment.Providers() {
		work := worker.New(worker.Options{
			Ledger: w.broker, Timers: w.broker, Provider: providers.Router(accounts, p, public), Validate: wire.Validate,
			Account: providers.AccountName(accounts), Log: zap.NewNop(),
		})
		w.run("worker of "+string(p), func(ctx context.Context) error {
			return w.broker.ConsumeCommands(ctx, p, bus.ConsumeOptions{Concurrency: 4}, work.Handle)
		})
	}
}

// run runs a part of Payloom until the test is over.
func (w *world) run(name string, part func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := part(ctx); err != nil && ctx.Err() == nil {
			w.t.Errorf("%s: %v", name, err)
		}
	})
	w.t.Cleanup(func() { stop(); done.Wait() })
}

// payment returns a payment as the ledger has it.
func (w *world) payment(id string) payment.Payment {
	w.t.Helper()
	p, found, err := w.broker.Find(w.t.Context(), "shop", payment.ID(id))
	if err != nil || !found {
		w.t.Fatalf("payment %s: found %v, %v", id, found, err)
	}
	return p
}

// api stands in for ingress and state-tracker.
type api struct {
	broker *bus.Bus
	mu     sync.Mutex
	opened map[string]int // commands that open a payment, by Idempotency-Key
	down   bool           // answers 503
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments", a.command(payment.Authorize))
	mux.HandleFunc("POST /v1/payouts", a.command(payment.Payout))
	for path, kind := range map[string]payment.Kind{
		"amount": payment.UpdateAmount, "captures": payment.Capture, "refunds": payment.Refund, "cancel": payment.Cancel,
	} {
		mux.HandleFunc("POST /v1/payments/{id}/"+path, a.command(kind))
	}
	mux.HandleFunc("GET /v1/payments/{id}", a.payment)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+apiKey:
			refuse(w, http.StatusUnauthorized)
		case a.isDown():
			refuse(w, http.StatusServiceUnavailable)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func (a *api) setDown(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

func (a *api) isDown() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.down
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status})
}

// body is every member that the shop may send.
type body struct {
	opening
	Reason      string       `json:"reason"`
	Beneficiary *beneficiary `json:"beneficiary"`
}

func (a *api) command(kind payment.Kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in body
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		key := payment.ReqID(r.Header.Get("Idempotency-Key"))
		if dec.Decode(&in) != nil || key.Validate() != nil {
			refuse(w, http.StatusBadRequest)
			return
		}
		c := in.command(kind, key, r.PathValue("id"))
		if !kind.Opens() {
			// Ingress looks it up as well.
			if p, found, err := a.broker.Find(r.Context(), "shop", c.Payment); err == nil && found {
				c.Provider = p.Provider
			}
		}
		if err := wire.Validate(c); err != nil {
			refuse(w, http.StatusBadRequest)
			return
		}
		stored, _, err := a.broker.Accept(r.Context(), c)
		switch {
		case errors.Is(err, bus.ErrReqIDReused):
			refuse(w, http.StatusUnprocessableEntity)
			return
		case err != nil:
			refuse(w, http.StatusServiceUnavailable)
			return
		}
		a.count(kind, string(key))
		answer(w, http.StatusAccepted, map[string]any{"command_id": stored.ID, "payment_id": stored.Payment, "status": "accepted"})
	}
}

func (a *api) count(kind payment.Kind, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if kind == payment.Authorize {
		if a.opened == nil {
			a.opened = map[string]int{}
		}
		a.opened[key]++
	}
}

func (in body) command(kind payment.Kind, key payment.ReqID, id string) payment.Command {
	c := payment.Command{
		ID: payment.DeriveCommandID("shop", key), Merchant: "shop", ReqID: key, Kind: kind, Provider: payment.Provider(in.Provider),
		Payment: payment.ID(id), Description: in.Description + in.Reason,
	}
	if in.Amount.Currency != "" {
		c.Amount = in.Amount.Plain()
	}
	if kind.Opens() {
		c.Payment = payment.ID(in.PaymentID)
	}
	if b := in.Beneficiary; b != nil {
		to := payment.Beneficiary(*b)
		c.Beneficiary = &to
	}
	if kind == payment.Authorize {
		c.Authorization = &payment.Authorization{
			Method: payment.Method(in.Method), Capture: payment.CaptureMode(in.Capture), Country: in.Country,
			Return: payment.ReturnURLs{
				Success: in.ReturnURLs.Success, Failure: in.ReturnURLs.Failure, Cancel: in.ReturnURLs.Cancel, Review: in.ReturnURLs.Review,
			},
		}
	}
	return c
}

// payment answers as the query API does, long poll included.
func (a *api) payment(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.URL.Query().Get("after_version"), 10, 64)
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait"))
	for end := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		p, found, err := a.broker.Find(r.Context(), "shop", payment.ID(r.PathValue("id")))
		switch {
		case err != nil:
			refuse(w, http.StatusServiceUnavailable)
			return
		case !found:
			refuse(w, http.StatusNotFound)
			return
		case p.Version > after || time.Now().After(end) || r.Context().Err() != nil:
			answer(w, http.StatusOK, shown(p))
			return
		}
	}
}

// shown is a payment in the JSON of the query API.
func shown(p payment.Payment) paid {
	out := paid{
		ID: string(p.ID), State: p.State, Version: p.Version, Amount: moneyOf(p.Amount),
		Authorized: p.Authorized, Captured: p.Captured, Refunded: p.Refunded,
	}
	switch p.State {
	case payment.StateAuthorized, payment.StatePartiallyCaptured:
		out.Capturable, out.Refundable = p.Capturable(), p.Refundable()
	case payment.StateCaptured, payment.StatePartiallyRefunded:
		out.Refundable = p.Refundable()
	default:
	}
	if a := p.Action; a != nil {
		out.Action = &action{Type: a.Type, URL: a.URL, Payload: a.Payload, Signature: a.Signature, PublicKeyID: a.PublicKeyID, SessionID: a.SessionID}
	}
	if b := p.Buyer; b != nil {
		out.Buyer = &buyer{Name: b.Name, Email: b.Email, Phone: b.Phone, Instrument: b.Instrument, Shipping: shownAddress(b.Shipping), Billing: shownAddress(b.Billing)}
	}
	for _, o := range p.Operations {
		out.Operations = append(out.Operations, operation{CommandID: string(o.ID), Kind: o.Kind, Status: o.Status, Amount: moneyOf(o.Amount), Reason: o.Reason})
	}
	for _, id := range p.Rejected {
		// The query API knows the reason too; the ledger's last event does not.
		out.Operations = append(out.Operations, operation{CommandID: string(id), Status: payment.OpRejected})
	}
	return out
}

func shownAddress(a *payment.Address) *address {
	if a == nil {
		return nil
	}
	return &address{Name: a.Name, Lines: a.Lines, City: a.City, Region: a.Region, PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone}
}
