package shop

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
)

func TestPages_BeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	tests := map[string]struct {
		path   string
		status int
		says   string
	}{
		"the shelf":                         {"/shop/", 200, "€129.00"},
		"an empty cart":                     {"/shop/cart", 200, "It is empty"},
		"no orders":                         {"/shop/orders", 200, "There are none yet"},
		"the merchant's list alone":         {"/shop/orders/rows", 200, "There are none yet"},
		"a page that does not exist":        {"/shop/nowhere", 404, "There is nothing here"},
		"a review of nothing":               {"/shop/review", 404, "There is nothing here"},
		"a review of somebody's order":      {"/shop/review?payment_id=shop-1", 404, "the order is not yours"},
		"a confirmation of nothing":         {"/shop/confirmation?payment_id=shop-1&result=success", 404, "the order is not yours"},
		"a failure of nothing":              {"/shop/failure", 404, "the order is not yours"},
		"a cancellation of nothing":         {"/shop/cancel", 404, "the order is not yours"},
		"a status of nothing":               {"/shop/status?payment_id=shop-1", 404, "{}"},
		"the style":                         {"/shop/assets/shop.css", 200, "--main"},
		"a template, which is no asset":     {"/shop/assets/cart.html", 404, ""},
		"an asset that steps out of bounds": {"/shop/assets/%2e%2e/cart.html", 404, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkPage(t, w.newGuest().get(tt.path), tt.status, tt.says)
		})
	}
}

func TestPages_Headers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g := w.newGuest()
	g.fills("scarf")
	p := g.get("/shop/cart")
	policy := p.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self' " + w.url, "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %q: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(p.body, "<style") || strings.Contains(p.body, " style=") {
		t.Errorf("something is inline: %s", policy)
	}
	if got := p.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %s", got)
	}
	cookie := w.newGuest().get("/shop/").header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/shop/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s: %s", want, cookie)
		}
	}
}

// TestPages_OneHost checks that a visitor who knows this machine by another name
// is led to the one that Payloom sends buyers back to.
func TestPages_OneHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.newGuest().get(strings.Replace(w.url, "127.0.0.1", "localhost", 1) + "/shop/cart?a=b")
	checkPage(t, p, http.StatusOK, "Your cart")
	if got := p.url.String(); got != w.url+"/shop/cart?a=b" {
		t.Errorf("led to %s", got)
	}
}

func TestForms_OnlyOurOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	stranger := w.newGuest()
	stranger.get("/shop/")
	tests := map[string]struct {
		token, site string
		want        int
	}{
		"the page's token":             {"", "same-origin", 200},
		"no token":                     {"-", "same-origin", 403},
		"another session's token":      {stranger.csrf, "same-origin", 403},
		"the token, from another site": {"", "cross-site", 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := w.newGuest()
			g.get("/shop/")
			if tt.token == "" {
				tt.token = g.csrf
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/shop/cart", strings.NewReader("add=loom&csrf="+url.QueryEscape(tt.token)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", tt.site)
			if got := g.do(r); got.status != tt.want {
				t.Errorf("status %d, want %d", got.status, tt.want)
			}
			in := strings.Contains(g.get("/shop/cart").body, "Little loom")
			if in != (tt.want == 200) {
				t.Errorf("the loom is in the cart: %v", in)
			}
		})
	}
}

func TestCheckout_OncePerCart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g := w.newGuest()
	g.fills("loom")
	first := g.mustPress()
	if again := g.mustPress(); again.PayID != first.PayID {
		t.Errorf("pressed twice, opened %s and %s", first.TransID, again.TransID)
	}
	g.fills("scarf")
	if other := g.mustPress(); other.PayID == first.PayID || other.Amount != 3400+4950+490 {
		t.Errorf("another cart: %+v", other)
	}
	if len(w.api.opened) != 2 {
		t.Errorf("payments opened by key: %v", w.api.opened)
	}
}

