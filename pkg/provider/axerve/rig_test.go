package axerve_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

const (
	shop   = "GESPAY00042"
	apiKey = "TESTKEY-not-a-secret"
	order  = "pay_01HZX9-1"
	bank   = "900417"
	euros  = 4990
)

func testConfig(url string) axerve.Config {
	return axerve.Config{
		ShopLogin: shop, APIKeys: []axerve.Key{{ID: "2", Secret: apiKey}, {ID: "1", Secret: "an-older-key"}},
		SOAPBase: url, PageBase: url, PublicURL: "https://orc.example", EndpointKey: "k7",
	}
}

func mustClient(t testing.TB, cfg axerve.Config) *axerve.Client {
	t.Helper()
	c, err := axerve.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustParser(t testing.TB, cfg axerve.Config) *axerve.Parser {
	t.Helper()
	p, err := axerve.NewParser(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// desk is Axerve's end of the wire: it answers each operation with what it was
// told to, in turn, the last for ever.
type desk struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[gestpay.Operation][]canned
	asked   []request
}

type canned struct {
	status int
	body   string
}

// request is one call as it came.
type request struct {
	path, action, contentType string
	payload                   gestpay.Node
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{answers: map[gestpay.Operation][]canned{}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

// ServeHTTP implements http.Handler.
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	_, payload, err := gestpay.ReadEnvelope(body)
	if err != nil {
		http.Error(w, "envelope", http.StatusBadRequest)
		return
	}
	op := gestpay.Operation(payload.Name)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, request{r.URL.Path, r.Header.Get("SOAPAction"), r.Header.Get("Content-Type"), payload})
	answers := d.answers[op]
	if len(answers) == 0 {
		http.NotFound(w, r)
		return
	}
	if len(answers) > 1 {
		d.answers[op] = answers[1:]
	}
	w.WriteHeader(answers[0].status)
	_, _ = io.WriteString(w, answers[0].body)
}

// answer adds an answer: one of the vectors' bodies.
func (d *desk) answer(t testing.TB, op gestpay.Operation, file string) {
	t.Helper()
	d.raw(op, http.StatusOK, mustRead(t, file))
}

func (d *desk) raw(op gestpay.Operation, status int, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[op] = append(d.answers[op], canned{status, body})
}

func (d *desk) calls() []request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]request{}, d.asked...)
}

