package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// planted is what a test puts into every personal field, and what the simulators
// tell of their buyers: none of it may be found in clear.
var planted = []verify.Canary{
	{Name: "a description", Text: "canary description of a loom"},
	{Name: "a return address", Text: "canary-buyer-4711"},
	{Name: "a first name", Text: "Canaryfirst"},
	{Name: "a last name", Text: "Canarylast"},
	{Name: "an e-mail", Text: "canary.person@example.com"},
	{Name: "a street", Text: "9 Canary Street"},
	{Name: "a customer", Text: "canary-customer-1"},
	{Name: "an address on the internet", Text: "203.0.113.77"},
	{Name: "a wallet's number", Text: "919876543210"},
	{Name: "a bank account", Text: "DE89370400440532013000"},
	{Name: "a card", Text: "4111111111111111"},
	{Name: "the buyer's name", Text: "Test Buyer"},
	{Name: "the buyer's street in Bamberg", Text: "Große Gasse"},
	{Name: "the buyer's phone", Text: "+49 951 0000000"},
	{Name: "the buyer's street in Torino", Text: "dell'Esempio 7"},
	{Name: "the buyer's e-mail", Text: "buyer@example.org"},
	{Name: "the buyer's instrument", Text: "**** 1111 (Amazon Pay)"},
}

// collector takes what services export of traces.
type collector struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.Copy(&c.all, body) // what is cut off was exported badly
}

func (c *collector) spans() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.all.Bytes())
}

// shopper drives payments that are full of personal data.
type shopper struct {
	t        *testing.T
	ctx      context.Context
	s        *stack.Stack
	client   *api.Client
	computop *api.Computop
	axerve   *api.Axerve
}

func (p shopper) send(path, key string, body any) {
	p.t.Helper()
	if _, err := p.client.Send(p.ctx, path, key, body); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
}

func (p shopper) reach(id, state string) {
	p.t.Helper()
	_, err := p.client.Await(p.ctx, id, func(got api.Payment) (bool, error) { return got.State == state, nil })
	if err != nil {
		p.t.Fatalf("payment %s does not become %s: %v", id, state, err)
	}
}

func (p shopper) open(id, provider, method string) {
	p.t.Helper()
	back := &api.Return{Success: "https://shop.example/done?b=canary-buyer-4711", Failure: "https://shop.example/failed?b=canary-buyer-4711"}
	if provider == "computop" {
		back.Review = "https://shop.example/review?b=canary-buyer-4711"
	}
	body := api.Open{
		PaymentID: id, Provider: provider, Method: method, Amount: api.Money{Value: 4999, Currency: "EUR"}, Reference: "demo",
		Description: "canary description of a loom", Return: back,
	}
	if provider == "computop" {
		body.Country, body.Capture = "EU", "manual"
	}
	p.send("/v1/payments", "open-"+id, body)
	p.reach(id, "requires_action")
}

func (p shopper) buy() {
	p.t.Helper()
	p.open("bought", "computop", "button")
	p.review("bought")
	if err := p.computop.Decide(p.ctx, "bought", computopsim.Approve); err != nil {
		p.t.Fatal(err)
	}
	p.reach("bought", "authorized")
	rule := computopsim.Rule{Operation: computopsim.OpCapture, TransID: "bought", Fault: computopsim.FaultResetAfter, Count: 1}
	if _, err := p.computop.AddRule(p.ctx, rule); err != nil {
		p.t.Fatal(err)
	}
	amount := &api.Money{Value: 4999, Currency: "EUR"}
	p.send("/v1/payments/bought/captures", "capture-bought", api.FollowUp{Amount: amount, Description: "canary description of a loom"})
	p.reach("bought", "captured")
	p.send("/v1/payments/bought/refunds", "refund-bought", api.FollowUp{Amount: amount, Description: "canary description of a loom"})
	p.reach("bought", "refunded")

	p.open("declined", "computop", "button")
	if err := p.computop.Decide(p.ctx, "declined", computopsim.Decline); err != nil {
		p.t.Fatal(err)
	}
	p.reach("declined", "declined")
}

// review has the buyer pick an address, and comes back to the shop as the browser
// does: that is how the address is told.
func (p shopper) review(id string) {
	p.t.Helper()
	var visit computopsim.Visit
	if err := json.Unmarshal(p.knock(p.s.URLs().Simulator+"/control/computop/payments/"+id+"/review", ""), &visit); err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.ctx, http.MethodGet, visit.ReviewURL, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("the browser is answered %d", res.StatusCode)
	}
}

