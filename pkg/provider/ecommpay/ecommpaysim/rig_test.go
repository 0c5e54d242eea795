package ecommpaysim

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

const (
	project      = 197
	otherProject = 818
	secret       = "simulated-secret"
	payoutPath   = "/v2/payment/wallet/amazonpay/payout"
	statusPath   = "/v2/payment/status"
	requestPath  = "/v2/payment/status/request"
	listingPath  = "/v1/operations/get"
	token        = "TOKEN197"
	tokenSecret  = "secret-of-the-token"
)

func testConfig() Config {
	return Config{
		Projects: []Project{
			{ID: project, Secret: secret, Token: token, TokenSecret: tokenSecret}, {ID: otherProject, Secret: "other-secret"},
		},
		Seed: 1, RelaxURLs: true, TimeScale: 1000, ReversalDelay: 10 * time.Second,
	}
}

// rig is a simulator on a real socket, a receiver of its callbacks on another, and
// a merchant that talks to both with nothing but the codec.
type rig struct {
	t      *testing.T
	sim    *Simulator
	server *httptest.Server
	shop   *receiver
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	cfg := testConfig()
	for _, c := range change {
		c(&cfg)
	}
	sim, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sim: sim, server: httptest.NewServer(sim), shop: newReceiver(t)}
	t.Cleanup(func() { sim.Close(); r.server.Close() })
	return r
}

// object is a JSON object.
type object = map[string]any

// request is a good payout.
func (r *rig) request(id string, minor int64) object {
	url := "http://shop.example/cb"
	if r.shop != nil {
		url = r.shop.server.URL + "/cb"
	}
	return object{
		"general":  object{"project_id": project, "payment_id": id, "merchant_callback_url": url},
		"payment":  object{"amount": minor, "currency": "INR"},
		"customer": object{"id": "24900", "ip_address": "192.0.2.1", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "address": "Delhi, Main st., 20"},
		"account":  object{"number": "5588994446666"},
	}
}

// set changes a member: "payment.amount".
func set(o object, path string, v any) object {
	outer, inner, _ := strings.Cut(path, ".")
	part, ok := o[outer].(object)
	switch {
	case inner == "" && v == nil:
		delete(o, outer)
	case inner == "":
		o[outer] = v
	case !ok:
		o[outer] = object{inner: v}
	case v == nil:
		delete(part, inner)
	default:
		part[inner] = v
	}
	return o
}

func (r *rig) sealed(o object, place gate.Place) []byte {
	r.t.Helper()
	return r.sealedBy(secret, o, place)
}

func (r *rig) sealedBy(key string, o object, place gate.Place) []byte {
	r.t.Helper()
	m, err := gate.Parse(mustJSON(o))
	if err != nil {
		r.t.Fatal(err)
	}
	body, err := m.Signed(key, place)
	if err != nil {
		r.t.Fatal(err)
	}
	return body
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    []byte
	gate.Message
}

func (a answer) text(path ...string) string {
	v, _ := a.Get(path...).Text()
	return v
}

// refusal is the code of an answer that refuses.
func (a answer) refusal() string {
	if a.text("status") != "error" {
		return ""
	}
	return a.text("code")
}

func (r *rig) post(path string, body []byte) answer {
	r.t.Helper()
	a, err := r.try(r.t.Context(), path, body)
	if err != nil {
		r.t.Fatalf("%s: %v", path, err)
	}
	return a
}

func (r *rig) try(ctx context.Context, path string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := r.server.Client().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	m, err := gate.Parse(raw)
	if res.StatusCode != http.StatusOK {
		err = nil
	}
	return answer{res.StatusCode, res.Header, raw, m}, err
}

func (r *rig) payout(o object) answer {
	r.t.Helper()
	return r.post(payoutPath, r.sealed(o, gate.InGeneral))
}

// accepted pays out and returns the request's id.
func (r *rig) accepted(id string, minor int64) string {
	r.t.Helper()
	a := r.payout(r.request(id, minor))
	if a.status != 200 || a.text("status") != "success" || a.text("payment_id") != id || a.text("project_id") != "197" || a.text("request_id") == "" {
		r.t.Fatalf("payout: %d %s", a.status, a.raw)
	}
	return a.text("request_id")
}

func (r *rig) status(id string) answer {
	r.t.Helper()
	return r.post(statusPath, r.sealed(object{"general": object{"project_id": project, "payment_id": id}}, gate.InGeneral))
}

func (r *rig) requestStatus(id string) answer {
	r.t.Helper()
	return r.post(requestPath, r.sealed(object{"project_id": project, "request_id": id}, gate.AtTop))
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

func (r *rig) see(id string) Payout {
	r.t.Helper()
	p, err := r.sim.Payout(project, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// ledger returns "kind amount" of a payout's effects, void ones in brackets.
func (r *rig) ledger(id string) string {
	var parts []string
	for _, e := range r.sim.Ledger(LedgerFilter{Project: project, PaymentID: id}) {
		text := string(e.Kind) + " " + string(mustJSON(e.Amount))
		if e.Pending {
			text += "?"
		}
		if e.Void {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// receiver takes callbacks and answers as it is told.
type receiver struct {
	server *httptest.Server

	mu      sync.Mutex
	got     [][]byte
	answers []int // still to give, then 200
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
		raw = nil
	}
	r.got = append(r.got, raw)
	status := http.StatusOK
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	w.WriteHeader(status)
}

func (r *receiver) answer(status ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = status
}

func (r *receiver) all() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]byte{}, r.got...)
}

// callbacks returns every callback in words: "genuine success payout 0".
func (r *rig) callbacks() []string {
	r.t.Helper()
	var all []string
	for _, raw := range r.shop.all() {
		all = append(all, told(r.t, raw))
	}
	return all
}

func told(t *testing.T, raw []byte) string {
	t.Helper()
	m, err := gate.Parse(raw)
	if err != nil {
		t.Fatalf("callback %q: %v", raw, err)
	}
	text := func(path ...string) string {
		v, _ := m.Get(path...).Text()
		return v
	}
	word := "genuine"
	switch match, err := m.Verify(secret); {
	case err != nil:
		word = "forged"
	case match.Ambiguous:
		word = "ambiguous"
	}
	op := m.Get("operation")
	if items := m.Get("operations").Items(); len(items) > 0 {
		op = items[0]
	}
	kind, _ := op.Get("type").Text()
	code, _ := op.Get("code").Text()
	if errs := m.Get("errors").Items(); len(errs) > 0 {
		code, _ = errs[0].Get("code").Text()
	}
	return strings.Join(strings.Fields(strings.Join([]string{word, text("payment", "status"), kind, code}, " ")), " ")
}

// control calls the control interface and decodes what it says.
func (r *rig) control(method, path, in string, out any) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+"/control/ecommpay"+path, strings.NewReader(in))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			r.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
	return res.StatusCode
}