func TestCheckout_ThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.shop.payloom.patience = 300 * time.Millisecond
	g := w.newGuest()
	g.get("/shop/")
	if status, a := g.presses(); status != http.StatusConflict || a.Problem != "Your cart is empty." {
		t.Errorf("an empty cart: %d, %+v", status, a)
	}
	g.fills("loom")
	w.api.setDown(true)
	if status, a := g.presses(); status != http.StatusServiceUnavailable || !strings.Contains(a.Problem, "press the button again") {
		t.Errorf("payloom is down: %d, %+v", status, a)
	}
	w.api.setDown(false)
	g.mustPress()
	if len(w.sim.Payments(0, 0)) != 1 {
		t.Errorf("%d payments were opened", len(w.sim.Payments(0, 0)))
	}
}

func TestReview_IsTheBuyersOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g, other := w.newGuest(), w.newGuest()
	g.fills("loom")
	mine := g.decides(g.mustPress(), computopsim.Review)
	checkPage(t, mine, http.StatusOK, "Große Gasse 7", "Visa **** 1111", "Confirm and pay €38.90")
	if mine.url.Query().Has("result") {
		t.Errorf("the address still says where the buyer comes from: %s", mine.url)
	}
	theirs := other.get(mine.url.String())
	checkPage(t, theirs, http.StatusNotFound, "the order is not yours")
	if strings.Contains(theirs.body, "Gasse") {
		t.Error("another visitor sees the address")
	}
}

func TestReview_ChangesTheAmount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g := w.newGuest()
	g.fills("loom")
	p := g.mustPress()
	review := g.decides(p, computopsim.Review)
	id := review.url.Query().Get("payment_id")

	changed := g.post("/shop/review", url.Values{"payment_id": {id}, "quantity-loom": {"3"}, "delivery": {"pickup"}})
	checkPage(t, changed, http.StatusOK, "Confirm and pay €102.00")
	if got := w.payment(id).Amount.Minor; got != 10200 {
		t.Errorf("payloom has %d", got)
	}
	if now, err := w.sim.Payment(p.Merchant, p.TransID); err != nil || now.Amount != 10200 {
		t.Errorf("paygate has %d, %v", now.Amount, err)
	}

	nothing := g.post("/shop/review", url.Values{"payment_id": {id}, "quantity-loom": {"0"}})
	checkPage(t, nothing, http.StatusOK, "An order needs at least one thing", "Confirm and pay €102.00")
	back := g.post("/shop/review", url.Values{"payment_id": {id}, "quantity-loom": {"1"}, "delivery": {"standard"}})
	checkPage(t, back, http.StatusOK, "Confirm and pay €38.90")
}

// TestReview_WithAnotherAmount checks that nobody confirms what the page does not
// show.
func TestReview_WithAnotherAmount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g := w.newGuest()
	g.fills("loom")
	id := g.decides(g.mustPress(), computopsim.Review).url.Query().Get("payment_id")
	w.shop.memory.change(id, func(o *order) { o.Cart = o.Cart.clone(); o.Cart.set("loom", 2) })
	p := g.get(path("review", id))
	checkPage(t, p, http.StatusOK, "Amazon Pay is asked for €38.90")
	if strings.Contains(p.body, "buy-now") {
		t.Error("the buyer may confirm")
	}
}

func TestOutcome_AddressProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.shop.waits.outcome = 200 * time.Millisecond
	g := w.newGuest()
	g.fills("loom")
	p := g.mustPress()
	id := g.decides(p, computopsim.Review).url.Query().Get("payment_id")
	for _, page := range []string{"confirmation", "failure", "cancel"} {
		checkPage(t, g.get(path(page, id)+"&result=success"), http.StatusOK, "Your payment is being confirmed", "Back to the review")
	}
	w.shop.waits = defaultWaits()
	checkPage(t, g.decides(p, computopsim.Approve), http.StatusOK, "Thank you")
	for _, page := range []string{"failure", "cancel"} {
		checkPage(t, g.get(path(page, id)+"&result=failure"), http.StatusOK, "Thank you")
	}
	checkPage(t, g.get("/shop/cart"), http.StatusOK, "It is empty")
	checkPage(t, g.get(path("review", id)), http.StatusOK, "Thank you")
}

