package ecommpaysim

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

func TestPayout_Refuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	cases := map[string]struct {
		path  string
		value any
		code  string
	}{
		"a project that nobody has":             {"general.project_id", 1, codeProject},
		"a project as text":                     {"general.project_id", "197", codeValidation},
		"a project with decimals":               {"general.project_id", 197.5, codeValidation},
		"a payment id as a number":              {"general.payment_id", 5, codeValidation},
		"a payment id without end":              {"general.payment_id", long, codePaymentID},
		"an amount as text":                     {"payment.amount", "10000", codeValidation},
		"an amount with decimals":               {"payment.amount", 100.5, codeValidation},
		"an amount of nothing":                  {"payment.amount", 0, codeValidation},
		"an amount below zero":                  {"payment.amount", -100, codeValidation},
		"an amount below the limit":             {"payment.amount", 99, codeBelowLimit},
		"an amount above the limit":             {"payment.amount", 40_000_001, codeAboveLimit},
		"a currency that the method lacks":      {"payment.currency", "EUR", codeCurrency},
		"a currency in small letters":           {"payment.currency", "inr", codeCurrency},
		"no IP address":                         {"customer.ip_address", "here", codeValidation},
		"an IP address with a zone":             {"customer.ip_address", "fe80::1%x", codeValidation},
		"an e-mail address that is none":        {"customer.email", "ada", codeEmail},
		"a name without end":                    {"customer.first_name", long, codeValidation},
		"an account with a plus sign":           {"account.number", "+919811181996", codeValidation},
		"an account of nine digits":             {"account.number", "981118199", codeValidation},
		"an account as a number":                {"account.number", 9811181996, codeValidation},
		"a callback to nowhere":                 {"general.merchant_callback_url", "nowhere", codeValidation},
		"a callback that is no text":            {"general.merchant_callback_url", 5, codeValidation},
		"a semicolon":                           {"customer.address", "a;b", codeValidation},
		"a blank name":                          {"customer.last_name", " ", codeMissing},
		"an address that is null":               {"customer.address", nil, codeMissing},
		"no general":                            {"general", nil, codeMissing},
		"an account that is not an object":      {"account", "9811181996", codeMissing},
		"a list whose order nobody agrees upon": {"list", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, ""},
		"a member that nobody knows":            {"x", object{"y": true}, ""},
		"the least":                             {"payment.amount", 100, ""},
		"the most":                              {"payment.amount", 40_000_000, ""},
		"an IPv6 address":                       {"customer.ip_address", "2001:db8::1", ""},
	}
	r := newRig(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := &rig{t: t, sim: r.sim, server: r.server, shop: r.shop}
			o := set(r.request("R-"+strings.ReplaceAll(name, " ", "-"), 10000), c.path, c.value)
			var a answer
			if c.path == "general" {
				a = r.post(payoutPath, mustJSON(o))
			} else {
				a = r.payout(o)
			}
			if got := a.refusal(); got != c.code || (a.status == 200) != (c.code == "") {
				t.Errorf("%d, code %q: %s", a.status, got, a.raw)
			}
		})
	}
	for _, q := range required {
		if a := r.payout(set(r.request("R", 10000), q.object+"."+q.name, nil)); a.refusal() != codeMissing || a.text("field") != q.object+"."+q.name {
			t.Errorf("%s.%s: %s", q.object, q.name, a.raw)
		}
	}
	if s := r.sim.Stats(); s.Payouts != 5 || s.Calls[OpPayout] != len(cases)+len(required) || s.Refusals[codeMissing] != len(required)+4 {
		t.Errorf("stats %+v", s)
	}
}

func TestPayout_Signature(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := r.sealed(r.request("P", 10000), gate.InGeneral)
	cases := map[string]struct {
		path, body string
		code       string
	}{
		"no JSON":                     {payoutPath, "payment=1", codeMalformed},
		"a member twice":              {payoutPath, strings.Replace(string(good), "{", `{"account":{},`, 1), codeMalformed},
		"a megabyte":                  {payoutPath, `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, codeMalformed},
		"no signature":                {payoutPath, string(mustJSON(r.request("P", 10000))), codeNoSignature},
		"at the top":                  {payoutPath, string(r.sealed(r.request("P", 10000), gate.AtTop)), codeSignature},
		"another amount than signed":  {payoutPath, strings.Replace(string(good), "10000", "20000", 1), codeSignature},
		"another project than signed": {payoutPath, strings.Replace(string(good), "197", "818", 1), codeSignature},
		"another method":              {"/v2/payment/wallet/paytm/payout", string(good), codeMethod},
		"status: no signature":        {statusPath, `{"general":{"project_id":197,"payment_id":"P"}}`, codeNoSignature},
		"status: no payment id":       {statusPath, `{"general":{"project_id":197}}`, codeMissing},
		"status: wrong":               {statusPath, `{"general":{"project_id":197,"payment_id":"P","signature":"x"}}`, codeSignature},
		"request: no request id":      {requestPath, `{"project_id":197}`, codeMissing},
		"request: no project":         {requestPath, `{"request_id":"r"}`, codeValidation},
		"request: wrong":              {requestPath, `{"project_id":197,"request_id":"r","signature":"x"}`, codeSignature},
	}
	for name, c := range cases {
		if a := r.post(c.path, []byte(c.body)); a.status != 400 || a.refusal() != c.code || a.text("message") == "" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if len(r.sim.Ledger(LedgerFilter{})) != 0 {
		t.Error("money moved")
	}
	res, err := r.server.Client().Post(r.server.URL+payoutPath, "text/plain", strings.NewReader(string(good)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("as plain text: %d", res.StatusCode)
	}
}

func TestPayout_Dollars(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, minor := range []int64{1, math.MaxInt64} {
		o := set(r.request("U-"+string(mustJSON(minor)), minor), "payment.currency", "USD")
		if a := r.payout(o); a.status != 200 {
			t.Errorf("%d: %s", minor, a.raw)
		}
	}
	r.quiet()
	a := r.status("U-1")
	op := a.Get("operations").Items()[0]
	initial, _ := op.Get("sum_initial", "currency").Text()
	converted, _ := op.Get("sum_converted", "currency").Text()
	if initial != "USD" || converted != "INR" {
		t.Errorf("initial %s, converted %s", initial, converted)
	}
}

// A payment_id is used once, and only within its project.
func TestPayout_Unique(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("P", 10000)
	if a := r.payout(r.request("P", 10000)); a.refusal() != codeDuplicate || a.status != 400 {
		t.Errorf("at once: %s", a.raw)
	}
	r.quiet()
	if a := r.payout(r.request("P", 20000)); a.refusal() != codeDuplicate {
		t.Errorf("later, with another amount: %s", a.raw)
	}
	m, err := gate.Parse(mustJSON(set(r.request("P", 10000), "general.project_id", otherProject)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := m.Signed("other-secret", gate.InGeneral)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.post(payoutPath, body); a.status != 200 {
		t.Errorf("in another project: %s", a.raw)
	}
	if got := r.ledger("P"); got != "payout 10000" {
		t.Errorf("ledger %q", got)
	}
}

func TestPayout_ErrorList(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.ErrorList = true })
	a := r.payout(r.request("P", 1))
	items := a.Get("errors").Items()
	if a.status != 400 || len(items) != 1 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if code, _ := items[0].Get("code").Text(); code != codeBelowLimit {
		t.Errorf("code %s", code)
	}
}
