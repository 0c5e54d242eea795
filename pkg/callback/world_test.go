package callback_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/wire"
)

const (
	merchant  = payment.Merchant("demo")
	endpoint  = "Endpoint0fTheLiveAccount"
	elsewhere = "Endpoint0fTheTestAccount"
	macKey    = "mac-key-of-the-account"
	cipherKey = "cipherkey-16byte"
	shop      = "https://shop.example/"
)

const accounts = `
merchants:
  - id: demo
    accounts:
      - name: eu
        provider: computop
        default: true
        endpoint: https://paygate.example/
        callback_key: ` + endpoint + `
        settings: {merchant_id: demo_mid}
        secrets:
          mac: [{id: "1", ref: "env:MAC"}]
          cipher: [{id: "1", ref: "env:CIPHER"}]
      - name: test
        provider: computop
        endpoint: https://paygate.example/
        callback_key: ` + elsewhere + `
        settings: {merchant_id: demo_test}
        secrets:
          mac: [{id: "1", ref: "env:MAC"}]
          cipher: [{id: "1", ref: "env:CIPHER"}]
`

type fixed struct{ book *account.Book }

func (f fixed) Book() *account.Book { return f.book }

func mustAccounts(t testing.TB) fixed {
	t.Helper()
	secrets := map[string]conf.Secret{"env:MAC": macKey, "env:CIPHER": cipherKey}
	book, err := account.Parse("accounts.yaml", []byte(accounts), func(ref string) (conf.Secret, error) { return secrets[ref], nil })
	if err != nil {
		t.Fatalf("accounts: %v", err)
	}
	return fixed{book}
}

// parserOf returns the real parser of an account.
func parserOf(a *account.Account) (provider.CallbackParser, error) {
	mac, _ := a.Secrets.Current("mac")
	cipher, _ := a.Secrets.Current("cipher")
	return computop.NewParser(computop.Config{
		MerchantID: a.Setting("merchant_id"), BaseURL: a.Endpoint, PublicURL: "https://notify.example", EndpointKey: a.CallbackKey,
		MACKeys: []computop.Key{{ID: "1", Secret: mac}}, CipherKeys: []computop.Key{{ID: "1", Secret: cipher}},
	})
}

// broken is a parser that gives the same error for everything.
type broken struct{ err error }

func (b broken) ParseCallback(http.Header, []byte) (provider.Callback, error) {
	return provider.Callback{}, b.err
}

func failing(err error) callback.Parsers {
	return func(*account.Account) (provider.CallbackParser, error) { return broken{err}, nil }
}

var errSettings = errors.New("a setting is missing")

func noParser(*account.Account) (provider.CallbackParser, error) { return nil, errSettings }

// shifted is a bus whose clock can be put forward.
type shifted struct {
	*bus.Bus
	by atomic.Int64 // nanoseconds
}

func (s *shifted) Now(ctx context.Context) (time.Time, error) {
	now, err := s.Bus.Now(ctx)
	return now.Add(time.Duration(s.by.Load())), err
}

// world is a broker with a receiver and an interpreter.
type world struct {
	t        testing.TB
	bus      *shifted
	accounts fixed
	server   *httptest.Server
	receiver *callback.Receiver
}

func newWorld(t testing.TB, change ...func(*callback.Options)) *world {
	t.Helper()
	w := &world{t: t, bus: &shifted{Bus: bustest.New(t, bus.Topology{})}, accounts: mustAccounts(t)}
	o := callback.Options{Accounts: w.accounts, Parsers: parserOf, Store: w.bus, Payments: w.bus, Log: zaptest.NewLogger(t)}
	for _, c := range change {
		c(&o)
	}
	w.receiver = callback.NewReceiver(o)
	w.server = serve(t, w.receiver)
	return w
}

func serve(t testing.TB, rc *callback.Receiver) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	rc.Register(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (w *world) interpreter(change ...func(*callback.InterpreterOptions)) *callback.Interpreter {
	o := callback.InterpreterOptions{Accounts: w.accounts, Parsers: parserOf, Ledger: w.bus, Log: zaptest.NewLogger(w.t)}
	for _, c := range change {
		c(&o)
	}
	return callback.NewInterpreter(o)
}

// reply is an answer with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(method, path, body string, header ...string) reply {
	w.t.Helper()
	return do(w.t, w.server.URL, method, path, body, header...)
}

