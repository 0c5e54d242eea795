package callback_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// reviewed is what the browser brings to the review page.
func reviewed(id payment.ID, change ...string) []string {
	return notify(id, append([]string{
		"Status", "REQUEST", "Code", "0", "AmountAuth", "0", "amazonpayredirecturl", "https://amazon.example/confirm",
		"addrname", "Receiver", "AddrStreet", "Street 1", "AddrCity", "Town", "AddrZip", "12345", "AddrCountryCode", "DE",
	}, change...)...)
}

func TestReturn(t *testing.T) {
	t.Parallel()
	const id = "order-1"
	good := sealed(t, macKey, notify(id))
	for name, c := range map[string]struct {
		method, page, query, body string
		parsers                   callback.Parsers
		status                    int
		to                        string // Location
		stored                    bool
	}{
		"success leads to the shop, its query kept": {page: "success", query: good, status: 303, to: shop + "done?basket=7&payment_id=order-1&result=success"},
		"a posted return as well":                   {method: "POST", page: "success", body: good, status: 303, to: shop + "done?basket=7&payment_id=order-1&result=success"},
		"failure":                                   {page: "failure", query: sealed(t, macKey, notify(id, "Status", "FAILED", "Code", "22520305")), status: 303, to: shop + "failed?payment_id=order-1&result=failure"},
		"cancel":                                    {page: "cancel", query: good, status: 303, to: shop + "cancelled?payment_id=order-1&result=cancel"},
		"review is stored, then led on":             {page: "review", query: sealed(t, macKey, reviewed(id)), status: 303, to: shop + "review?payment_id=order-1&result=review", stored: true},
		"what the buyer adds is not passed on":      {page: "success", query: good + "&to=https://evil.example&payment_id=x", status: 303, to: shop + "done?basket=7&payment_id=order-1&result=success"},
		"a payment nobody knows":                    {page: "success", query: sealed(t, macKey, notify("order-2")), status: 404},
		"a payment without that page":               {page: "review", query: sealed(t, macKey, reviewed("bare")), status: 404},
		"a page of the shop that is none":           {page: "success", query: sealed(t, macKey, notify("odd")), status: 404},
		"what nobody can read":                      {page: "success", query: "Len=8&Data=0011223344556677", status: 400},
		"nothing at all":                            {page: "success", status: 400},
		"half a query":                              {page: "success", query: good + "&a=%zz", status: 400},
		"half a form":                               {method: "POST", page: "success", body: good + "&a=%zz", status: 400},
		"a wrong MAC":                               {page: "success", query: sealed(t, "another key", notify(id)), status: 400},
		"a page that does not exist":                {page: "admin", query: good, status: 404},
		"a form that is too large":                  {method: "POST", page: "success", body: strings.Repeat("x", callback.MaxBody+1), status: 413},
		"HEAD is not allowed":                       {method: "HEAD", page: "success", query: good, status: 405},
		"an account without parser":                 {page: "success", query: good, parsers: noParser, status: 503},
		"a provider without returns":                {page: "success", query: good, parsers: failing(provider.ErrForged), status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *callback.Options) {
				if c.parsers != nil {
					o.Parsers = c.parsers
				}
			})
			w.append(id, opened(id, ""))
			w.append("bare", openedFor("bare", "", payment.ReturnURLs{Success: shop}))
			w.append("odd", openedFor("odd", "", payment.ReturnURLs{Success: "javascript:alert(1)"}))
			before := w.find(id).Version
			got := w.do(or(c.method, "GET"), "/returns/computop/"+endpoint+"/"+c.page+"?"+c.query, c.body)
			if got.status != c.status || got.header.Get("Location") != c.to {
				t.Errorf("status %d to %q, want %d to %q", got.status, got.header.Get("Location"), c.status, c.to)
			}
			if n := len(w.stored()); (n == 1) != c.stored || n > 1 {
				t.Errorf("%d callbacks are stored, want one: %v", n, c.stored)
			}
			if w.find(id).Version != before {
				t.Error("the return changed the payment")
			}
			if c.to == "" && c.method != "HEAD" {
				checkFriendly(t, got)
			}
			if got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("header lets the address travel on: %v", got.header)
			}
		})
	}
}

// checkFriendly wants a page for people that tells nothing.
func checkFriendly(t *testing.T, got reply) {
	t.Helper()
	if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
		t.Errorf("content type %q, want HTML", got.header.Get("Content-Type"))
	}
	if !strings.Contains(got.body, "go back to the shop") {
		t.Error("the page does not say where to go")
	}
	for _, secret := range []string{payIDOf("order-1"), endpoint, "order-", "example"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
}

func TestReturn_WithoutCancelPageLeadsToFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", openedFor("order-1", "", payment.ReturnURLs{Success: shop, Failure: shop + "failed"}))
	got := w.do("GET", "/returns/computop/"+endpoint+"/cancel?"+w.sealed(notify("order-1")), "")
	if want := shop + "failed?payment_id=order-1&result=cancel"; got.header.Get("Location") != want {
		t.Errorf("leads to %q, want %q", got.header.Get("Location"), want)
	}
}

// TestReturn_StandsInNobodysWay has the buyer bring the provider's own message to
// the review page first: the provider's is stored all the same.
func TestReturn_StandsInNobodysWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	body := w.sealed(reviewed("order-1"))
	w.do("GET", "/returns/computop/"+endpoint+"/review?"+body, "")
	w.mustNotify(body)
	all := w.stored()
	if len(all) != 2 || all[0].Kind != wire.FromBuyerBrowser || all[1].Kind != wire.FromServer {
		t.Errorf("%d callbacks are stored, want the browser's and the server's", len(all))
	}
}

// TestReturn_EveryReviewIsStored has the buyer change the address at the provider
// and come back: the message has the same mark and tells more.
func TestReturn_EveryReviewIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	for _, town := range []string{"Town", "Village", "Village"} {
		got := w.do("GET", "/returns/computop/"+endpoint+"/review?"+w.sealed(reviewed("order-1", "AddrCity", town)), "")
		if got.status != http.StatusSeeOther {
			t.Fatalf("status %d, want 303", got.status)
		}
	}
	if n := len(w.stored()); n != 2 {
		t.Errorf("%d reviews are stored, want 2", n)
	}
}
