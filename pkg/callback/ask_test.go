package callback_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// mute is a parser of what only the provider can read.
type mute struct{}

func (mute) ParseCallback(http.Header, []byte) (provider.Callback, error) {
	return provider.Callback{}, provider.ErrUnverified
}

func (mute) ParseReturn(provider.Page, url.Values) (provider.Callback, error) {
	return provider.Callback{}, provider.ErrUnverified
}

func muteParser(*account.Account) (provider.CallbackParser, error) { return mute{}, nil }

func TestReturn_OnlyTheProviderKnows(t *testing.T) {
	t.Parallel()
	const id = "order-1"
	answer := func(cb provider.Callback, err error) callback.VerifyReturn {
		return func(_ context.Context, a *account.Account, page provider.Page, form url.Values) (provider.Callback, error) {
			if a.Name != "eu" || page != provider.PageSuccess || form.Get("b") != "x+y" {
				t.Errorf("asked for %s about %s with %v", a.Name, page, form)
			}
			return cb, err
		}
	}
	tooSlow := func(ctx context.Context, _ *account.Account, _ provider.Page, _ url.Values) (provider.Callback, error) {
		<-ctx.Done()
		return provider.Callback{}, &provider.Error{Err: ctx.Err()}
	}
	for name, c := range map[string]struct {
		verify callback.VerifyReturn
		status int
		to     string
	}{
		"it tells the payment":             {answer(provider.Callback{Payment: id}, nil), 303, shop + "done?basket=7&payment_id=order-1&result=success"},
		"it tells one that nobody knows":   {answer(provider.Callback{Payment: "order-2"}, nil), 404, ""},
		"it tells one that cannot be ours": {answer(provider.Callback{Payment: "a b"}, nil), 400, ""},
		"it did not make that":             {answer(provider.Callback{}, provider.ErrForged), 400, ""},
		"it cannot be reached":             {answer(provider.Callback{}, &provider.Error{Failure: provider.NotSent}), 503, ""},
		"it takes too long":                {tooSlow, 503, ""},
		"nobody asks it":                   {nil, 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *callback.Options) { o.Parsers, o.VerifyReturn = muteParser, c.verify })
			before := w.append(id, opened(id, "")).Version
			began := time.Now()
			got := w.do("GET", "/returns/computop/"+endpoint+"/success?a=shop&b=x%2By", "")
			if got.status != c.status || got.header.Get("Location") != c.to {
				t.Errorf("status %d to %q, want %d to %q", got.status, got.header.Get("Location"), c.status, c.to)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the buyer waited for %v", took)
			}
			if c.to == "" {
				checkFriendly(t, got)
			}
			if n := len(w.stored()); n != 0 || w.find(id).Version != before {
				t.Errorf("%d callbacks are stored, the payment is at %d, was at %d", n, w.find(id).Version, before)
			}
		})
	}
}

// TestReturn_ManyStrangersAtOnce has more browsers come than may be asked about:
// the others are told to come again, and nobody waits for a place.
func TestReturn_ManyStrangersAtOnce(t *testing.T) {
	t.Parallel()
	const strangers = 24
	release, asked := make(chan struct{}), make(chan struct{}, strangers)
	w := newWorld(t, func(o *callback.Options) {
		o.Parsers = muteParser
		o.VerifyReturn = func(context.Context, *account.Account, provider.Page, url.Values) (provider.Callback, error) {
			asked <- struct{}{}
			<-release
			return provider.Callback{}, provider.ErrForged
		}
	})
	answers := make(chan int, strangers)
	for range strangers {
		go func() {
			answers <- statusOf(t.Context(), w.server.URL+"/returns/computop/"+endpoint+"/success?a=shop&b=x")
		}()
	}
	for range strangers - 16 {
		if got := <-answers; got != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", got)
		}
	}
	close(release)
	for range 16 {
		if got := <-answers; got != http.StatusBadRequest {
			t.Errorf("status %d, want 400", got)
		}
	}
	if n := len(asked); n != 16 {
		t.Errorf("%d questions, want 16", n)
	}
}

// statusOf returns the status of a GET, 0 when there was none.
func statusOf(ctx context.Context, to string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return 0
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

// TestInterpret_AnotherSumSettlesNothing has the provider vouch for a message about
// a payment of the right name and the wrong amount.
func TestInterpret_AnotherSumSettlesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asked payment.Money
		state payment.State
	}{
		"as much as was asked": {money(1000), payment.StateAuthorized},
		"no sum at all":        {payment.Money{}, payment.StateAuthorized},
		"less":                 {money(999), payment.StateProcessing},
		"another currency":     {payment.Money{Minor: 1000, Currency: "USD"}, payment.StateProcessing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *callback.Options) { o.Parsers = muteParser })
			w.append("order-1", opened("order-1", ""))
			w.mustNotify("a=shop&b=x")
			i := w.interpreter(func(o *callback.InterpreterOptions) {
				o.Parsers = muteParser
				o.Verify = func(context.Context, *account.Account, http.Header, []byte) (provider.Callback, error) {
					return provider.Callback{Payment: "order-1", Asked: c.asked, Observation: payment.Observation{
						Kind: payment.Authorize, Result: payment.Result{Status: payment.Approved},
					}}, nil
				}
			})
			stored := w.one()
			if err := i.Handle(t.Context(), stored, stored.ReceivedAt); err != nil {
				t.Errorf("it does not wait for an operator: %v", err)
			}
			if p := w.find("order-1"); p.State != c.state {
				t.Errorf("the payment is %q, want %q", p.State, c.state)
			}
		})
	}
}
