package axervesim

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// browse follows no redirect: a test looks at where it leads.
func (r *rig) browse(method, link string, form url.Values) (int, string, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, link, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := *r.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header.Get("Location")
}

func (r *rig) pageURL(crypt string) string {
	r.t.Helper()
	link, err := gestpay.Environment{PageBase: r.server.URL}.RedirectURL(r.shop.Login, crypt)
	if err != nil {
		r.t.Fatal(err)
	}
	return link
}

func TestPage_ABuyerPays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	link := r.pageURL(r.encrypted("p-1"))
	for range 2 { // a page may be loaded again
		status, page, _ := r.browse("GET", link, nil)
		if status != 200 || !strings.Contains(page, `<td id="amount">49.90 EUR</td>`) || !strings.Contains(page, "Wien") {
			t.Fatalf("status %d: %s", status, page)
		}
	}
	_, page, _ := r.browse("GET", link, nil)
	_, rest, _ := strings.Cut(page, `action="`)
	action, _, _ := strings.Cut(rest, `"`)
	if !strings.HasPrefix(action, r.server.URL+"/pagam/amazonpay/") {
		t.Fatalf("action %q", action)
	}
	status, _, to := r.browse("POST", action, url.Values{"decision": {"approve"}, "instrument": {"1"}, "address": {"1"}})
	if status != http.StatusSeeOther || !strings.HasPrefix(to, r.inbox.server.URL+"/ok?a=") {
		t.Fatalf("status %d to %s", status, to)
	}
	checkReply(t, "the return", r.decrypt(queryOf(t, to)), gestpay.PaymentOK, "0")
	if o := r.read("p-1").Order; o.Shipping.City != "Wien" || len(o.Shipping.Lines) != 2 || o.Billing.City != "Wien" {
		t.Errorf("%+v", o)
	}
	for _, again := range [][2]string{{"GET", link}, {"POST", action}} {
		if status, page, _ := r.browse(again[0], again[1], url.Values{"decision": {"approve"}}); status != 200 || !strings.Contains(page, `<span id="code">1137</span>`) {
			t.Errorf("%s again: status %d, %s", again[0], status, page)
		}
	}
	r.checkLedger("p-1", "charge 4990")
}

func TestPage_TheCardThatIsDeclined(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	crypt := r.encrypted("p-1")
	_, _, to := r.browse("POST", r.server.URL+"/pagam/amazonpay/"+crypt, url.Values{"decision": {"approve"}, "instrument": {"2"}})
	if !strings.HasPrefix(to, r.inbox.server.URL+"/ko?lang=en&a=") {
		t.Errorf("to %s", to)
	}
	checkReply(t, "the return", r.decrypt(strings.TrimPrefix(queryOf(t, to), "lang=en&")), gestpay.PaymentKO, "74")
}

func TestPage_ASecondPageForAPaidID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, second := r.encrypted("p-1"), r.encrypted("p-1")
	if first == second {
		t.Fatal("the same string twice")
	}
	if status, _, _ := r.browse("POST", r.server.URL+"/pagam/amazonpay/"+first, url.Values{"decision": {"approve"}}); status != http.StatusSeeOther {
		t.Fatalf("status %d", status)
	}
	_, page, to := r.browse("POST", r.server.URL+"/pagam/amazonpay/"+second, url.Values{"decision": {"approve"}})
	if to != "" || !strings.Contains(page, "1137") {
		t.Errorf("to %s: %s", to, page)
	}
	r.checkLedger("p-1", "charge 4990")
}