// one returns the only call of op.
func (d *desk) one(t testing.TB, op gestpay.Operation) request {
	t.Helper()
	var found []request
	for _, r := range d.calls() {
		if r.payload.Name == string(op) {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s was called %d times, want once", op, len(found))
	}
	return found[0]
}

func mustRead(t testing.TB, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("gestpay", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// vectors are the messages that this project's codec is held to, and what each
// has to come to. Shops, keys and people in them are invented.
type vectors struct {
	Responses []struct {
		File      string            `json:"file"`
		Operation gestpay.Operation `json:"operation"`
		Context   struct {
			Expected struct {
				ShopID   string           `json:"shop_transaction_id"`
				Currency payment.Currency `json:"currency"`
				Minor    int64            `json:"amount_minor"`
			} `json:"expected_payment"`
		} `json:"context"`
	} `json:"responses"`
	Requests []struct {
		File        string            `json:"file"`
		Operation   gestpay.Operation `json:"operation"`
		Path        string            `json:"path"`
		Action      string            `json:"soap_action"`
		ContentType string            `json:"content_type"`
	} `json:"requests"`
	Notifications []struct {
		Query string `json:"query"`
		Body  string `json:"body"`
	} `json:"notifications"`
}

func mustVectors(t testing.TB) vectors {
	t.Helper()
	var v vectors
	if err := json.Unmarshal([]byte(mustRead(t, "index.json")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// transaction writes an answer to callReadTrxS2S: events as "AUT 49.90", which is at
// ten o'clock, or "STO 15.00 07:59:00".
func transaction(result, code string, events ...string) string {
	var all strings.Builder
	for i, e := range events {
		kind, amount, _ := strings.Cut(e, " ")
		amount, clock, dated := strings.Cut(amount, " ")
		if !dated {
			clock = "10:00:00"
		}
		all.WriteString("<event><eventtype>" + kind + "</eventtype><eventamount>" + amount + "</eventamount><eventdate>15/11/26 " + clock + "</eventdate><eventID>" + strconv.Itoa(i+1) + "</eventID></event>")
	}
	ids := ""
	if len(events) > 0 {
		ids = "<ShopTransactionID>" + order + "</ShopTransactionID><BankTransactionID>" + bank + "</BankTransactionID><Currency>242</Currency>"
	}
	return reply(gestpay.OpRead, "<TransactionResult>"+result+"</TransactionResult>"+ids+"<Events>"+all.String()+"</Events><ErrorCode>"+code+"</ErrorCode><ErrorDescription>"+anna+"</ErrorDescription>")
}

// anna stands where people's words do, which no error may repeat.
const anna = "Anna Verdi"

func reply(op gestpay.Operation, fields string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><` + string(op) + `Response xmlns="` + op.Namespace() + `"><` +
		string(op) + `Result><` + op.ResultElement() + ` xmlns=""><TransactionType>` + op.TransactionType() + `</TransactionType>` + fields + `</` + op.ResultElement() +
		`></` + string(op) + `Result></` + string(op) + `Response></soap:Body></soap:Envelope>`
}

// ko is the answer to a call that was refused with a code.
func ko(op gestpay.Operation, code string) string {
	return reply(op, "<TransactionResult>KO</TransactionResult><ErrorCode>"+code+"</ErrorCode><ErrorDescription>"+anna+"</ErrorDescription>")
}

// life builds payments as the ledger would.
type life struct {
	t testing.TB
	payment.Payment
	at time.Time
}

// born is early on the day that transaction dates events on: hours before them.
var born = time.Date(2026, 11, 15, 4, 0, 0, 0, time.UTC)

func newLife(t testing.TB) *life {
	t.Helper()
	return &life{t: t, at: born}
}

func (l *life) add(c payment.CommandID, data payment.EventData) {
	l.t.Helper()
	l.at = l.at.Add(time.Second)
	e := payment.Event{Payment: order, Merchant: "m", Provider: payment.Axerve, Command: c, At: l.at, Data: data}
	l.Payment = payment.Fold(l.Payment, l.Next(e))
}

// start stores the intent of a command's next attempt, as Decide has it, and
// returns its call.
func (l *life) start(c payment.Command) provider.Call {
	l.t.Helper()
	c.Merchant, c.Payment, c.Provider, c.At = "m", order, payment.Axerve, l.at
	if op, ok := l.Operation(c.ID); ok && op.Status == payment.OpUnknown {
		l.add(c.ID, payment.AttemptVoided{Attempt: op.Attempt.Number})
	}
	l.at = l.at.Add(time.Hour)
	d := payment.Decide(l.Payment, c, l.at, axerve.Capability().Rules)
	intent, ok := d.Event.Data.(payment.AttemptStarted)
	if d.Verdict != payment.Start || !ok {
		l.t.Fatalf("%s of a payment that is %q: %v %+v", c.Kind, l.State, d.Verdict, d.Event.Data)
	}
	l.add(c.ID, intent)
	return l.call(c)
}

func (l *life) call(c payment.Command) provider.Call {
	op, _ := l.Operation(c.ID)
	return provider.Call{Payment: l.Payment, Operation: op, Command: c}
}

func money(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

func hosted(minor int64) payment.Command {
	return payment.Command{
		ID: "open", Kind: payment.Authorize, Amount: money(minor), Authorization: &payment.Authorization{Method: payment.Redirect},
	}
}

func byReference(minor int64) payment.Command {
	return payment.Command{
		ID: "open", Kind: payment.Authorize, Amount: money(minor),
		Authorization: &payment.Authorization{Method: payment.OrderReference, OrderRef: "S02-7654321-1234567"},
	}
}

func byToken(minor int64) payment.Command {
	return payment.Command{
		ID: "open", Kind: payment.Authorize, Amount: money(minor),
		Authorization: &payment.Authorization{Method: payment.MandateCharge, Mandate: "AMZTOK0000000000000000077"},
	}
}

func capture(minor int64) payment.Command {
	return payment.Command{ID: "capture", Kind: payment.Capture, Amount: money(minor)}
}

func refund(id payment.CommandID, minor int64) payment.Command {
	return payment.Command{ID: id, Kind: payment.Refund, Amount: money(minor), Description: "one item returned"}
}

func cancel() payment.Command { return payment.Command{ID: "cancel", Kind: payment.Cancel} }

// authorized is a payment with money reserved.
func authorized(t testing.TB) *life {
	t.Helper()
	l := newLife(t)
	l.start(hosted(euros))
	l.add("open", payment.OperationSucceeded{Ref: bank, Amount: euros, Refs: map[string]string{
		axerve.RefShopID: order, axerve.RefBankID: bank,
	}})
	return l
}

// captured is a payment whose money was taken.
func captured(t testing.TB) *life {
	t.Helper()
	l := authorized(t)
	l.start(capture(euros))
	l.add("capture", payment.OperationSucceeded{Ref: bank, Amount: euros})
	return l
}

// outcome is what a call came to, in short.
type outcome struct {
	status   payment.Status
	failure  provider.Failure
	reason   payment.Reason
	answered bool
}

func said(s payment.Status) outcome { return outcome{status: s} }
func lost(s payment.Status, r payment.Reason) outcome {
	return outcome{status: s, reason: r}
}
func unclear() outcome { return outcome{reason: payment.ReasonUnclear, answered: true} }
func later(r payment.Reason) outcome {
	return outcome{failure: provider.NotSent, reason: r, answered: true}
}
func never(r payment.Reason) outcome {
	return outcome{failure: provider.Rejected, reason: r, answered: true}
}
func missing() outcome { return later(payment.ReasonNotFound) }

func outcomeOf(t testing.TB, r payment.Result, err error) outcome {
	t.Helper()
	if err == nil {
		return outcome{status: r.Status, reason: r.Reason}
	}
	checkQuiet(t, err)
	e := provider.AsError(err)
	return outcome{failure: e.Failure, reason: e.Reason, answered: e.Answered}
}

// checkQuiet fails the test when an error repeats a secret or what was sent.
func checkQuiet(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, word := range []string{apiKey, anna, "anna.verdi", "Zk3", "AMZTOK"} {
		if strings.Contains(err.Error(), word) {
			t.Errorf("an error shows %q: %v", word, err)
		}
	}
}
