package ecommpay_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// The project and the payout that the vectors are about. All of it is invented or
// the documentation's.
const (
	project   = 197
	secret    = "orchestra-test-secret"
	payoutID  = "Payout-test-2-2209"
	requestID = "0584a6d51e85-00077185"
	opID      = "77184010013601"
)

func testConfig(url string) ecommpay.Config {
	return ecommpay.Config{
		ProjectID: project, Secrets: []ecommpay.Key{key("1", secret)},
		BaseURL: url, PublicURL: "https://orc.example", EndpointKey: "k7",
	}
}

func key(id, value string) ecommpay.Key {
	return ecommpay.Key{ID: id, Secret: conf.Secret(value)}
}

func mustClient(t testing.TB, cfg ecommpay.Config) *ecommpay.Client {
	t.Helper()
	c, err := ecommpay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustParser(t testing.TB, cfg ecommpay.Config) *ecommpay.Parser {
	t.Helper()
	p, err := ecommpay.NewParser(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// desk is the Gate's end of the wire: it answers what it was told to, one answer
// after the other, the last one for ever.
type desk struct {
	*httptest.Server
	mu       sync.Mutex
	answers  map[string][]answer // by path
	requests []asked
}

type answer struct {
	status int
	body   string
}

// asked is one request as it came.
type asked struct {
	path, accept, contentType, body string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{answers: map[string][]answer{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

// ServeHTTP implements http.Handler.
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, asked{r.URL.Path, r.Header.Get("Accept"), r.Header.Get("Content-Type"), string(body)})
	list := d.answers[r.URL.Path]
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	if len(list) > 1 {
		d.answers[r.URL.Path] = list[1:]
	}
	w.WriteHeader(list[0].status)
	_, _ = w.Write([]byte(list[0].body))
}

const (
	payoutPath        = "/v2/payment/wallet/amazonpay/payout"
	statusPath        = "/v2/payment/status"
	requestStatusPath = "/v2/payment/status/request"
)

// answer makes path answer this from now on.
func (d *desk) answer(path string, status int, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[path] = append(d.answers[path], answer{status, body})
}

func (d *desk) asked() []asked {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]asked{}, d.requests...)
}

// paths returns what was asked for, in order.
func (d *desk) paths() string {
	var all []string
	for _, a := range d.asked() {
		all = append(all, strings.TrimPrefix(a.path, "/v2/payment/"))
	}
	return strings.Join(all, " ")
}

// mustSeal signs a body, whatever is in it.
func mustSeal(t testing.TB, body string, place gate.Place) string {
	t.Helper()
	m, err := gate.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	signed, err := m.Signed(secret, place)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// story is what a callback or a status answer tells.
type story struct {
	Project    any               `json:"project_id,omitempty"`
	RequestID  string            `json:"request_id,omitempty"`
	Payment    map[string]any    `json:"payment"`
	Operation  map[string]any    `json:"operation,omitempty"`
	Operations []map[string]any  `json:"operations,omitempty"`
	Errors     []map[string]any  `json:"errors,omitempty"`
	Extra      map[string]string `json:"extra,omitempty"`
}

func sum(minor int64, currency string) map[string]any {
	return map[string]any{"amount": minor, "currency": currency}
}

// newStory is a payout of 100.00 INR.
func newStory(status string) story {
	return story{Project: project, Payment: map[string]any{
		"id": payoutID, "type": "payout", "status": status, "method": "amazonpay", "sum": sum(10000, "INR"),
		"description": "", "date": "2020-09-22T08:50:56+0000",
	}}
}

func op(id int64, kind, status, code string) map[string]any {
	return map[string]any{
		"id": id, "type": kind, "status": status, "code": code, "request_id": requestID,
		"sum_initial": sum(10000, "INR"), "sum_converted": sum(9999, "INR"), "message": "text for people",
	}
}

func (s story) with(ops ...map[string]any) story {
	s.Operations = append(s.Operations, ops...)
	return s
}

func (s story) fault(code string) story {
	s.Errors = append(s.Errors, map[string]any{"code": code, "message": "text for people"})
	return s
}

func (s story) json(t testing.TB) string {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (s story) sealed(t testing.TB) string {
	t.Helper()
	return mustSeal(t, s.json(t), gate.AtTop)
}

// paid is a story with a happy end.
func paid() story { return newStory("success").with(op(77184010013601, "payout", "success", "0")) }

func errorBody(code string) string {
	return `{"status":"error","code":"` + code + `","message":"canary-answer"}`
}

// life builds payments as the ledger would.
type life struct {
	t *testing.T
	payment.Payment
	at time.Time
}

func newLife(t *testing.T) *life {
	t.Helper()
	return &life{t: t, at: time.Now()}
}

func (l *life) add(data payment.EventData) {
	l.t.Helper()
	e := payment.Event{Payment: payoutID, Merchant: "m", Provider: payment.ECommPay, Command: "pay", At: l.at, Data: data}
	l.Payment = payment.Fold(l.Payment, l.Next(e))
}

// see lets the payment learn what was observed.
func (l *life) see(o payment.Observation) {
	l.t.Helper()
	events, err := payment.Observe(l.Payment, o, l.at)
	if err != nil {
		l.t.Fatalf("observe: %v", err)
	}
	for _, e := range events {
		l.Payment = payment.Fold(l.Payment, l.Next(e))
	}
}

// call returns the call of the payout as it stands.
func (l *life) call() provider.Call {
	l.t.Helper()
	op, ok := l.Operation("pay")
	if !ok {
		l.t.Fatal("not started")
	}
	return provider.Call{
		Payment: l.Payment, Operation: op, Now: time.Now(),
		Command: payment.Command{
			ID: "pay", Payment: payoutID, Kind: payment.Payout, Amount: op.Amount, Beneficiary: beneficiary(),
			Description: "canary-description", Reference: "canary-reference",
		},
	}
}

func beneficiary() *payment.Beneficiary {
	return &payment.Beneficiary{
		CustomerID: "24900", IPAddress: "1.2.3.4", FirstName: "Ada", LastName: "Lovelace",
		Email: "Lovelace@mail.com", Address: "Delhi, Main st., 20", AccountNumber: "5588994446666",
	}
}

// started is a payout of 100.00 INR whose intent is stored, so long ago.
func started(t *testing.T, ago time.Duration) *life {
	t.Helper()
	l := newLife(t)
	l.at = l.at.Add(-ago)
	l.add(payment.AttemptStarted{
		Kind: payment.Payout, Amount: payment.Money{Minor: 10000, Currency: "INR"}, Attempt: 1, Key: payoutID, Idem: "i",
		Terms: &payment.Terms{},
	})
	return l
}

// unknown is a payout whose request may have arrived.
func unknown(t *testing.T, ago time.Duration) *life {
	t.Helper()
	l := started(t, ago)
	l.add(payment.OutcomeUnknown{Attempt: 1})
	return l
}

// accepted is a payout whose request was taken.
func accepted(t *testing.T, ago time.Duration) *life {
	t.Helper()
	l := started(t, ago)
	l.add(payment.OperationPending{Attempt: 1, Ref: requestID, Refs: map[string]string{ecommpay.RefRequestID: requestID}})
	return l
}

// vectors are messages made by two independent implementations; secrets, ids and
// amounts in them are invented.
type vectors struct {
	Sign    []signCase   `json:"sign"`
	Verify  []verifyCase `json:"verify"`
	Mapping []mapCase    `json:"mapping"`
}

type signCase struct {
	ID         string `json:"id"`
	SignedBody string `json:"signed_body"`
}

type verifyCase struct {
	ID      string `json:"id"`
	Body    string `json:"body"`
	Expect  string `json:"expect"`
	Payment string `json:"payment_id"`
	State   string `json:"state"`
	Code    string `json:"code"`
}

type mapCase struct {
	PaymentStatus string  `json:"payment_status"`
	Type          *string `json:"operation_type"`
	Status        *string `json:"operation_status"`
	Code          *string `json:"operation_code"`
	State         string  `json:"state"`
}

func mustVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("gate/testdata/ecommpay.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Sign) != 17 || len(v.Verify) != 29 || len(v.Mapping) != 17 {
		t.Fatalf("vectors: %d sign, %d verify, %d mapping", len(v.Sign), len(v.Verify), len(v.Mapping))
	}
	return v
}