func TestPage_LinksThatAreNotRight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := url.QueryEscape(r.encrypted("p-1"))
	for query, code := range map[string]gestpay.Code{
		"":                                          codePageNoShop,
		"b=" + b:                                    codePageNoShop,
		"a=" + unified:                              codePageNoString,
		"a=" + unified + "&b=":                      codePageNoString,
		"a=" + unified + "&b=" + b + "&c=1":         codePageExtra,
		"a=" + unified + "&b=" + b + "&b=" + b:      codePageTwice,
		"a=GESPAY99999&b=" + b:                      codeShopUnknown,
		"a=" + inactive + "&b=" + b:                 codeShopInactive,
		"a=" + separated + "&b=" + b:                codeNotEncrypted,
		"a=" + unified + "&b=forged":                codeNotEncrypted,
		"A=" + unified + "&B=" + b:                  codePageNoShop,
		"a=" + unified + "&b=" + b[:len(b)-1]:       codeNotEncrypted,
		"a=" + unified + "&b=" + b + "&a=" + b:      codePageTwice,
		"a=" + unified + "&b=" + strings.ToUpper(b): codeNotEncrypted,
	} {
		status, page, _ := r.browse("GET", r.server.URL+"/pagam/pagam.aspx?"+query, nil)
		if status != 200 || !strings.Contains(page, `<span id="code">`+string(code)+`</span>`) {
			t.Errorf("%s: status %d, %s", query, status, page)
		}
	}
	if status, _, _ := r.browse("POST", r.server.URL+"/PAGAM/Pagam.aspx", url.Values{"a": {unified}, "b": {r.encrypted("p-2")}}); status != 200 {
		t.Errorf("a form: status %d", status)
	}
	if status, _, _ := r.browse("DELETE", r.server.URL+"/pagam/pagam.aspx", nil); status != 400 {
		t.Errorf("another method: status %d", status)
	}
}

func TestPage_ChoicesThatAreNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	action := r.server.URL + "/pagam/amazonpay/" + r.encrypted("p-1")
	for _, form := range []url.Values{
		{}, {"decision": {"steal"}}, {"decision": {"approve"}, "instrument": {"9"}}, {"decision": {"approve"}, "address": {"x"}},
	} {
		if status, _, _ := r.browse("POST", action, form); status != http.StatusBadRequest {
			t.Errorf("%v: status %d", form, status)
		}
	}
	if _, page, _ := r.browse("POST", r.server.URL+"/pagam/amazonpay/forged", url.Values{"decision": {"approve"}}); !strings.Contains(page, "1136") {
		t.Errorf("a forged session: %s", page)
	}
	r.checkLedger("p-1", "")
}

func TestPage_Expires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	crypt := r.encrypted("p-1")
	if err := r.sim.Expire(unified, "p-1"); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.Expire(unified, "p-1"); err == nil {
		t.Error("expired twice")
	}
	if _, page, _ := r.browse("GET", r.pageURL(crypt), nil); !strings.Contains(page, "4800") {
		t.Errorf("page %s", page)
	}
	if _, page, _ := r.browse("POST", r.server.URL+"/pagam/amazonpay/"+crypt, url.Values{"decision": {"approve"}}); !strings.Contains(page, "4800") {
		t.Errorf("page %s", page)
	}
	r.quiet()
	if n := len(r.inbox.all()); n != 0 {
		t.Errorf("%d notifications of what nobody did", n)
	}
	// A new page for the same id is as good as the first.
	r.encrypted("p-1")
	if visit := r.decide("p-1", Approve); visit.Stage != StageDone {
		t.Errorf("%+v", visit)
	}
}

func TestPage_SaysWhenMoneyIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for agreement, want := range map[string]string{"": "<td>now</td>", gestpay.PayNowAndRecurring: "each further payment", gestpay.OnlyRecurring: "not now"} {
		crypt := r.encrypted("p-"+agreement, func(q *gestpay.EncryptRequest) { q.BillingAgreement = agreement })
		if _, page, _ := r.browse("GET", r.pageURL(crypt), nil); !strings.Contains(page, want) {
			t.Errorf("%s: %s", agreement, page)
		}
	}
	s := r.as(separated)
	for agreement, want := range map[string]string{"": "<td>when the order ships</td>", gestpay.PayNowAndRecurring: "ships, and again"} {
		crypt := s.encrypted("p-"+agreement, func(q *gestpay.EncryptRequest) { q.BillingAgreement = agreement })
		if _, page, _ := s.browse("GET", s.pageURL(crypt), nil); !strings.Contains(page, want) || strings.Contains(page, "Send to") {
			t.Errorf("%s: %s", agreement, page)
		}
	}
}
