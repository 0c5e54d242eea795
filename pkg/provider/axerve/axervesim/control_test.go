package axervesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// control calls the control interface and decodes what it says.
func (r *rig) control(method, path, in string, out any) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+controlPrefix+path, strings.NewReader(in))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode
}

func TestControl_ALife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.encrypted("p-1")
	var p Payment
	if status := r.control("GET", "/payments/p-1", "", &p); status != 200 || p.Stage != StageOpen || !strings.HasPrefix(p.PageURL, r.server.URL+"/pagam/pagam.aspx?a="+unified+"&b=") {
		t.Fatalf("status %d, %+v", status, p)
	}
	if status, _, _ := r.browse("GET", p.PageURL, nil); status != 200 {
		t.Errorf("page: status %d", status)
	}
	var v Visit
	if status := r.control("POST", "/payments/p-1/approve?shop="+unified, "", &v); status != 200 || v.Result != "OK" || v.ReturnURL == "" {
		t.Errorf("status %d, %+v", status, v)
	}
	var ledger []Entry
	if status := r.control("GET", "/ledger?shop_transaction_id=p-1", "", &ledger); status != 200 || len(ledger) != 1 || ledger[0].Kind != KindCharge || ledger[0].Seq != 1 {
		t.Errorf("status %d, %+v", status, ledger)
	}
	if status := r.control("POST", "/payments/p-1/notify", "", &p); status != 200 || p.Captured != 4990 || p.State != "MOV" {
		t.Errorf("status %d, %+v", status, p)
	}
	var order map[string]string
	if status := r.control("POST", "/orders", `{"shop":"`+unified+`"}`, &order); status != 200 || !gestpay.OrderReference(order["order_reference"]).Valid() {
		t.Errorf("status %d, %v", status, order)
	}
	r.quiet()
	var st Stats
	if status := r.control("GET", "/stats", "", &st); status != 200 || st.Payments != 1 || st.Calls[OpEncrypt] != 1 || st.NotifiesAnswered != 2 {
		t.Errorf("status %d, %+v", status, st)
	}
	var all []Payment
	if status := r.control("GET", "/payments?skip=0&limit=5", "", &all); status != 200 || len(all) != 1 {
		t.Errorf("status %d, %+v", status, all)
	}
}

