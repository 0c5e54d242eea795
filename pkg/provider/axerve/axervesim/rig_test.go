package axervesim

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

const (
	unified   = "GESPAY10001" // captures with the authorisation, asks for an address
	separated = "GESPAY10002" // authorises only
	inactive  = "GESPAY10003"
	elsewhere = "GESPAY10004" // known by an address that is not ours
	apiKey    = "TESTKEY-not-a-secret"
)

func testShops(to string) []Shop {
	urls := func(s Shop) Shop {
		s.PositiveURL, s.NegativeURL, s.NotifyURL = to+"/ok", to+"/ko?lang=en", to+"/notify"
		return s
	}
	return []Shop{
		urls(Shop{Login: unified, APIKey: apiKey, AddressWidget: true, CustomKeys: []string{"cart", "Note"}}),
		urls(Shop{Login: separated, APIKey: apiKey, IPs: []string{"127.0.0.*"}, Separated: true}),
		{Login: inactive, APIKey: apiKey, Inactive: true},
		{Login: elsewhere, IPs: []string{"192.0.2.*"}},
	}
}

// rig is a simulator on a real socket, a receiver of its notifications on
// another, and a shop that talks to both with nothing but the codec.
type rig struct {
	t      *testing.T
	sim    *Simulator
	server *httptest.Server
	inbox  *receiver
	shop   gestpay.Shop
	soap   gestpay.Version
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	inbox := newReceiver(t)
	cfg := Config{Shops: testShops(inbox.server.URL), Seed: 1, TimeScale: 1000}
	for _, c := range change {
		c(&cfg)
	}
	sim, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sim: sim, server: httptest.NewServer(sim), inbox: inbox, shop: gestpay.Shop{Login: unified, APIKey: apiKey}, soap: gestpay.SOAP11}
	t.Cleanup(func() { sim.Close(); r.server.Close() })
	if err := sim.SetBaseURL(r.server.URL); err != nil {
		t.Fatal(err)
	}
	return r
}

// as returns the rig as another shop sees it.
func (r *rig) as(login string) *rig {
	other := *r
	other.shop.Login = login
	return &other
}

// call makes one call and wants an answer of the application.
func (r *rig) call(req gestpay.Request) gestpay.Reply {
	r.t.Helper()
	reply, err := r.try(r.t.Context(), req)
	if err != nil {
		r.t.Fatalf("%s: %v", req.Operation(), err)
	}
	return reply
}

func (r *rig) try(ctx context.Context, req gestpay.Request) (gestpay.Reply, error) {
	m, err := gestpay.Build(r.soap, req)
	if err != nil {
		return gestpay.Reply{}, err
	}
	status, body, err := r.post(ctx, req.Operation().Path(), m)
	if err != nil {
		return gestpay.Reply{}, err
	}
	return gestpay.Parse(req.Operation(), status, body)
}

// raw calls with elements that the codec would refuse.
func (r *rig) raw(op gestpay.Operation, elements ...gestpay.Node) gestpay.Reply {
	r.t.Helper()
	children := append([]gestpay.Node{gestpay.Leaf("shopLogin", r.shop.Login), gestpay.Leaf("apikey", r.shop.APIKey)}, elements...)
	reply, err := gestpay.Parse(op, 200, r.mustPost(op, gestpay.SOAP11.Envelope(inherit(gestpay.Node{Name: string(op), Children: children}, op.Namespace()))))
	if err != nil {
		r.t.Fatalf("%s: %v", op, err)
	}
	return reply
}

func (r *rig) mustPost(op gestpay.Operation, body []byte) []byte {
	r.t.Helper()
	status, answer, err := r.post(r.t.Context(), op.Path(), gestpay.Message{
		Action: `"` + op.Action() + `"`, ContentType: gestpay.SOAP11.ContentType(), Body: body,
	})
	if err != nil || status != http.StatusOK {
		r.t.Fatalf("%s: status %d, %v", op, status, err)
	}
	return answer
}