func TestOutcome_OfADecline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g := w.newGuest()
	g.fills("loom")
	p := g.mustPress()
	g.decides(p, computopsim.Review)
	checkPage(t, g.decides(p, computopsim.Decline), http.StatusOK, "You have not been charged", "Amazon declined the payment")
	checkPage(t, g.get("/shop/cart"), http.StatusOK, "Little loom")
	if next := g.mustPress(); next.PayID == p.PayID {
		t.Error("the next press did not open another payment")
	}
}

func TestOrders_CaptureAndRefund(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	g := w.newGuest()
	id := g.buys("blanket")
	checkPage(t, g.get("/shop/orders"), http.StatusOK, id, "authorized", `value="133.90"`)

	version := fmt.Sprint(w.payment(id).Version)
	for range 2 { // a double click
		g.post("/shop/orders/"+id+"/capture", url.Values{"amount": {"100"}, "version": {version}})
	}
	p := w.payment(id)
	if p.Captured != 10000 || len(p.Operations) != 2 {
		t.Errorf("captured %d by %d operations", p.Captured, len(p.Operations))
	}
	version = fmt.Sprint(p.Version)
	checkPage(t, g.post("/shop/orders/"+id+"/refund", url.Values{"amount": {"25.50"}, "version": {version}}), http.StatusOK, "The refund is done", "€25.50")
	tooMuch := g.post("/shop/orders/"+id+"/refund", url.Values{"amount": {"75"}, "version": {version}})
	checkPage(t, tooMuch, http.StatusOK, "The refund came to nothing")
	if p = w.payment(id); p.Refunded != 2550 || p.State != payment.StatePartiallyRefunded {
		t.Errorf("%s, refunded %d", p.State, p.Refunded)
	}
}

func TestOrders_BadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g := w.newGuest()
	id := g.buys("scarf")
	tests := map[string]struct {
		path, amount string
		status       int
		says         string
	}{
		"no amount":            {id + "/capture", "", 200, "write the amount as in 12.50, in EUR"},
		"words":                {id + "/capture", "all of it", 200, "write the amount"},
		"nothing":              {id + "/capture", "0.00", 200, "write the amount"},
		"too many decimals":    {id + "/refund", "1.005", 200, "write the amount"},
		"no such action":       {id + "/steal", "1", 200, "is no action"},
		"no such order":        {"shop-none/capture", "1", 404, "There is nothing here"},
		"more than authorised": {id + "/capture", "999.99", 200, "The capture came to nothing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			checkPage(t, g.post("/shop/orders/"+tt.path, url.Values{"amount": {tt.amount}, "version": {"1"}}), tt.status, tt.says)
		})
	}
	if got := w.payment(id); got.Captured != 0 {
		t.Errorf("captured %d", got.Captured)
	}
}

// TestLog_HoldsNobody checks that the shop's log tells no buyer's name, address or
// instrument, nor a key.
func TestLog_HoldsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.shop.payloom.patience = 100 * time.Millisecond
	g := w.newGuest()
	id := g.buys("loom")
	w.api.setDown(true)
	checkPage(t, g.get(path("confirmation", id)), http.StatusServiceUnavailable, "One moment, please")
	checkPage(t, g.get(path("review", id)), http.StatusServiceUnavailable, "One moment, please")
	checkPage(t, g.get("/shop/orders"), http.StatusOK, "not known yet")
	g.post("/shop/orders/"+id+"/capture", url.Values{"amount": {"1"}, "version": {"1"}})
	if w.log.Len() == 0 {
		t.Fatal("nothing was logged while payloom was down")
	}
	for _, line := range w.log.All() {
		text := fmt.Sprint(line.Message, line.ContextMap())
		for _, secret := range []string{"Buyer", "Gasse", "Visa", apiKey, g.csrf} {
			if strings.Contains(text, secret) {
				t.Errorf("the log tells %q: %s", secret, text)
			}
		}
	}
}
