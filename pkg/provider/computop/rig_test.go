package computop_test

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
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// The account and the payment that the vectors are about. All of it is invented.
const (
	mid       = "orc_demo_mid"
	cipherKey = "qT7#mZ2!vK9_pL4x"
	macKey    = "h3N!8wRz_Q5u2Yc7(Tk9)Bd4[Jm6]Xe1"
	order     = "ORD-2031-000481"
	payID     = "0f3a9c5be7d84216a1b2c3d4e5f60718"
	xidAuth   = "982986f722414f989fdd2c3b611d2c83"
	xidNext   = "3b71a97bdc591b8d34884fd437977334"
	chargeID  = "S02-1111111-2222222-C033333"
	permit    = "S02-1111111-2222222"
)

func testConfig(url string) computop.Config {
	return computop.Config{
		MerchantID: mid, Cipher: paygate.Blowfish,
		CipherKeys: []computop.Key{{ID: "1", Secret: cipherKey}},
		MACKeys:    []computop.Key{{ID: "1", Secret: macKey}},
		BaseURL:    url, PublicURL: "https://orc.example", EndpointKey: "k7", Recurring: true,
	}
}

func mustClient(t *testing.T, cfg computop.Config) *computop.Client {
	t.Helper()
	c, err := computop.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustParser(t testing.TB, cfg computop.Config) *computop.Parser {
	t.Helper()
	p, err := computop.NewParser(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// desk is Paygate's end of the wire: it decrypts what comes and answers what it
// was told to.
type desk struct {
	*httptest.Server
	mu       sync.Mutex
	answers  map[string]string // raw bodies by endpoint, lower case
	requests []asked
}

// asked is one request as it came.
type asked struct {
	endpoint string
	outer    string // MerchantID in plain text
	fields   map[string]string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{answers: map[string]string{}}
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
	env, _, err := paygate.ParseEnvelope(body)
	if err != nil {
		http.Error(w, "envelope", http.StatusBadRequest)
		return
	}
	text, err := paygate.Open(cipherKey, env)
	if err != nil {
		http.Error(w, "cipher", http.StatusBadRequest)
		return
	}
	endpoint := strings.TrimPrefix(r.URL.Path, "/")
	fields := map[string]string{}
	for _, f := range paygate.ParseMessage(text) {
		fields[f.Name] = f.Value
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, asked{endpoint, env.MerchantID, fields})
	answer, ok := d.answers[strings.ToLower(endpoint)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write([]byte(answer))
}

// answer makes the endpoint answer these fields, as Paygate writes them.
func (d *desk) answer(t *testing.T, endpoint string, pairs ...string) {
	t.Helper()
	d.raw(endpoint, mustSeal(t, pairs...))
}

func (d *desk) raw(endpoint, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[strings.ToLower(endpoint)] = body
}

func (d *desk) asked() []asked {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]asked{}, d.requests...)
}

func (d *desk) lastOf(t *testing.T, endpoint string) asked {
	t.Helper()
	for _, a := range d.asked() {
		if a.endpoint == endpoint {
			return a
		}
	}
	t.Fatalf("nothing was asked of %s", endpoint)
	return asked{}
}

// mustSeal encrypts a message as Paygate does.
func mustSeal(t testing.TB, pairs ...string) string {
	t.Helper()
	return mustSealWith(t, cipherKey, pairs...)
}

func mustSealWith(t testing.TB, key string, pairs ...string) string {
	t.Helper()
	env, err := paygate.EncryptStyle(paygate.Blowfish, key, paygate.NewMessage(pairs...).String(), paygate.Style{Pad: ' ', Upper: true})
	if err != nil {
		t.Fatal(err)
	}
	return env.Form().Encode()
}

// mustNotify encrypts a notify with its MAC.
func mustNotify(t testing.TB, pairs ...string) []byte {
	t.Helper()
	m := paygate.NewMessage(pairs...)
	mac := paygate.NotifyMAC(macKey, m.Get("PayID"), m.Get("TransID"), mid, m.Get("Status"), m.Get("Code"))
	return []byte(mustSeal(t, append(pairs, "MAC", strings.ToUpper(mac))...))
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

func (l *life) add(c payment.CommandID, data payment.EventData) {
	l.t.Helper()
	l.at = l.at.Add(time.Second)
	e := payment.Event{Payment: order, Merchant: "m", Provider: payment.Computop, Command: c, At: l.at, Data: data}
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
		l.at = l.at.Add(time.Second)
		l.Payment = payment.Fold(l.Payment, l.Next(e))
	}
}

// start stores the intent of a command's next attempt and returns its call.
func (l *life) start(c payment.CommandID, kind payment.Kind, minor int64, auth *payment.Authorization) provider.Call {
	l.t.Helper()
	money := payment.Money{Minor: minor, Currency: "EUR"}
	if minor == 0 {
		money = payment.Money{}
	}
	n := 1
	if op, ok := l.Operation(c); ok {
		n = op.Attempt.Number + 1
	}
	intent := payment.AttemptStarted{Kind: kind, Amount: money, Attempt: n, Key: order, Idem: "req00000000000000000000000000001"}
	if auth != nil {
		intent.Terms = &payment.Terms{Capture: auth.Capture, Method: auth.Method, Country: auth.Country}
		if auth.Recurring != nil {
			intent.Terms.Cycle = auth.Recurring.Cycle
		}
	}
	l.add(c, intent)
	op, _ := l.Operation(c)
	return provider.Call{
		Payment: l.Payment, Operation: op, Now: time.Now(),
		Command: payment.Command{ID: c, Payment: order, Kind: kind, Amount: money, Authorization: auth},
	}
}

func button(mode payment.CaptureMode) *payment.Authorization {
	return &payment.Authorization{Method: payment.Button, Capture: mode, Country: "EU"}
}

// opened is a payment whose buyer is at the button.
func opened(t *testing.T, mode payment.CaptureMode) *life {
	t.Helper()
	l := newLife(t)
	l.start("open", payment.Authorize, 13490, button(mode))
	l.add("open", payment.ActionRequired{
		Attempt: 1, Ref: xidAuth, Refs: map[string]string{computop.RefPayID: payID}, Action: payment.Action{Type: payment.ActionButton},
	})
	return l
}

// authorized is a payment with money reserved.
func authorized(t *testing.T) *life {
	t.Helper()
	l := opened(t, payment.CaptureManual)
	l.add("open", payment.OperationSucceeded{Ref: xidAuth, Amount: 13490, Refs: map[string]string{
		computop.RefChargeID: chargeID, computop.RefChargePermission: permit,
	}})
	return l
}

// captured is a payment of which part was taken.
func captured(t *testing.T, minor int64) *life {
	t.Helper()
	l := authorized(t)
	l.start("capture", payment.Capture, minor, nil)
	l.add("capture", payment.OperationSucceeded{Ref: xidNext, Amount: minor})
	return l
}

// vectors are messages made by two independent implementations; keys, ids and
// amounts in them are invented.
type vectors struct {
	Accept []wireCase  `json:"accept_cases"`
	Reject []wireCase  `json:"reject_cases"`
	States []stateCase `json:"state_cases"`
}

type wireCase struct {
	ID       string `json:"id"`
	WireBody string `json:"wire_body"`
	Expect   string `json:"expect"`
}

type stateCase struct {
	Source  string    `json:"source"`
	Status  string    `json:"status"`
	Code    *string   `json:"code"`
	Type    *string   `json:"notification_type"`
	Amounts [3]*int64 `json:"amounts"`
	Expect  string    `json:"expect"`
}

func mustVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("paygate/testdata/computop.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func secret(id, value string) computop.Key {
	return computop.Key{ID: id, Secret: conf.Secret(value)}
}