func (p shopper) buyAtAxerve() {
	p.t.Helper()
	p.open("paged", "axerve", "redirect")
	if _, err := p.axerve.Decide(p.ctx, "paged", axervesim.Approve); err != nil {
		p.t.Fatal(err)
	}
	p.reach("paged", "authorized")
	p.send("/v1/payments", "open-widget", api.Open{
		PaymentID: "widget", Provider: "axerve", Account: "it-unified", Method: "order_reference", OrderRef: "S02-1234567-1234567",
		Amount: api.Money{Value: 2600, Currency: "EUR"}, Reference: "demo", Description: "canary description of a loom",
	})
	p.reach("widget", "captured")
}

func (p shopper) payOut() {
	p.t.Helper()
	p.send("/v1/payouts", "payout-1", payoutOf("paid-out"))
	p.reach("paid-out", "paid")
}

func payoutOf(id string) api.Payout {
	return api.Payout{
		PaymentID: id, Provider: "ecommpay", Amount: api.Money{Value: 10000, Currency: "INR"}, Description: "canary description of a loom",
		Beneficiary: api.Beneficiary{
			CustomerID: "canary-customer-1", IPAddress: "203.0.113.77", FirstName: "Canaryfirst", LastName: "Canarylast",
			Email: "canary.person@example.com", Address: "9 Canary Street, DE89370400440532013000", AccountNumber: "919876543210",
		},
	}
}

// blunder sends what is refused, and returns all that the answers say.
func (p shopper) blunder() []byte {
	p.t.Helper()
	wrong := payoutOf("wrong")
	wrong.Beneficiary.Email = "canary.person@example.com and more"
	wrong.Beneficiary.AccountNumber = "919876543210x"
	card := payoutOf("card")
	card.Description = "canary description of a loom, card 4111111111111111"
	other := payoutOf("paid-out")
	other.Beneficiary.LastName = "Canarylast of another"
	var said bytes.Buffer
	for key, body := range map[string]any{"wrong-1": wrong, "card-1": card, "payout-1": other, "Canarylast": "no object"} {
		_, err := p.client.Send(p.ctx, "/v1/payouts", key, body)
		problem, ok := errors.AsType[*api.Problem](err)
		if !ok {
			p.t.Errorf("%s was not refused: %v", key, err)
			continue
		}
		text, err := json.Marshal(problem)
		if err != nil {
			p.t.Fatal(err)
		}
		said.Write(text)
		said.WriteString(problem.Error())
	}
	for _, path := range []string{"/callbacks/computop/nobody?name=Canarylast", "/returns/axerve/nobody/success?email=canary.person@example.com"} {
		said.Write(p.knock(p.s.URLs().Notify+path, "name=Canarylast&card=4111111111111111"))
	}
	return said.Bytes()
}

// knock posts what no provider sends.
func (p shopper) knock(url, body string) []byte {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.client.HTTP.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return said
}