func (r *rig) post(ctx context.Context, path string, m gestpay.Message) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.server.URL+path, bytes.NewReader(m.Body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = m.Header()
	res, err := r.server.Client().Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

func euro(minor int64) gestpay.Money {
	m, err := gestpay.NewMoney(minor, "EUR")
	if err != nil {
		panic(err)
	}
	return m
}

// encrypted opens a payment of 49.90 and returns the page's string.
func (r *rig) encrypted(id string, change ...func(*gestpay.EncryptRequest)) string {
	r.t.Helper()
	req := gestpay.EncryptRequest{Shop: r.shop, Money: euro(4990), ShopTransactionID: gestpay.ShopTransactionID(id)}
	for _, c := range change {
		c(&req)
	}
	reply := r.call(req)
	if reply.Outcome() != gestpay.CallOK || reply.CryptDecryptString == "" {
		r.t.Fatalf("Encrypt: %s, %s", reply.Outcome(), reply.ErrorCode)
	}
	return reply.CryptDecryptString
}

func (r *rig) decide(id string, d Decision) Visit {
	r.t.Helper()
	visit, err := r.sim.Decide(r.shop.Login, id, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return visit
}

// authorised brings a payment to where it can be settled, or captured in a
// unified shop, and returns the bank's id.
func (r *rig) authorised(id string) gestpay.BankTransactionID {
	r.t.Helper()
	r.encrypted(id)
	visit := r.decide(id, Approve)
	if visit.Stage != StageDone || visit.BankTransactionID == "" {
		r.t.Fatalf("visit %+v", visit)
	}
	return gestpay.BankTransactionID(visit.BankTransactionID)
}

// decrypt asks what the query of a notification or return says.
func (r *rig) decrypt(query string) gestpay.Reply {
	r.t.Helper()
	n, err := gestpay.ParseNotification(query)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.call(gestpay.DecryptRequest{Shop: r.shop, CryptedString: n.CryptedString})
}

func (r *rig) read(id string) gestpay.Reply {
	r.t.Helper()
	return r.call(gestpay.ReadRequest{Shop: r.shop, ShopTransactionID: gestpay.ShopTransactionID(id)})
}

func (r *rig) settle(id string, bank gestpay.BankTransactionID, minor int64) gestpay.Reply {
	r.t.Helper()
	return r.call(gestpay.SettleRequest{Shop: r.shop, Money: euro(minor), ShopTransactionID: gestpay.ShopTransactionID(id), BankTransactionID: bank})
}

func (r *rig) refund(id string, bank gestpay.BankTransactionID, minor int64) gestpay.Reply {
	r.t.Helper()
	return r.call(gestpay.RefundRequest{Shop: r.shop, Money: euro(minor), ShopTransactionID: gestpay.ShopTransactionID(id), BankTransactionID: bank})
}

func (r *rig) delete(id string, bank gestpay.BankTransactionID) gestpay.Reply {
	r.t.Helper()
	return r.call(gestpay.DeleteRequest{Shop: r.shop, ShopTransactionID: gestpay.ShopTransactionID(id), BankTransactionID: bank})
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

func (r *rig) rule(rule Rule) {
	r.t.Helper()
	if _, err := r.sim.AddRule(rule); err != nil {
		r.t.Fatal(err)
	}
}

// checkReply compares outcome and code.
func checkReply(t *testing.T, what string, got gestpay.Reply, outcome gestpay.Outcome, code gestpay.Code) {
	t.Helper()
	if got.Outcome() != outcome || got.ErrorCode != code {
		t.Errorf("%s: %s with %s, want %s with %s", what, got.Outcome(), got.ErrorCode, outcome, code)
	}
}

// history is the events of a read, as "AUT 49.90".
func history(r gestpay.Reply) string {
	var parts []string
	iso, _ := gestpay.ISOCurrency(r.UICCode)
	for _, e := range r.Events {
		minor, _ := gestpay.ParseAmount(e.Amount, iso)
		parts = append(parts, string(e.Type)+" "+strconv.FormatInt(minor, 10))
	}
	return strings.Join(parts, ", ")
}

// ledger returns "kind amount" of a payment's effects, pending ones in brackets.
func (r *rig) ledger(id string) string {
	var parts []string
	for _, e := range r.sim.Ledger(LedgerFilter{Shop: r.shop.Login, ShopTransactionID: id}) {
		text := string(e.Kind) + " " + strconv.FormatInt(e.Amount, 10)
		if e.Pending {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (r *rig) checkLedger(id, want string) {
	r.t.Helper()
	if got := r.ledger(id); got != want {
		r.t.Errorf("ledger of %s: %s, want %s", id, got, want)
	}
}

// receiver takes notifications and answers as it is told.
type receiver struct {
	server *httptest.Server

	mu     sync.Mutex
	got    []received
	status []int // answers still to give, then 200
}

type received struct {
	method, path, query string
	agent               []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, received{req.Method, req.URL.Path, req.URL.RawQuery, req.Header["User-Agent"]})
	status := http.StatusOK
	if len(r.status) > 0 {
		status, r.status = r.status[0], r.status[1:]
	}
	w.WriteHeader(status)
}

// answer makes the next notifications be answered with these.
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

// results decrypts everything received so far: "OK p-1", or the code of a
// string that cannot be read.
func (r *rig) results() []string {
	r.t.Helper()
	var all []string
	for _, n := range r.inbox.all() {
		reply := r.decrypt(n.query)
		if reply.Outcome() == gestpay.CallFailed {
			all = append(all, string(reply.ErrorCode))
			continue
		}
		all = append(all, string(reply.TransactionResult)+" "+string(reply.ShopTransactionID))
	}
	return all
}

// queryOf is the query of an address.
func queryOf(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.RawQuery
}
