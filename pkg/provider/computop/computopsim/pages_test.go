package computopsim

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// browser follows links by hand: redirects to the shop are looked at, not
// followed.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{t: t, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type page struct {
	status   int
	location string
	text     string
}

func (b *browser) do(req *http.Request, err error) page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{res.StatusCode, res.Header.Get("Location"), string(raw)}
}

func (b *browser) get(link string) page {
	b.t.Helper()
	return b.do(http.NewRequestWithContext(b.t.Context(), http.MethodGet, link, nil))
}

// submit posts the page's form with these values, which the page must offer.
func (b *browser) submit(p page, values ...string) page {
	b.t.Helper()
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(p.text)
	if action == nil {
		b.t.Fatalf("no form on the page:\n%s", p.text)
	}
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		if !strings.Contains(p.text, `name="`+values[i]+`" value="`+values[i+1]+`"`) {
			b.t.Fatalf("the page does not offer %s=%s", values[i], values[i+1])
		}
		form.Set(values[i], values[i+1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, html.UnescapeString(action[1]), strings.NewReader(form.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.do(req, err)
}

// buttonLink is where checkout.js leads.
func (r *rig) buttonLink(init paygate.Message) string {
	return r.server.URL + "/amazon/checkout?" + url.Values{
		"payload":     {init.Get("buttonpayload")},
		"signature":   {init.Get("buttonsignature")},
		"publicKeyId": {init.Get("buttonpublickeyid")},
	}.Encode()
}

// TestPages_Walk is a buyer who chooses, changes both choices after the shop
// changed the amount, and approves.
func TestPages_Walk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	init := r.call("amazonAPA.aspx", r.initFields("T-1", "Amount", "12345"))

	choose := b.get(r.buttonLink(init))
	if choose.status != 200 || !strings.Contains(choose.text, "123.45 EUR") {
		t.Fatalf("checkout page %d:\n%s", choose.status, choose.text)
	}
	back := b.submit(choose, "instrument", "1", "address", "1")
	review := r.returned(back.location)
	if back.status != http.StatusSeeOther || !strings.HasPrefix(back.location, "https://shop.example/review?o=1&") {
		t.Errorf("to the shop: %d %s", back.status, back.location)
	}
	if review.Get("AddrStreet") != "12 Rue de l'Été" || !strings.HasPrefix(review.Get("amazonpaymentdescriptor"), "Mastercard") {
		t.Errorf("review %s", review)
	}

	session := review.Get("amazoncheckoutsessionid")
	change := b.get(r.server.URL + "/amazon/change/" + session + "?action=changeAddress")
	if strings.Contains(change.text, `name="instrument"`) {
		t.Error("changing the address offers cards")
	}
	r.returned(b.submit(change, "address", "2").location)
	change = b.get(r.server.URL + "/amazon/change/" + session + "?action=changePayment")
	if strings.Contains(change.text, `name="address"`) {
		t.Error("changing the card offers addresses")
	}
	review = r.returned(b.submit(change, "instrument", "0").location)
	if review.Get("AddrCountryCode") != "GB" || !strings.HasPrefix(review.Get("amazonpaymentdescriptor"), "Visa **** 1111") {
		t.Errorf("review after the changes: %s", review)
	}
	update := r.call("amazonAPA.aspx", followUp(review.Get("PayID"), "T-1", "9999", "CountryCode", "EU", "eventToken", "UpdateAuthorizeAmount"))
	checkCode(t, "update", update, "0")

	confirm := b.get(review.Get("amazonpayredirecturl"))
	if confirm.status != 200 || !strings.Contains(confirm.text, "99.99 EUR") || !strings.Contains(confirm.text, "1 Sample Road") {
		t.Fatalf("confirm page %d:\n%s", confirm.status, confirm.text)
	}
	done := b.submit(confirm, "decision", "approve")
	result := r.returned(done.location)
	checkCode(t, "return", result, paygate.Success)
	checkTotals(t, "return", result, "9999/0/0")
	r.quiet()
	checkTotals(t, "notify", r.lastNotify(), "9999/0/0")

	over := b.submit(confirm, "decision", "decline")
	if over.status != http.StatusConflict {
		t.Errorf("a second decision: %d", over.status)
	}
	for _, link := range []string{review.Get("amazonpayredirecturl"), r.buttonLink(init)} {
		if p := b.get(link); p.status != 200 || !strings.Contains(p.text, "This checkout is over: done.") {
			t.Errorf("page of a finished checkout: %d", p.status)
		}
	}
}

func TestPages_EachDecision(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		instrument, decision, url string
		code                      paygate.Code
	}{
		"declines":               {"0", "decline", "https://shop.example/nok?", "22520100"},
		"cancels":                {"0", "abandon", "https://shop.example/cancel?", "22520053"},
		"waits":                  {"0", "delay", "https://shop.example/ok?", "62520985"},
		"uses a card that fails": {"2", "approve", "https://shop.example/nok?", "22520100"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			b := newBrowser(t)
			init := r.call("amazonAPA.aspx", r.initFields("T-1"))
			review := r.returned(b.submit(b.get(r.buttonLink(init)), "instrument", c.instrument, "address", "0").location)
			end := b.submit(b.get(review.Get("amazonpayredirecturl")), "decision", c.decision)
			if !strings.HasPrefix(end.location, c.url) {
				t.Errorf("leads to %s", end.location)
			}
			checkCode(t, "return", r.returned(end.location), c.code)
		})
	}
}

