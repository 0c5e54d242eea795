package computopsim

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

const (
	shopMID   = "shop_demo"
	cipherKey = "qT7#mZ2!vK9_pL4x"
	macKey    = "h3N!8wRz_Q5u2Yc7(Tk9)Bd4[Jm6]Xe1"
	aesMID    = "shop_aes"
	aesKey    = "k1Z8_aes256key!!0123abcdEFGH5678"
	smallMID  = "shop_small"
)

func testMerchants() []Merchant {
	return []Merchant{
		{ID: shopMID, CipherKey: cipherKey, MACKey: macKey},
		{ID: aesMID, Cipher: paygate.AES, CipherKey: aesKey, MACKey: macKey},
		{ID: smallMID, CipherKey: cipherKey, MACKey: macKey, SmallAmounts: true},
	}
}

// rig is a simulator on a real socket, a receiver of its notifies on another,
// and a merchant that talks to both with nothing but the codec.
type rig struct {
	t      *testing.T
	sim    *Simulator
	server *httptest.Server
	shop   *receiver
	mid    string
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	cfg := Config{Merchants: testMerchants(), Seed: 1, RelaxURLs: true, TimeScale: 100}
	for _, c := range change {
		c(&cfg)
	}
	sim, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sim: sim, server: httptest.NewServer(sim), shop: newReceiver(t), mid: shopMID}
	t.Cleanup(func() { sim.Close(); r.server.Close() })
	if err := sim.SetBaseURL(r.server.URL); err != nil {
		t.Fatal(err)
	}
	return r
}

// as returns the rig as another merchant sees it.
func (r *rig) as(mid string) *rig {
	other := *r
	other.mid = mid
	return &other
}

func (r *rig) key() string {
	if r.mid == aesMID {
		return aesKey
	}
	return cipherKey
}

func (r *rig) cipher() paygate.Cipher {
	if r.mid == aesMID {
		return paygate.AES
	}
	return paygate.Blowfish
}

// call signs, encrypts, posts and decrypts.
func (r *rig) call(endpoint string, m paygate.Message) paygate.Message {
	r.t.Helper()
	answer, err := r.try(r.t.Context(), endpoint, r.signed(m))
	if err != nil {
		r.t.Fatalf("%s: %v", endpoint, err)
	}
	return answer
}

func (r *rig) signed(m paygate.Message) paygate.Message {
	m = append(paygate.NewMessage("MerchantID", r.mid), m...)
	m.Add("MAC", paygate.RequestMAC(macKey, m.Get("PayID"), m.Get("TransID"), r.mid, m.Get("Amount"), m.Get("Currency")))
	return m
}

func (r *rig) try(ctx context.Context, endpoint string, m paygate.Message) (paygate.Message, error) {
	env, err := paygate.Seal(r.cipher(), r.key(), r.mid, m)
	if err != nil {
		return nil, err
	}
	raw, err := r.post(ctx, endpoint, env.Form().Encode())
	if err != nil {
		return nil, err
	}
	return r.read(raw)
}

// statusError is an answer that is none.
type statusError int

func (e statusError) Error() string { return http.StatusText(int(e)) }

func (r *rig) post(ctx context.Context, endpoint, form string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.server.URL+"/"+endpoint, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := r.server.Client().Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, statusError(res.StatusCode)
	}
	return io.ReadAll(res.Body)
}

func (r *rig) read(raw []byte) (paygate.Message, error) {
	env, _, err := paygate.ParseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	text, err := paygate.Open(r.key(), env)
	return paygate.ParseMessage(text), err
}

// initFields are a good init.
func (r *rig) initFields(transID string, extra ...string) paygate.Message {
	m := paygate.NewMessage("TransID", transID, "Amount", "10000", "Currency", "EUR", "CountryCode", "EU",
		"URLSuccess", "https://shop.example/ok", "URLFailure", "https://shop.example/nok",
		"URLCancel", "https://shop.example/cancel", "ShopUrl", "https://shop.example/review?o=1",
		"URLNotify", r.shop.server.URL+"/notify", "TxType", "Authorize")
	return with(m, extra...)
}

// with replaces or adds fields; "-" removes one.
func with(m paygate.Message, pairs ...string) paygate.Message {
	out := append(paygate.Message{}, m...)
	for _, f := range paygate.NewMessage(pairs...) {
		out = slicesDelete(out, f.Name)
		if f.Value != "-" {
			out = append(out, f)
		}
	}
	return out
}

func slicesDelete(m paygate.Message, name string) paygate.Message {
	out := paygate.Message{}
	for _, f := range m {
		if f.Name != name {
			out = append(out, f)
		}
	}
	return out
}

