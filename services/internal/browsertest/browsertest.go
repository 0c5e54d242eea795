// Package browsertest drives a real browser inside a test.
package browsertest

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

	"github.com/payloom/payloom/pkg/testkit"
)

// Patience bounds each step in the browser; two cores may be busy elsewhere.
const Patience = 40 * time.Second

// Browser is a real browser that a test clicks in. A step that fails, or takes longer
// than Patience, fails the test and shows the page's text.
type Browser struct {
	t     testing.TB
	ctx   context.Context //nolint:containedctx // the library's handle of the browser
	stop  context.CancelFunc
	shots string // where screenshots go
}

// Start starts a browser that ends with the test. Its window is so many pixels wide
// and high. Screenshots go to the
// folder that BROWSER_SHOTS names, for a person to look at, or to a temporary one.
func Start(t testing.TB, width, height int64) *Browser {
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
	b := &Browser{t: t, ctx: ctx, stop: cancel, shots: os.Getenv("BROWSER_SHOTS")}
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
// that failed, on pages of the shop.
func (b *Browser) listen() {
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

func (b *Browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := b.try(steps...); err != nil {
		b.t.Fatalf("%s: %v (at %s)\n%s", what, err, b.at(), b.seen())
	}
}

func (b *Browser) try(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Open goes to an address.
func (b *Browser) Open(url string) { b.t.Helper(); b.do("open "+url, chromedp.Navigate(url)) }

// Click waits until the element can be seen, and clicks on it.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// Fill replaces the text of an input field.
func (b *Browser) Fill(selector, text string) {
	b.t.Helper()
	b.do("fill "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Ask evaluates an expression of type string in the page.
func (b *Browser) Ask(expression string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](expression))
}

func (b *Browser) at() string {
	at, _ := b.Ask("location.href.split('?')[0]")
	return at
}

// seen is the text of the page, for what a failing test has to say.
func (b *Browser) seen() string {
	text, _ := b.Ask("document.body ? document.body.innerText : ''")
	return text
}

// Reads waits until the element's text contains want.
func (b *Browser) Reads(selector, want string) {
	b.t.Helper()
	testkit.Eventually(b.t, Patience, func() error {
		got, err := b.Ask(fmt.Sprintf("(document.querySelector(%q) || {innerText: ''}).innerText", selector))
		if err != nil {
			return err
		}
		if !strings.Contains(got, want) {
			return fmt.Errorf("%s reads %q, want %q, at %s:\n%s", selector, got, want, b.at(), b.seen())
		}
		return nil
	})
}

// Arrives waits until the browser is at a page whose path ends so.
func (b *Browser) Arrives(path string) {
	b.t.Helper()
	testkit.Eventually(b.t, Patience, func() error {
		if at := b.at(); !strings.HasSuffix(at, path) {
			return fmt.Errorf("at %s, want %s:\n%s", at, path, b.seen())
		}
		return nil
	})
}

// Shoot takes a picture of the whole page.
func (b *Browser) Shoot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
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

// CheckFits checks that nothing is wider than the screen.
func (b *Browser) CheckFits() {
	b.t.Helper()
	got, err := b.Ask("document.documentElement.scrollWidth + ' of ' + window.innerWidth")
	var page, screen int
	if _, scanErr := fmt.Sscanf(got, "%d of %d", &page, &screen); err != nil || scanErr != nil {
		b.t.Fatalf("width %q: %v, %v", got, err, scanErr)
	}
	if page > screen {
		b.t.Errorf("the page is wider than the screen at %s: %s", b.at(), got)
	}
}
