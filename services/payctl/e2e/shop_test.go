package e2e

import (
	"net/url"
	"testing"

	"github.com/payloom/payloom/services/internal/browsertest"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// TestShop buys in the demo shop with a real browser, through the real programs,
// and then looks at every ledger.
func TestShop(t *testing.T) {
	s := start(t, stack.Options{})
	b := browsertest.Start(t, 1200, 900)

	b.Open(s.URLs().Simulator + "/shop/")
	b.Click("#add-loom")
	b.Arrives("/shop/cart")
	b.Reads("#total", "€38.90")
	b.Click(".amazon-pay-button")
	b.Arrives("/amazon/checkout")
	b.Click("#continue")

	b.Arrives("/shop/review")
	b.Reads("address", "Große Gasse 7")
	b.Reads("#instrument", "Visa **** 1111")
	b.Click("#change-shipping")
	b.Click("input[name=address][value='2']")
	b.Click("#continue")
	b.Arrives("/shop/review")
	b.Reads("address", "Exampleton")
	b.Click("input[value=express]")
	b.Click("#update")
	b.Reads("#buy-now", "€48.90")

	b.Click("#buy-now")
	b.Reads("#amount", "48.90 EUR")
	b.Click("#approve")
	b.Arrives("/shop/confirmation")
	b.Reads("h1", "Thank you")
	id := query(t, b, "payment_id")

	b.Click("nav a[href='/shop/orders']")
	b.Reads("#"+id+" .badge", "authorized")
	b.Fill("form[action$='/capture'] input[name=amount]", "40.00")
	b.Click("form[action$='/capture'] button")
	b.Reads("[data-captured]", "€40.00")
	b.Fill("form[action$='/refund'] input[name=amount]", "15.50")
	b.Click("form[action$='/refund'] button")
	b.Reads("[data-refunded]", "€15.50")
	b.Reads("#"+id+" .badge", "partially refunded")
	b.Shoot("e2e-orders")

	report := checkVerified(t, s)
	if report.Effects != 3 {
		t.Errorf("%d effects at the provider, want an authorisation, a capture and a refund", report.Effects)
	}
}

// query returns a parameter of the address that the browser is at.
func query(t *testing.T, b *browsertest.Browser, name string) string {
	t.Helper()
	at, err := b.Ask("location.href")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}