// opened initialises a payment and returns its PayID.
func (r *rig) opened(transID string, extra ...string) string {
	r.t.Helper()
	answer := r.call("amazonAPA.aspx", r.initFields(transID, extra...))
	if answer.Get("Status") != "OK" || answer.Get("buttonpayload") == "" {
		r.t.Fatalf("init: %s", answer)
	}
	return answer.Get("PayID")
}

// authorised brings a payment to where follow-ups are accepted and returns its
// PayID and charge id.
func (r *rig) authorised(transID string, extra ...string) (payID, charge string) {
	r.t.Helper()
	payID = r.opened(transID, extra...)
	r.decide(transID, Approve)
	r.quiet()
	p := r.payment(transID)
	if p.Stage != StageDone {
		r.t.Fatalf("stage %s", p.Stage)
	}
	return payID, p.Charge
}

func (r *rig) decide(transID string, d Decision) Visit {
	r.t.Helper()
	visit, err := r.sim.Decide(r.mid, transID, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return visit
}

func (r *rig) payment(transID string) Payment {
	r.t.Helper()
	p, err := r.sim.Payment(r.mid, transID)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// quiet waits until the simulator has nothing more to do.
func (r *rig) quiet() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	if err := r.sim.Quiesce(ctx); err != nil {
		r.t.Fatalf("still busy: %v", err)
	}
}

func followUp(payID, transID, amount string, extra ...string) paygate.Message {
	return with(paygate.NewMessage("PayID", payID, "TransID", transID, "Amount", amount, "Currency", "EUR"), extra...)
}

func (r *rig) capture(payID, transID, amount string, extra ...string) paygate.Message {
	r.t.Helper()
	return r.call("capture.aspx", followUp(payID, transID, amount, extra...))
}

func (r *rig) credit(payID, transID, amount, charge string, extra ...string) paygate.Message {
	r.t.Helper()
	return r.call("credit.aspx", followUp(payID, transID, amount, append([]string{"OrderDesc", "returned", "chargeid", charge}, extra...)...))
}

// checkCode compares the code of an answer.
func checkCode(t *testing.T, what string, m paygate.Message, want paygate.Code) {
	t.Helper()
	if got := paygate.Code(m.Get("Code")); got != want {
		t.Errorf("%s: code %q, want %q: %s", what, got, want, m)
	}
}

// checkTotals compares the three running totals.
func checkTotals(t *testing.T, what string, m paygate.Message, want string) {
	t.Helper()
	if got := m.Get("AmountAuth") + "/" + m.Get("AmountCap") + "/" + m.Get("AmountCred"); got != want {
		t.Errorf("%s: totals %s, want %s", what, got, want)
	}
}

// receiver takes notifies and browser returns and answers as it is told.
type receiver struct {
	server *httptest.Server

	mu     sync.Mutex
	got    []received
	status []int // answers still to give, then 200
}

type received struct {
	method, path, contentType string
	form                      url.Values
	raw                       string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, _ := io.ReadAll(req.Body)
	if req.Method == http.MethodGet {
		raw = []byte(req.URL.RawQuery)
	}
	form, _ := url.ParseQuery(string(raw))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, received{req.Method, req.URL.Path, req.Header.Get("Content-Type"), form, string(raw)})
	status := http.StatusOK
	if len(r.status) > 0 {
		status, r.status = r.status[0], r.status[1:]
	}
	w.WriteHeader(status)
}

// answer makes the next notifies be answered with these.
func (r *receiver) answer(status ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

// notifies decrypts everything received so far.
func (r *rig) notifies() []paygate.Message {
	r.t.Helper()
	var all []paygate.Message
	for _, n := range r.shop.all() {
		m, err := r.read([]byte(n.raw))
		if err != nil {
			r.t.Fatalf("notify %q: %v", n.raw, err)
		}
		all = append(all, m)
	}
	return all
}

// lastNotify decrypts the last one.
func (r *rig) lastNotify() paygate.Message {
	r.t.Helper()
	all := r.notifies()
	if len(all) == 0 {
		r.t.Fatal("no notify")
	}
	return all[len(all)-1]
}

func (r *rig) genuine(m paygate.Message) bool {
	return paygate.EqualMAC(m.Get("MAC"),
		paygate.NotifyMAC(macKey, m.Get("PayID"), m.Get("TransID"), r.mid, m.Get("Status"), m.Get("Code")))
}

// returned decrypts what a browser return carries.
func (r *rig) returned(link string) paygate.Message {
	r.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := r.read([]byte(u.RawQuery))
	if err != nil {
		r.t.Fatalf("%s: %v", link, err)
	}
	return m
}

// ledger returns "kind amount" of a payment's effects, void ones in brackets.
func (r *rig) ledger(transID string) string {
	var parts []string
	for _, e := range r.sim.Ledger(LedgerFilter{Merchant: r.mid, TransID: transID}) {
		text := string(e.Kind) + " " + money(e.Amount)
		if e.Void {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
