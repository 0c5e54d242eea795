package shop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/internal/browsertest"
)

// browser is a buyer with a real browser.
type browser struct {
	*browsertest.Browser
	t *testing.T
}

func openBrowser(t *testing.T, width, height int64) browser {
	t.Helper()
	return browser{browsertest.Start(t, width, height), t}
}

func (b browser) paymentID() string {
	b.t.Helper()
	id, err := b.Ask("new URLSearchParams(location.search).get('payment_id')")
	if err != nil || id == "" {
		b.t.Fatalf("no payment in the address: %q, %v", id, err)
	}
	return id
}

func TestShop_InABrowser(t *testing.T) {
	w := newWorld(t, 20)
	b := openBrowser(t, 1200, 900)

	b.Open(w.url + "/shop/")
	b.Reads("h1", "Woven by hand")
	b.Shoot("home")
	b.Click("#add-blanket")
	b.Arrives("/shop/cart")
	b.Open(w.url + "/shop/")
	b.Click("#add-scarf")
	b.Arrives("/shop/cart")
	b.Reads("#total", "€183.40") // 129.00 + 49.50 + 4.90
	b.Reads(".amazon-pay-button", "Pay with Amazon")
	b.Shoot("cart")

	b.Click("input[value=express]")
	b.Reads("#total", "€193.40")
	b.checkEstimate("193.40 EUR")

	b.Click(".amazon-pay-button")
	b.Arrives("/amazon/checkout")
	b.Reads("#amount", "193.40 EUR")
	b.Shoot("amazon")
	b.Click("#continue")

	b.Arrives("/shop/review")
	b.Reads("h1", "Review your order")
	b.Reads("address", "Große Gasse 7")
	b.Reads("#instrument", "Visa **** 1111")
	b.Shoot("review")
	id := b.paymentID()
	if got := w.payment(id); got.State != payment.StateRequiresAction || got.Amount.Minor != 19340 {
		t.Fatalf("before confirmation the payment is %s of %s", got.State, got.Amount)
	}

	b.Click("#change-shipping")
	b.Arrives("/amazon/change/" + w.payment(id).Action.SessionID)
	b.Click("input[name=address][value='1']")
	b.Click("#continue")
	b.Arrives("/shop/review")
	b.Reads("address", "12 Rue de l'Été")
	b.Reads("address", "Paris")

	b.Click("#change-paymethod")
	b.Arrives("/amazon/change/" + w.payment(id).Action.SessionID)
	b.Click("input[name=instrument][value='1']")
	b.Click("#continue")
	b.Arrives("/shop/review")
	b.Reads("#instrument", "Mastercard **** 4444")
	b.Reads("address", "Paris")

	b.Click("input[value=standard]")
	b.Click("#update")
	b.Reads("#total", "€183.40")
	b.Reads("#buy-now", "€183.40")
	if got := w.payment(id).Amount.Minor; got != 18340 {
		t.Fatalf("the payment is of %d after the change", got)
	}

	b.Click("#buy-now")
	b.Reads("h1", "Confirm your payment")
	b.Reads("#amount", "183.40 EUR")
	b.Shoot("confirm")
	b.Click("#approve")
	b.Arrives("/shop/confirmation")
	b.Reads("h1", "Thank you")
	b.Reads("#state", "authorized")
	b.Shoot("confirmation")
	b.Reads("nav", "Cart")
	if got := w.payment(id); got.Authorized != 18340 || got.Captured != 0 {
		t.Fatalf("authorised %d, captured %d", got.Authorized, got.Captured)
	}

	b.Click("nav a[href='/shop/orders']")
	b.Reads(".badge", "authorized")
	b.Fill("form[action$='/capture'] input[name=amount]", "100.00")
	b.Shoot("orders-authorized")
	b.Click("form[action$='/capture'] button")
	b.Reads("[data-captured]", "€100.00")
	b.Fill("form[action$='/refund'] input[name=amount]", "40")
	b.Click("form[action$='/refund'] button")
	b.Reads("[data-refunded]", "€40.00")
	b.Shoot("orders")
	b.checkMoney(w, id, 18340, 10000, 4000)
}

// TestShop_OnAxervesPage pays on the provider's page, which is the other way, and
// pays out to a wallet from the merchant's corner.
func TestShop_OnAxervesPage(t *testing.T) {
	w := newWorld(t, 20)
	b := openBrowser(t, 1200, 900)
	b.Open(w.url + "/shop/")
	b.Click("#add-scarf")
	b.Arrives("/shop/cart")
	b.Click("#pay-page")
	b.Arrives("/axerve/pagam/pagam.aspx")
	b.Reads("#amount", "54.40 EUR")
	b.Shoot("axerve")
	b.Click("input[name=address][value='1']")
	b.Click("#approve")
	b.Arrives("/shop/confirmation")
	b.Reads("h1", "Thank you")
	b.Shoot("axerve-confirmation")
	id := b.paymentID()

	b.Click("nav a[href='/shop/orders']")
	b.Reads("#"+id+" .badge", "authorized")
	b.Click("#" + id + " form[action$='/capture'] button")
	b.Reads("#"+id+" [data-captured]", "€54.40")
	if p := w.payment(id); p.Provider != payment.Axerve || p.Captured != 5440 {
		t.Errorf("%s has captured %d", p.Provider, p.Captured)
	}

	b.Click("#payout summary")
	b.Fill("#payout input[name=amount]", "2500.00")
	b.Shoot("payout-form")
	b.Click("#payout button")
	b.Reads(".flash", "The payout is done")
	b.Reads(".badge", "paid")
	b.Reads("[data-paid]", "₹2,500.00")
	b.Shoot("payout")
	if all := w.gate.Payouts(0, 0); len(all) != 1 || all[0].Amount != 250000 {
		t.Errorf("paid out: %+v", all)
	}
}

