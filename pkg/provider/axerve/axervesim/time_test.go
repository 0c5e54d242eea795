package axervesim

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// These tests run in bubbles whose clock jumps, with TimeScale 1: real days.
// Nothing may use a socket; that every goroutine ends is checked by the bubble.

// deliveries stands in for the network and counts.
type deliveries struct {
	count  atomic.Int64
	status int
	at     []time.Duration
	since  time.Time
}

func (d *deliveries) RoundTrip(req *http.Request) (*http.Response, error) {
	d.count.Add(1)
	d.at = append(d.at, time.Since(d.since))
	if d.status == 0 {
		return nil, errors.New("unreachable")
	}
	return &http.Response{StatusCode: d.status, Body: http.NoBody, Request: req}, nil
}

type bubble struct {
	t    *testing.T
	sim  *Simulator
	net  *deliveries
	shop gestpay.Shop
}

func newBubble(t *testing.T, change ...func(*Config)) *bubble {
	t.Helper()
	net := &deliveries{status: http.StatusOK, since: time.Now()}
	cfg := Config{
		Shops:        []Shop{{Login: separated, APIKey: apiKey, Separated: true, NotifyURL: "http://shop.test/notify"}},
		Seed:         1,
		NotifyClient: &http.Client{Transport: net}, NotifyWorkers: 1,
	}
	for _, c := range change {
		c(&cfg)
	}
	sim, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return &bubble{t: t, sim: sim, net: net, shop: gestpay.Shop{Login: separated, APIKey: apiKey}}
}

func (b *bubble) call(req gestpay.Request) gestpay.Reply {
	b.t.Helper()
	m, err := gestpay.Build(gestpay.SOAP11, req)
	if err != nil {
		b.t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, req.Operation().Path(), bytesReader(m.Body))
	r.Header = m.Header()
	b.sim.ServeHTTP(w, r)
	reply, err := gestpay.Parse(req.Operation(), w.Code, w.Body.Bytes())
	if err != nil {
		b.t.Fatal(err)
	}
	return reply
}

func (b *bubble) authorised(id gestpay.ShopTransactionID) {
	b.t.Helper()
	b.call(gestpay.EncryptRequest{Shop: b.shop, Money: euro(4990), ShopTransactionID: id})
	if _, err := b.sim.Decide(separated, string(id), Approve); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bubble) read(id gestpay.ShopTransactionID) gestpay.Reply {
	b.t.Helper()
	return b.call(gestpay.ReadRequest{Shop: b.shop, ShopTransactionID: id})
}

func (b *bubble) settle(id gestpay.ShopTransactionID) gestpay.Reply {
	b.t.Helper()
	return b.call(gestpay.SettleRequest{Shop: b.shop, Money: euro(4990), ShopTransactionID: id})
}

func TestNotify_GivesUpAfterTwoDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.net.status = 0
		b.authorised("p-1")
		if err := b.sim.Quiesce(t.Context()); err != nil {
			t.Fatal(err)
		}
		last := b.net.at[len(b.net.at)-1]
		if len(b.net.at) < 10 || last > notifyWindow || last < notifyWindow-5*time.Hour || b.net.at[1] != time.Minute || b.net.at[2] != 3*time.Minute {
			t.Errorf("deliveries at %v", b.net.at)
		}
		if st := b.sim.Stats(); st.NotifiesGivenUp != 1 || st.UnderWay != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestNight_ExecutesWhatWasQueued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.authorised("p-1")
		if _, err := b.sim.AddRule(Rule{Operation: OpSettle, Fault: FaultQueued}); err != nil {
			t.Fatal(err)
		}
		checkReply(t, "the settle", b.settle("p-1"), gestpay.Unknown, "9999")
		time.Sleep(defaultNightDelay - time.Minute)
		if got := history(b.read("p-1")); got != "AUT 4990, PRE 4990" {
			t.Error(got)
		}
		time.Sleep(2 * time.Minute)
		if got := history(b.read("p-1")); got != "AUT 4990, PRE 4990, MOV 4990" {
			t.Error(got)
		}
	})
}

func TestAutomatic(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]string{"capture": "AUT 4990, MOV 4990", "delete": "AUT 4990, CAN 4990"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, func(c *Config) {
				c.Shops[0].Automatic, c.Shops[0].AutomaticAfter = what, 7*24*time.Hour
			})
			b.authorised("p-1")
			b.authorised("p-2")
			time.Sleep(6 * 24 * time.Hour)
			checkReply(t, "by hand", b.settle("p-2"), gestpay.OpOK, "0")
			if got := history(b.read("p-1")); got != "AUT 4990" {
				t.Errorf("too early: %s", got)
			}
			time.Sleep(2 * 24 * time.Hour)
			if got := history(b.read("p-1")); got != want {
				t.Errorf("%s: %s", what, got)
			}
			if got := history(b.read("p-2")); got != "AUT 4990, MOV 4990" {
				t.Errorf("%s of what was settled: %s", what, got)
			}
		})
	}
}

func TestAuthorisation_LivesThirtyDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.authorised("p-1")
		b.authorised("p-2")
		time.Sleep(authLife - time.Minute)
		checkReply(t, "in time", b.settle("p-1"), gestpay.OpOK, "0")
		time.Sleep(2 * time.Minute)
		checkReply(t, "too late", b.settle("p-2"), gestpay.OpKO, "64")
	})
}

func TestString_IsShortLived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.call(gestpay.EncryptRequest{Shop: b.shop, Money: euro(4990), ShopTransactionID: "p-1"})
		time.Sleep(defaultStringLife + time.Second)
		if _, err := b.sim.Decide("", "p-1", Approve); !errors.Is(err, ErrStage) {
			t.Errorf("%v", err)
		}
		if p, err := b.sim.Payment(separated, "p-1"); err != nil || p.Stage != StageExpired {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestClose_LetsGoOfEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.net.status = 0
		b.authorised("p-1")
		if _, err := b.sim.AddRule(Rule{Operation: OpRead, Fault: FaultTimeoutBefore}); err != nil {
			t.Fatal(err)
		}
		held := make(chan any, 1)
		go func() {
			defer func() { held <- recover() }()
			m, _ := gestpay.Build(gestpay.SOAP11, gestpay.ReadRequest{Shop: b.shop, ShopTransactionID: "p-1"})
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, gestpay.S2SPath, bytesReader(m.Body))
			r.Header = m.Header()
			b.sim.ServeHTTP(httptest.NewRecorder(), r)
		}()
		synctest.Wait()
		b.sim.Close()
		b.sim.Close()
		if r := <-held; r != http.ErrAbortHandler { //nolint:errorlint // exactly this value is panicked with
			t.Errorf("the held call ended with %v", r)
		}
		if n := b.sim.Stats().UnderWay; n != 0 {
			t.Errorf("%d under way", n)
		}
	})
}