// do sends a request and follows no redirect. header alternates names and values.
func do(t testing.TB, base, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

const callbackPath = "/callbacks/computop/" + endpoint

// mustNotify sends a notify and wants it taken.
func (w *world) mustNotify(body string) {
	w.t.Helper()
	if got := w.do(http.MethodPost, callbackPath, body); got.status != http.StatusOK {
		w.t.Fatalf("notify: status %d, want 200", got.status)
	}
}

// stored returns all stored callbacks.
func (w *world) stored() []wire.StoredCallback {
	w.t.Helper()
	var all []wire.StoredCallback
	err := w.bus.ReadCallbacks(w.t.Context(), time.Time{}, func(_ context.Context, c wire.StoredCallback, _ time.Time) error {
		all = append(all, c)
		return nil
	})
	if err != nil {
		w.t.Fatalf("read callbacks: %v", err)
	}
	return all
}

// one returns the only stored callback.
func (w *world) one() wire.StoredCallback {
	w.t.Helper()
	all := w.stored()
	if len(all) != 1 {
		w.t.Fatalf("%d callbacks are stored, want 1", len(all))
	}
	return all[0]
}

// payIDOf returns Paygate's id of a payment.
func payIDOf(id payment.ID) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// notify is the content of a Paygate message, as name and value in turn; what is
// given replaces what is usual.
func notify(id payment.ID, change ...string) []string {
	fields := []string{
		"mid", "demo_mid", "PayID", payIDOf(id), "XID", "auth0000000000000000000000000000", "TransID", string(id),
		"Status", "AUTHORIZED", "Code", "00000000", "Description", "success",
		"AmountAuth", "1000", "AmountCap", "0", "AmountCred", "0",
	}
	for i := 0; i+1 < len(change); i += 2 {
		fields = replaced(fields, change[i], change[i+1])
	}
	return fields
}

func replaced(fields []string, name, value string) []string {
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == name {
			fields[i+1] = value
			return fields
		}
	}
	return append(fields, name, value)
}

func captureNotify(id payment.ID) []string {
	return notify(id, "XID", "capt0000000000000000000000000000", "Status", "OK", "NotificationType", "CaptureNotification",
		"Amount", "1000", "AmountCap", "1000")
}

func creditNotify(id payment.ID) []string {
	return notify(id, "XID", "cred0000000000000000000000000000", "Status", "OK", "NotificationType", "CreditNotification",
		"Amount", "400", "AmountCap", "1000", "AmountCred", "400")
}

// sealed returns fields as Paygate posts them, with its MAC by the given key.
func sealed(t testing.TB, key string, fields []string) string {
	t.Helper()
	m := paygate.NewMessage(fields...)
	m.Add("MAC", strings.ToUpper(paygate.NotifyMAC(key, m.Get("PayID"), m.Get("TransID"), m.Get("mid"), m.Get("Status"), m.Get("Code"))))
	codec, err := paygate.NewCodec(cipherKey)
	if err != nil {
		t.Fatalf("key: %v", err)
	}
	env, err := codec.Seal(paygate.Blowfish, "", m, paygate.Style{Pad: ' ', Upper: true})
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return env.Form().Encode()
}

func (w *world) sealed(fields []string) string { return sealed(w.t, macKey, fields) }

// append appends events to a payment's ledger, as a worker would.
func (w *world) append(id payment.ID, events ...payment.Event) payment.Payment {
	w.t.Helper()
	head, err := w.bus.Load(w.t.Context(), merchant, id)
	if err != nil {
		w.t.Fatalf("load: %v", err)
	}
	for _, e := range events {
		e.Payment, e.Merchant, e.Provider = id, merchant, payment.Computop
		e.At = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		if head, err = w.bus.Append(w.t.Context(), head, e); err != nil {
			w.t.Fatalf("append: %v", err)
		}
	}
	return head.Payment
}

func money(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

func command(req string) payment.CommandID {
	return payment.DeriveCommandID(merchant, payment.ReqID(req))
}

// opened is the intent of opening a payment with an account; empty: the default.
func opened(id payment.ID, accountName string) payment.Event {
	return openedFor(id, accountName, payment.ReturnURLs{
		Success: shop + "done?basket=7", Failure: shop + "failed", Cancel: shop + "cancelled", Review: shop + "review",
	})
}

func openedFor(id payment.ID, accountName string, pages payment.ReturnURLs) payment.Event {
	return payment.Event{Command: command("open " + string(id)), Source: payment.FromWorker, Data: payment.AttemptStarted{
		Kind: payment.Authorize, Amount: money(1000), Attempt: 1, Key: string(id), Account: accountName,
		Terms: &payment.Terms{Capture: payment.CaptureManual, Method: payment.Button, Return: pages},
	}}
}

func began(id payment.ID, kind payment.Kind, minor int64) payment.Event {
	return payment.Event{Command: command(string(kind) + " " + string(id)), Source: payment.FromWorker, Data: payment.AttemptStarted{
		Kind: kind, Amount: money(minor), Attempt: 1, Key: string(id),
	}}
}

func succeeded(of payment.Event, minor int64) payment.Event {
	return payment.Event{Command: of.Command, Source: payment.FromInquiry, Data: payment.OperationSucceeded{Amount: minor}}
}

// find returns the payment as it stands.
func (w *world) find(id payment.ID) payment.Payment {
	w.t.Helper()
	p, found, err := w.bus.Find(w.t.Context(), merchant, id)
	if err != nil || !found {
		w.t.Fatalf("find %s: found %v, %v", id, found, err)
	}
	return p
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen in 20 s: %s", what)
}