// TestShop_OnAPhone goes the ways that do not end well, and the one that takes
// its time, on a narrow screen.
func TestShop_OnAPhone(t *testing.T) {
	w := newWorld(t, 1)
	b := openBrowser(t, 390, 844)

	b.Open(w.url + "/shop/")
	b.CheckFits()
	b.Click("#add-loom")
	b.Arrives("/shop/cart")
	b.CheckFits()
	b.Open(w.url + "/shop/orders")
	b.Click("#payout summary")
	b.CheckFits()
	b.Shoot("phone-payout")
	b.Open(w.url + "/shop/cart")
	b.Shoot("phone-cart")

	b.toReview("2") // the card that is always declined
	b.CheckFits()
	b.Shoot("phone-review")
	declined := b.paymentID()
	b.Click("#buy-now")
	b.Click("#approve")
	b.Arrives("/shop/failure")
	b.Reads("h1", "You have not been charged")
	b.Reads("main", "Amazon declined the payment")
	b.Shoot("phone-declined")

	b.Click("main a[href='/shop/cart']")
	b.Reads("#total", "€38.90")
	b.toReview("0")
	cancelled := b.paymentID()
	b.Click("#buy-now")
	b.Click("#abandon")
	b.Arrives("/shop/cancel")
	b.Reads("main", "You cancelled the payment")

	b.Click("main a[href='/shop/cart']")
	b.toReview("0")
	delayed := b.paymentID()
	b.Click("#buy-now")
	b.Click("#delay")
	b.Arrives("/shop/confirmation")
	b.Reads("h1", "Your payment is being confirmed")
	b.CheckFits()
	b.Shoot("phone-waiting")
	b.Reads("h1", "Thank you")

	b.Click("nav a[href='/shop/orders']")
	b.Reads("#"+delayed+" .badge", "authorized")
	b.Reads("#"+cancelled+" .badge", "failed")
	b.Reads("#"+declined+" .badge", "declined")
	b.CheckFits()
	b.Click("#" + delayed + " form[action$='/cancel'] button")
	b.Reads(".flash", "The cancellation is done")
	b.Reads("#"+delayed+" .badge", "cancelled")
	b.Shoot("phone-orders")
	if got := w.payment(delayed); got.State != payment.StateCancelled || got.Captured != 0 {
		t.Errorf("the payment is %s, %d captured", got.State, got.Captured)
	}
}

// toReview goes from the cart by way of Amazon to the review page, with the
// instrument of that number.
func (b browser) toReview(instrument string) {
	b.t.Helper()
	b.Click(".amazon-pay-button")
	b.Arrives("/amazon/checkout")
	b.Click("input[name=instrument][value='" + instrument + "']")
	b.Click("#continue")
	b.Arrives("/shop/review")
	b.Reads("h1", "Review your order")
}

// checkEstimate checks what the button was told of the order's amount.
func (b browser) checkEstimate(want string) {
	b.t.Helper()
	testkit.Eventually(b.t, browsertest.Patience, func() error {
		label, err := b.Ask("document.querySelector('.amazon-pay-button').getAttribute('aria-label')")
		if err == nil && !strings.Contains(label, want) {
			err = fmt.Errorf("the button says %q, want %q", label, want)
		}
		return err
	})
}

// checkMoney compares the ledgers of both sides.
func (b browser) checkMoney(w *world, id string, authorized, captured, refunded int64) {
	b.t.Helper()
	testkit.Eventually(b.t, browsertest.Patience, func() error {
		p := w.payment(id)
		if p.Authorized != authorized || p.Captured != captured || p.Refunded != refunded {
			return fmt.Errorf("payloom has %d, %d, %d", p.Authorized, p.Captured, p.Refunded)
		}
		return nil
	})
	sums := map[string]int64{}
	for _, p := range w.sim.Payments(0, 0) {
		sums["authorized"] += p.AmountAuth
		sums["captured"] += p.AmountCap
		sums["refunded"] += p.AmountCred
	}
	want := map[string]int64{"authorized": authorized, "captured": captured, "refunded": refunded}
	for kind, n := range want {
		if sums[kind] != n {
			b.t.Errorf("paygate %s %d, want %d", kind, sums[kind], n)
		}
	}
}