// secretsOf returns every secret of the stack, by name.
func secretsOf(t *testing.T, s *stack.Stack) []verify.Canary {
	t.Helper()
	book, err := account.Load(s.AccountsFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := []verify.Canary{{Name: "the data key", Text: s.DataKey()}, {Name: "the API key", Text: s.APIKey()}}
	for a := range book.Accounts() {
		for name, list := range a.Secrets {
			for _, secret := range list {
				all = append(all, verify.Canary{Name: name + " of " + a.Name, Text: secret.Value.Reveal()})
			}
		}
	}
	return all
}

// spilled returns what verify finds of the canaries in streams, tables, metrics and
// logs.
func spilled(t *testing.T, s *stack.Stack, canaries []verify.Canary) []verify.Violation {
	t.Helper()
	b, err := bus.Connect(t.Context(), s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	db, err := projection.Open(t.Context(), s.DatabaseURL(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	report, err := verify.Run(t.Context(), verify.Inputs{
		Streams: b, Database: db, Simulators: []string{s.URLs().Simulator}, Metrics: s.Metrics(), Logs: s.LogDir(), Canaries: canaries,
	})
	if err != nil {
		t.Fatal(err)
	}
	return report.Violations()
}

// checkClean fails when a canary stands in data.
func checkClean(t *testing.T, where string, data []byte, canaries []verify.Canary) {
	t.Helper()
	for _, c := range canaries {
		if bytes.Contains(data, []byte(c.Text)) {
			t.Errorf("%s shows %s", where, c.Name)
		}
	}
}

// checkOtherStreams looks through the streams that verify does not read.
func checkOtherStreams(t *testing.T, s *stack.Stack, canaries []verify.Canary) {
	t.Helper()
	b, err := bus.Connect(t.Context(), s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, stream := range []string{bus.AuditStream, "KV_payloom_subject_keys_0", "KV_payloom_day_keys"} {
		n := 0
		err := b.Follow(t.Context(), stream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
			for _, m := range batch {
				n++
				checkClean(t, stream, append([]byte(m.Subject), m.Data...), canaries)
			}
			return nil
		})
		if err != nil || (n == 0 && stream != bus.AuditStream) {
			t.Errorf("%s: %d messages, %v", stream, n, err)
		}
	}
}

// TestPrivacy_NothingPersonalInClear drives payments of all three providers, with
// failures, whose every personal field holds a canary, and looks for the canaries
// and for every secret in all that is stored, logged, measured, traced and answered.
func TestPrivacy_NothingPersonalInClear(t *testing.T) {
	traces := &collector{}
	spans := httptest.NewServer(traces)
	t.Cleanup(spans.Close)
	s := start(t, stack.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": spans.URL, "LOG_LEVEL": "debug"}})
	canaries := append(secretsOf(t, s), planted...)
	p := newShopper(t, s)
	p.buy()
	p.buyAtAxerve()
	p.payOut()
	checkClean(t, "an answer", p.blunder(), canaries)

	testkit.Eventually(t, 30*time.Second, func() error {
		if !bytes.Contains(traces.spans(), []byte("handle payout")) {
			return errors.New("no span of a payout has come")
		}
		return nil
	})
	checkClean(t, "a trace", traces.spans(), canaries)
	for _, v := range spilled(t, s, canaries) {
		t.Errorf("%s %s %s: %s", v.Invariant, v.Kind, v.Subject, v.What)
	}
	checkOtherStreams(t, s, canaries)
	p.checkErasure()
}

func newShopper(t *testing.T, s *stack.Stack) shopper {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	client, computop := clients(s)
	return shopper{t, ctx, s, client, computop, api.NewAxerve(s.URLs().Simulator, 4)}
}

// checkErasure erases a payment and reads it as whoever may read it does.
func (p shopper) checkErasure() {
	p.t.Helper()
	b, err := bus.Connect(p.ctx, p.s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		p.t.Fatal(err)
	}
	defer b.Close()
	head, err := b.Load(p.ctx, stack.Merchant, "bought")
	if err != nil || head.Payment.Buyer == nil || head.Payment.Buyer.Shipping == nil {
		p.t.Fatalf("before the erasure: %+v, %v", head.Payment.Buyer, err)
	}
	if done, err := b.Erase(p.ctx, stack.Merchant, "bought"); err != nil || !done {
		p.t.Fatalf("erase: %v, %v", done, err)
	}
	head, err = b.Load(p.ctx, stack.Merchant, "bought")
	if err != nil || head.Payment.State != payment.StateRefunded || *head.Payment.Buyer != (payment.Buyer{}) || head.Payment.Terms.Return.Success != "" {
		p.t.Errorf("after the erasure: %+v, %v", head.Payment, err)
	}
	for _, v := range spilled(p.t, p.s, nil) {
		p.t.Errorf("after the erasure: %s %s %s: %s", v.Invariant, v.Kind, v.Subject, v.What)
	}
}

// TestPrivacy_TheTestFindsWhatIsInClear runs the services without keys: then the
// canaries must be found, or the test above proves nothing.
func TestPrivacy_TheTestFindsWhatIsInClear(t *testing.T) {
	s := start(t, stack.Options{Env: map[string]string{"PAYLOOM_DATA_KEYS": ""}})
	newShopper(t, s).payOut()
	found := map[string]bool{}
	for _, v := range spilled(t, s, planted) {
		found[v.What] = true
	}
	for _, name := range []string{"a first name", "an e-mail", "a wallet's number", "a description"} {
		if !found["holds "+name] {
			t.Errorf("%s was not found: %v", name, found)
		}
	}
}