func TestPages_Refusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := newBrowser(t)
	init := r.call("amazonAPA.aspx", r.initFields("T-1"))
	session := r.payment("T-1").Session
	for name, broken := range map[string]paygate.Message{
		"another payload":    with(init, "buttonpayload", "{}"),
		"another signature":  with(init, "buttonsignature", "AAAA"),
		"another public key": with(init, "buttonpublickeyid", "SANDBOX-B"),
	} {
		lower := paygate.Message{}
		for _, f := range broken { // names came in any case
			lower.Add(strings.ToLower(f.Name), f.Value)
		}
		for _, f := range broken {
			if strings.HasPrefix(f.Name, "button") && f.Value != init.Get(f.Name) {
				lower = with(lower, f.Name, f.Value)
			}
		}
		if p := b.get(r.buttonLink(lower)); p.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, p.status)
		}
	}
	if p := b.get(r.server.URL + "/amazon/confirm/" + session); p.status != 200 || strings.Contains(p.text, "approve") {
		t.Errorf("confirming before choosing: %d", p.status)
	}
	for path, want := range map[string]int{"/amazon/confirm/nobody": 404, "/amazon/change/nobody": 404, "/nothing": 404} {
		if p := b.get(r.server.URL + path); p.status != want {
			t.Errorf("%s: %d, want %d", path, p.status, want)
		}
	}
	for form, want := range map[string]int{
		"/amazon/confirm/" + session + "?decision=steal":   400,
		"/amazon/confirm/" + session + "?decision=review":  400,
		"/amazon/confirm/" + session + "?decision=approve": 409,
		"/amazon/confirm/nobody?decision=approve":          404,
		"/amazon/checkout/" + session + "?instrument=9":    400,
		"/amazon/checkout/" + session + "?address=x":       400,
	} {
		if p := b.do(http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+form, nil)); p.status != want {
			t.Errorf("%s: %d, want %d", form, p.status, want)
		}
	}
}

// TestPages_ShowNothingOfOthers: what a shop sends is shown, not run.
func TestPages_Escape(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	init := r.call("amazonAPA.aspx", r.initFields(`<script>alert(1)</script>`))
	if p := newBrowser(t).get(r.buttonLink(init)); p.status != 200 || strings.Contains(p.text, "<script>") {
		t.Errorf("page %d:\n%s", p.status, p.text)
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newBrowser(t).get(r.server.URL + "/checkout.js")
	for _, name := range []string{"renderButton", "onClick", "initCheckout", "updateButtonInfo", "bindChangeAction"} {
		if !strings.Contains(p.text, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestMajorUnits(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		amount   int64
		currency string
	}{
		"0.01": {1, "EUR"}, "123.45": {12345, "EUR"}, "500": {500, "JPY"}, "1.234": {1234, "KWD"}, "0.05": {5, "USD"},
	} {
		if got := majorUnits(c.amount, c.currency); got != want {
			t.Errorf("%d %s: %s, want %s", c.amount, c.currency, got, want)
		}
	}
}
