package shop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
)

// patience bounds each step in the browser; two cores may be busy elsewhere.
const patience = 40 * time.Second

// browser is a real browser that a test clicks in.
type browser struct {
	t     *testing.T
	ctx   context.Context //nolint:containedctx // the library's handle of the browser
	stop  context.CancelFunc
	shots string // where screenshots go
}

// openBrowser starts a browser that ends with the test. Screenshots go to the
// folder that SHOP_SHOTS names, for a person to look at, or to a temporary one.
func openBrowser(t *testing.T, width, height int64) *browser {
	t.Helper()
	if !haveBrowser() {
		t.Fatal("no browser: make ensure installs one")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(release) // kills the browser and waits for its end
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, stop: cancel, shots: os.Getenv("SHOP_SHOTS")}
	if b.shots == "" {
		b.shots = t.TempDir()
	}
	// The browser lives as long as the context of the first step, which has no timeout.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	b.listen()
	return b
}

// listen fails the test for what the browser refused by policy, and for scripts
// that failed, on the shop's own pages.
func (b *browser) listen() {
	var done sync.WaitGroup
	done.Go(func() {
		for m, err := range chromedp.Console(b.ctx) {
			bad := m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleWarning
			if err == nil && bad && strings.Contains(m.URL+m.Text, "/shop/") {
				b.t.Errorf("the browser says: %s (%s)", m.Text, m.URL)
			}
		}
	})
	b.t.Cleanup(func() { b.stop(); done.Wait() })
}

// haveBrowser looks for the names that chromedp looks for.
func haveBrowser() bool {
	for _, name := range []string{"headless_shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	_, err := os.Stat("/Applications/Google Chrome.app")
	return err == nil
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := b.try(steps...); err != nil {
		b.t.Fatalf("%s: %v (at %s)\n%s", what, err, b.at(), b.seen())
	}
}

func (b *browser) try(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

func (b *browser) open(url string) { b.t.Helper(); b.do("open "+url, chromedp.Navigate(url)) }

// click waits for what is to be clicked on.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.do("fill "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// ask evaluates an expression in the page.
func (b *browser) ask(expression string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](expression))
}

func (b *browser) at() string {
	at, _ := b.ask("location.href.split('?')[0]")
	return at
}

// seen is the text of the page, for what a failing test has to say.
func (b *browser) seen() string {
	text, _ := b.ask("document.body ? document.body.innerText : ''")
	return text
}

// reads waits until the element's text contains want.
func (b *browser) reads(selector, want string) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() error {
		got, err := b.ask(fmt.Sprintf("(document.querySelector(%q) || {innerText: ''}).innerText", selector))
		if err != nil {
			return err
		}
		if !strings.Contains(got, want) {
			return fmt.Errorf("%s reads %q, want %q, at %s:\n%s", selector, got, want, b.at(), b.seen())
		}
		return nil
	})
}

// arrives waits until the browser is at a page whose path ends so.
func (b *browser) arrives(path string) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() error {
		if at := b.at(); !strings.HasSuffix(at, path) {
			return fmt.Errorf("at %s, want %s:\n%s", at, path, b.seen())
		}
		return nil
	})
}

// shoot takes a picture of the whole page.
func (b *browser) shoot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil && len(picture) == 0 {
		err = errors.New("it is empty")
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), picture, 0o600)
	}
	if err != nil {
		b.t.Fatalf("picture %s: %v", name, err)
	}
}

func (b *browser) paymentID() string {
	b.t.Helper()
	id, err := b.ask("new URLSearchParams(location.search).get('payment_id')")
	if err != nil || id == "" {
		b.t.Fatalf("no payment in the address: %q, %v", id, err)
	}
	return id
}

