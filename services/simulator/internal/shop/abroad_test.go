package shop

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
)

// leaves presses the button of the payment page and returns the shop's page that
// leads there, and the payment.
func (g *guest) leaves() (page, string) {
	g.t.Helper()
	p := g.post("/shop/checkout/page", nil)
	checkPage(g.t, p, http.StatusOK, "To the payment page")
	return p, p.url.Query().Get("payment_id")
}

func TestPage_LeadsToAxerveAndBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		decision axervesim.Decision
		page     string
		says     string
		state    payment.State
		cart     string
	}{
		"paid":      {axervesim.Approve, "/shop/confirmation", "Thank you", payment.StateAuthorized, "It is empty"},
		"declined":  {axervesim.Decline, "/shop/failure", "Amazon declined the payment", payment.StateDeclined, "Indigo scarf"},
		"abandoned": {axervesim.Abandon, "/shop/failure", "You cancelled the payment", payment.StateFailed, "Indigo scarf"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 20)
			g := w.newGuest()
			g.fills("scarf")
			p, id := g.leaves()
			sold, err := w.axerve.Payment("", id)
			if err != nil {
				t.Fatal(err)
			}
			if to := p.header.Get("Refresh"); to != "0; url="+sold.PageURL || !strings.Contains(p.text(), sold.PageURL) {
				t.Errorf("leads to %q, want %s", to, sold.PageURL)
			}
			if sold.Amount != 5440 || sold.Currency != "EUR" {
				t.Errorf("the page asks for %d %s", sold.Amount, sold.Currency)
			}
			if _, again := g.leaves(); again != id {
				t.Errorf("pressing twice opened %s and %s", id, again)
			}
			visit, err := w.axerve.Decide("", id, tt.decision)
			if err != nil {
				t.Fatal(err)
			}
			back := g.get(visit.ReturnURL)
			checkPage(t, back, http.StatusOK, tt.says)
			if back.url.Path != tt.page || w.payment(id).State != tt.state {
				t.Errorf("at %s, the payment is %s", back.url.Path, w.payment(id).State)
			}
			checkPage(t, g.get("/shop/cart"), http.StatusOK, tt.cart)
			checkPage(t, g.get("/shop/pay?payment_id="+id), http.StatusOK, tt.says)
		})
	}
}

func TestPage_AnotherWayToPayIsAnotherPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	g := w.newGuest()
	g.fills("loom")
	button := g.mustPress().TransID
	_, page := g.leaves()
	if page == button || w.payment(page).Provider != payment.Axerve || w.payment(button).Provider != payment.Computop {
		t.Errorf("the button opened %s, the page %s", button, page)
	}
}

func TestPage_WithoutACartOrPayloom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	g := w.newGuest()
	g.get("/shop/")
	checkPage(t, g.post("/shop/checkout/page", nil), http.StatusOK, "It is empty")
	checkPage(t, g.get("/shop/pay?payment_id=shop-1"), http.StatusNotFound, "the order is not yours")
	g.fills("loom")
	w.api.setDown(true)
	w.shop.payloom.patience = 1
	checkPage(t, g.post("/shop/checkout/page", nil), http.StatusOK, "cannot be reached")
}

func TestPage_MayBeLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.shop.config.Page, w.shop.config.Payouts = false, false
	g := w.newGuest()
	g.fills("loom")
	if p := g.get("/shop/cart"); strings.Contains(p.body, "pay-page") {
		t.Error("the cart offers the payment page")
	}
	if p := g.get("/shop/orders"); strings.Contains(p.body, "payouts") {
		t.Error("the merchant is offered payouts")
	}
}

var payoutID = regexp.MustCompile(`name="id" value="(payout-[a-z0-9]{12})"`)

// payoutForm returns the form of the merchant's page with its id.
func (g *guest) payoutForm() url.Values {
	g.t.Helper()
	p := g.get("/shop/orders")
	m := payoutID.FindStringSubmatch(p.body)
	if m == nil {
		g.t.Fatalf("there is no form:\n%s", p.body)
	}
	form := url.Values{"id": {m[1]}}
	for _, f := range payoutFields() {
		form.Set(f.Name, f.Value)
	}
	return form
}

func TestPayout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 50)
	g := w.newGuest()
	form := g.payoutForm()
	checkPage(t, g.post("/shop/payouts", form), http.StatusOK, "The payout is done", "Payout to a customer", "₹1,500.00", "paid")
	checkPage(t, g.post("/shop/payouts", form), http.StatusOK, "The payout is done")
	id := form.Get("id")
	if p := w.payment(id); p.State != payment.StatePaid || p.Captured != 150000 {
		t.Errorf("the payout is %s, %d", p.State, p.Captured)
	}
	if all := w.gate.Payouts(0, 0); len(all) != 1 || all[0].PaymentID != id || all[0].Currency != "INR" {
		t.Errorf("paid out: %+v", all)
	}
	for _, line := range w.log.All() {
		if strings.Contains(line.Message, "Person") {
			t.Errorf("the log says %q", line.Message)
		}
	}
}

func TestPayout_ThatIsNotMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 50)
	g := w.newGuest()
	for name, tt := range map[string]struct{ field, value, says string }{
		"no amount":         {"amount", "much", "write the amount as in 1500.00"},
		"nothing":           {"amount", "0", "write the amount as in 1500.00"},
		"a form of nobody":  {"id", "payout-1", "reload this page"},
		"declined":          {"amount", "1500.91", "The payout came to nothing: declined"},
		"without a surname": {"last_name", " ", "Payloom did not take the payout"},
	} {
		form := g.payoutForm()
		form.Set(tt.field, tt.value)
		if p := g.post("/shop/payouts", form); !strings.Contains(p.text(), tt.says) {
			t.Errorf("%s: the page does not say %q:\n%s", name, tt.says, p.body)
		}
	}
	if all := w.gate.Ledger(ecommpaysim.LedgerFilter{}); len(all) != 1 || !all[0].Void {
		t.Errorf("paid out: %+v", all)
	}
}