func TestControl_Statuses(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	r.authorised("p-1")
	r.encrypted("p-2")
	for _, c := range []struct {
		method, path, in string
		want             int
	}{
		{"GET", "/payments/nobody", "", 404},
		{"POST", "/payments/nobody/approve", "", 404},
		{"POST", "/payments/p-1/approve", "", 409},
		{"POST", "/payments/p-1/steal", "", 404},
		{"POST", "/payments/p-1/night", "", 409},
		{"POST", "/payments/p-1/finish", "", 409},
		{"POST", "/payments/p-1/finish-bad", "", 409},
		{"POST", "/payments/p-1/expire", "", 409},
		{"POST", "/payments/p-1/forge", "", 200},
		{"POST", "/payments/p-1/back-settle", "", 200},
		{"POST", "/payments/p-1/back-delete", "", 409},
		{"POST", "/payments/p-2/notify", "", 409},
		{"POST", "/payments/p-2/expire", "", 200},
		{"POST", "/orders", `{"shop":"GESPAY99999"}`, 404},
		{"POST", "/orders", `{"shop":"` + unified + `","effect":"steal"}`, 400},
		{"POST", "/orders", `{"shop":"` + unified + `","order_reference":"S02-0000000-0000000"}`, 404},
		{"POST", "/orders", `{"shap":"x"}`, 400},
		{"POST", "/tokens/x/revoke", "", 404},
		{"POST", "/shops/" + unified + "/urls", `{"positive":"http://x/","negative":"","notify":"http://x/n"}`, 200},
		{"POST", "/shops/" + unified + "/urls", `{"positive":"x"}`, 400},
		{"POST", "/shops/" + unified + "/urls", `{"where":"http://x/"}`, 400},
		{"POST", "/shops/nobody/urls", `{}`, 404},
		{"POST", "/autopilot", `[{"decision":"approve","delay":"1ms"}]`, 200},
		{"POST", "/autopilot", `[{"decision":"steal"}]`, 400},
		{"POST", "/autopilot", `[{"decide":"approve"}]`, 400},
		{"GET", "/autopilot", "", 200},
		{"POST", "/rules", `{"fault":"slow"}`, 200},
		{"POST", "/rules", `{"fault":"meteor"}`, 400},
		{"GET", "/rules", "", 200},
		{"DELETE", "/rules/1", "", 200},
		{"DELETE", "/rules/1", "", 404},
		{"DELETE", "/rules", "", 200},
		{"GET", "/ledger?after=x", "", 400},
		{"GET", "/payments?skip=-1", "", 400},
		{"POST", "/latency", `{"latency":"1ms"}`, 200},
		{"POST", "/outage", `{"duration":"0s"}`, 200},
	} {
		var out any
		if got := r.control(c.method, c.path, c.in, &out); got != c.want {
			t.Errorf("%s %s %s: status %d, want %d: %v", c.method, c.path, c.in, got, c.want, out)
		}
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetLatency(time.Millisecond)
	r.sim.Outage(time.Hour)
	_, err := r.try(t.Context(), gestpay.ReadRequest{Shop: r.shop, ShopTransactionID: "p-1"})
	var f *gestpay.Fault
	if !errors.As(err, &f) || f.Status != http.StatusServiceUnavailable {
		t.Errorf("%v", err)
	}
	r.sim.Outage(0)
	checkReply(t, "afterwards", r.read("p-1"), gestpay.NotFound, "2011")
}

func TestAutopilot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	err := r.sim.SetAutopilot(AutopilotRule{Suffix: "-no", Decision: Decline}, AutopilotRule{Suffix: "-man"}, AutopilotRule{Decision: Approve, Delay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a-no", "b-man", "c"} {
		r.encrypted(id)
	}
	r.quiet()
	got := map[string]Stage{}
	for _, p := range r.sim.Payments(0, 0) {
		got[p.ShopTransactionID] = p.Stage
	}
	if diff := cmp.Diff(map[string]Stage{"a-no": StageDeclined, "b-man": StageOpen, "c": StageDone}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSetURLs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.sim.SetURLs(unified, URLs{}); err != nil {
		t.Fatal(err)
	}
	crypt := r.encrypted("p-1")
	status, page, to := r.browse("POST", r.server.URL+"/pagam/amazonpay/"+crypt, map[string][]string{"decision": {"approve"}})
	r.quiet()
	if status != 200 || to != "" || !strings.Contains(page, "no address to return to") || len(r.inbox.all()) != 0 {
		t.Errorf("status %d to %s: %s", status, to, page)
	}
	if err := r.sim.Forge(unified, "p-1"); !errors.Is(err, ErrStage) {
		t.Errorf("%v", err)
	}
}

func TestNew_Refusals(t *testing.T) {
	t.Parallel()
	good := Shop{Login: "GESPAY1", APIKey: "k"}
	change := func(f func(*Shop)) Config {
		s := good
		f(&s)
		return Config{Shops: []Shop{s}}
	}
	for want, cfg := range map[string]Config{
		"Shops: none":           {},
		"TimeScale: negative":   {Shops: []Shop{good}, TimeScale: -1},
		"NotifyWorkers":         {Shops: []Shop{good}, NotifyWorkers: -1},
		"BaseURL":               {Shops: []Shop{good}, BaseURL: "http://x/"},
		"twice":                 {Shops: []Shop{good, good}},
		"Shops[0]: Login":       change(func(s *Shop) { s.Login = "a b" }),
		"Shops[0]: APIKey":      change(func(s *Shop) { s.APIKey = "" }),
		"Shops[0]: Automatic:":  change(func(s *Shop) { s.Automatic = "x" }),
		"AutomaticAfter":        change(func(s *Shop) { s.Automatic, s.Separated, s.AutomaticAfter = "delete", true, 26*24*time.Hour }),
		"IPs: not a pattern":    change(func(s *Shop) { s.IPs = []string{"["} }),
		"Shops[0]: PositiveURL": change(func(s *Shop) { s.PositiveURL = "x" }),
		"Shops[0]: NotifyURL":   change(func(s *Shop) { s.NotifyURL = "http://x/#f" }),
	} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestSeed: the same seed gives the same ids whatever the order of calls.
func TestSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, ids ...string) map[string]Payment {
		r := newRig(t, func(c *Config) { c.Seed = seed })
		out := map[string]Payment{}
		for _, id := range ids {
			r.encrypted(id, func(q *gestpay.EncryptRequest) { q.BillingAgreement = gestpay.PayNowAndRecurring })
			r.decide(id, Approve)
		}
		for _, p := range r.sim.Payments(0, 0) {
			_, p.PageURL, _ = strings.Cut(p.PageURL, "?")
			p.Created = time.Time{}
			out[p.ShopTransactionID] = p
		}
		return out
	}
	there, back, other := run(7, "a", "b"), run(7, "b", "a"), run(8, "a", "b")
	if diff := cmp.Diff(there, back); diff != "" {
		t.Errorf("order matters: %s", diff)
	}
	if there["a"].BankTransactionID == other["a"].BankTransactionID {
		t.Error("two seeds give the same ids")
	}
}

// TestConcurrency: a hundred shops' calls at once, one effect for each payment.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	var wg sync.WaitGroup
	for i := range 40 {
		id := "p-" + string(rune('a'+i%20)) // two for each id
		wg.Go(func() {
			reply, err := r.try(t.Context(), gestpay.PayRequest{Shop: r.shop, Money: euro(4990),
				ShopTransactionID: gestpay.ShopTransactionID(id), OrderReference: "S02-7654321-1234567"})
			if err != nil {
				t.Error(err)
			}
			for range 2 {
				if _, err := r.try(t.Context(), gestpay.SettleRequest{Shop: r.shop, Money: euro(4990), ShopTransactionID: gestpay.ShopTransactionID(id)}); err != nil {
					t.Error(err)
				}
			}
			if o := reply.Outcome(); o != gestpay.PaymentOK && o != gestpay.Unknown {
				t.Errorf("%s: %s", id, o)
			}
		})
	}
	wg.Wait()
	for i := range 20 {
		r.checkLedger("p-"+string(rune('a'+i)), "authorize 4990, capture 4990")
	}
	if n := len(r.sim.Ledger(LedgerFilter{})); n != 40 {
		t.Errorf("%d effects", n)
	}
	if got := r.sim.Ledger(LedgerFilter{After: 3, Limit: 2}); len(got) != 2 || got[0].Seq != 4 {
		t.Errorf("%+v", got)
	}
}
