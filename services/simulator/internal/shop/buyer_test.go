package shop

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
)

// guest is a browser without a screen: it keeps cookies, follows redirects
// and sends the forms of the pages it was shown.
type guest struct {
	t    *testing.T
	w    *world
	http *http.Client
	csrf string
}

func (w *world) newGuest() *guest {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &guest{t: w.t, w: w, http: &http.Client{Jar: jar}}
}

// page is an answer that was read.
type page struct {
	status int
	header http.Header
	url    *url.URL
	body   string
}

func (p page) text() string { return html.UnescapeString(p.body) }

var token = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (g *guest) do(r *http.Request) page {
	g.t.Helper()
	res, err := g.http.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	if m := token.FindSubmatch(text); m != nil {
		g.csrf = string(m[1])
	}
	return page{res.StatusCode, res.Header, res.Request.URL, string(text)}
}

// get opens an address, which may be a path of the shop's.
func (g *guest) get(address string) page {
	g.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = g.w.url + address
	}
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.do(r)
}

func (g *guest) post(path string, form url.Values) page {
	g.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if !form.Has("csrf") {
		form.Set("csrf", g.csrf)
	}
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return g.do(r)
}

// fills puts a product into the cart.
func (g *guest) fills(product string) {
	g.t.Helper()
	g.get("/shop/")
	if p := g.post("/shop/cart", url.Values{"add": {product}}); p.status != http.StatusOK {
		g.t.Fatalf("adding %s: %d\n%s", product, p.status, p.body)
	}
}

// presses presses the button.
func (g *guest) presses() (int, checkoutAnswer) {
	g.t.Helper()
	p := g.post("/shop/checkout", nil)
	var a checkoutAnswer
	if err := json.Unmarshal([]byte(p.body), &a); err != nil {
		g.t.Fatalf("checkout: %d, %v\n%s", p.status, err, p.body)
	}
	return p.status, a
}

// mustPress returns the payment that the button opened.
func (g *guest) mustPress() computopsim.Payment {
	g.t.Helper()
	if status, a := g.presses(); status != http.StatusOK || a.PayloadJSON == "" || a.Signature == "" || a.PublicKeyID == "" {
		g.t.Fatalf("checkout: %d, %+v", status, a)
	}
	all := g.w.sim.Payments(0, 0)
	return all[len(all)-1]
}

// decides does at Amazon what a buyer would do, and returns the shop's page that
// follows.
func (g *guest) decides(p computopsim.Payment, d computopsim.Decision) page {
	g.t.Helper()
	visit, err := g.w.sim.Decide(p.Merchant, p.TransID, d)
	if err != nil {
		g.t.Fatal(err)
	}
	if d == computopsim.Review {
		return g.get(visit.ReviewURL)
	}
	return g.get(visit.ReturnURL)
}

// buys goes all the way and returns the payment's id at Payloom.
func (g *guest) buys(product string) string {
	g.t.Helper()
	g.fills(product)
	p := g.mustPress()
	review := g.decides(p, computopsim.Review)
	checkPage(g.t, review, http.StatusOK, "Review your order")
	checkPage(g.t, g.decides(p, computopsim.Approve), http.StatusOK, "Thank you")
	return review.url.Query().Get("payment_id")
}

func checkPage(t *testing.T, p page, status int, words ...string) {
	t.Helper()
	if p.status != status {
		t.Errorf("%s: status %d, want %d", p.url.Path, p.status, status)
	}
	for _, w := range words {
		if !strings.Contains(p.text(), w) {
			t.Errorf("%s does not say %q:\n%s", p.url.Path, w, p.body)
		}
	}
}