func TestShop_InABrowser(t *testing.T) {
	w := newWorld(t, 20)
	b := openBrowser(t, 1200, 900)

	b.open(w.url + "/shop/")
	b.reads("h1", "Woven by hand")
	b.shoot("home")
	b.click("#add-blanket")
	b.arrives("/shop/cart")
	b.open(w.url + "/shop/")
	b.click("#add-scarf")
	b.arrives("/shop/cart")
	b.reads("#total", "€183.40") // 129.00 + 49.50 + 4.90
	b.reads(".amazon-pay-button", "Pay with Amazon")
	b.shoot("cart")

	b.click("input[value=express]")
	b.reads("#total", "€193.40")
	b.checkEstimate("193.40 EUR")

	b.click(".amazon-pay-button")
	b.arrives("/amazon/checkout")
	b.reads("#amount", "193.40 EUR")
	b.shoot("amazon")
	b.click("#continue")

	b.arrives("/shop/review")
	b.reads("h1", "Review your order")
	b.reads("address", "Große Gasse 7")
	b.reads("#instrument", "Visa **** 1111")
	b.shoot("review")
	id := b.paymentID()
	if got := w.payment(id); got.State != payment.StateRequiresAction || got.Amount.Minor != 19340 {
		t.Fatalf("before confirmation the payment is %s of %s", got.State, got.Amount)
	}

	b.click("#change-shipping")
	b.arrives("/amazon/change/" + w.payment(id).Action.SessionID)
	b.click("input[name=address][value='1']")
	b.click("#continue")
	b.arrives("/shop/review")
	b.reads("address", "12 Rue de l'Été")
	b.reads("address", "Paris")

	b.click("#change-paymethod")
	b.arrives("/amazon/change/" + w.payment(id).Action.SessionID)
	b.click("input[name=instrument][value='1']")
	b.click("#continue")
	b.arrives("/shop/review")
	b.reads("#instrument", "Mastercard **** 4444")
	b.reads("address", "Paris")

	b.click("input[value=standard]")
	b.click("#update")
	b.reads("#total", "€183.40")
	b.reads("#buy-now", "€183.40")
	if got := w.payment(id).Amount.Minor; got != 18340 {
		t.Fatalf("the payment is of %d after the change", got)
	}

	b.click("#buy-now")
	b.reads("h1", "Confirm your payment")
	b.reads("#amount", "183.40 EUR")
	b.shoot("confirm")
	b.click("#approve")
	b.arrives("/shop/confirmation")
	b.reads("h1", "Thank you")
	b.reads("#state", "authorized")
	b.shoot("confirmation")
	b.reads("nav", "Cart")
	if got := w.payment(id); got.Authorized != 18340 || got.Captured != 0 {
		t.Fatalf("authorised %d, captured %d", got.Authorized, got.Captured)
	}

	b.click("nav a[href='/shop/orders']")
	b.reads(".badge", "authorized")
	b.fill("form[action$='/capture'] input[name=amount]", "100.00")
	b.shoot("orders-authorized")
	b.click("form[action$='/capture'] button")
	b.reads("[data-captured]", "€100.00")
	b.fill("form[action$='/refund'] input[name=amount]", "40")
	b.click("form[action$='/refund'] button")
	b.reads("[data-refunded]", "€40.00")
	b.shoot("orders")
	b.checkMoney(w, id, 18340, 10000, 4000)
}

// TestShop_OnAPhone goes the ways that do not end well, and the one that takes
// its time, on a narrow screen.
func TestShop_OnAPhone(t *testing.T) {
	w := newWorld(t, 1)
	b := openBrowser(t, 390, 844)

	b.open(w.url + "/shop/")
	b.checkFits()
	b.click("#add-loom")
	b.arrives("/shop/cart")
	b.checkFits()
	b.shoot("phone-cart")

	b.toReview("2") // the card that is always declined
	b.checkFits()
	b.shoot("phone-review")
	declined := b.paymentID()
	b.click("#buy-now")
	b.click("#approve")
	b.arrives("/shop/failure")
	b.reads("h1", "You have not been charged")
	b.reads("main", "Amazon declined the payment")
	b.shoot("phone-declined")

	b.click("main a[href='/shop/cart']")
	b.reads("#total", "€38.90")
	b.toReview("0")
	cancelled := b.paymentID()
	b.click("#buy-now")
	b.click("#abandon")
	b.arrives("/shop/cancel")
	b.reads("main", "You cancelled the payment")

	b.click("main a[href='/shop/cart']")
	b.toReview("0")
	delayed := b.paymentID()
	b.click("#buy-now")
	b.click("#delay")
	b.arrives("/shop/confirmation")
	b.reads("h1", "Your payment is being confirmed")
	b.checkFits()
	b.shoot("phone-waiting")
	b.reads("h1", "Thank you")

	b.click("nav a[href='/shop/orders']")
	b.reads("#"+delayed+" .badge", "authorized")
	b.reads("#"+cancelled+" .badge", "failed")
	b.reads("#"+declined+" .badge", "declined")
	b.checkFits()
	b.click("#" + delayed + " form[action$='/cancel'] button")
	b.reads(".flash", "The cancellation is done")
	b.reads("#"+delayed+" .badge", "cancelled")
	b.shoot("phone-orders")
	if got := w.payment(delayed); got.State != payment.StateCancelled || got.Captured != 0 {
		t.Errorf("the payment is %s, %d captured", got.State, got.Captured)
	}
}

// toReview goes from the cart by way of Amazon to the review page, with the
// instrument of that number.
func (b *browser) toReview(instrument string) {
	b.t.Helper()
	b.click(".amazon-pay-button")
	b.arrives("/amazon/checkout")
	b.click("input[name=instrument][value='" + instrument + "']")
	b.click("#continue")
	b.arrives("/shop/review")
	b.reads("h1", "Review your order")
}

// checkFits checks that nothing is wider than the screen.
func (b *browser) checkFits() {
	b.t.Helper()
	got, err := b.ask("document.documentElement.scrollWidth + ' of ' + window.innerWidth")
	var page, screen int
	if _, scanErr := fmt.Sscanf(got, "%d of %d", &page, &screen); err != nil || scanErr != nil {
		b.t.Fatalf("width %q: %v, %v", got, err, scanErr)
	}
	if page > screen {
		b.t.Errorf("the page is wider than the screen at %s: %s", b.at(), got)
	}
}

// checkEstimate checks what the button was told of the order's amount.
func (b *browser) checkEstimate(want string) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() error {
		label, err := b.ask("document.querySelector('.amazon-pay-button').getAttribute('aria-label')")
		if err == nil && !strings.Contains(label, want) {
			err = fmt.Errorf("the button says %q, want %q", label, want)
		}
		return err
	})
}

// checkMoney compares the ledgers of both sides.
func (b *browser) checkMoney(w *world, id string, authorized, captured, refunded int64) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() error {
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
