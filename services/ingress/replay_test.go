package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/service"
)

// later returns the API over the commands that f has stored, after accounts and
// providers have changed.
func (f fixture) later(t testing.TB, accounts string, change func(map[payment.Provider]provider.Capability)) fixture {
	t.Helper()
	can := abilities()
	if change != nil {
		change(can)
	}
	rt := service.NewRuntime("ingress", service.Config{}, zap.NewNop())
	a, err := newAPI(rt, Config{AcceptTimeout: 5 * time.Second, Burst: 1}, fixedBook{mustBookOf(t, accounts)}, f.broker, can)
	if err != nil {
		t.Fatal(err)
	}
	return fixture{handler: a.handler(), broker: f.broker, rt: rt, logs: f.logs}
}

// dearer has Computop take nothing below a million.
func dearer(can map[payment.Provider]provider.Capability) {
	c := can[payment.Computop]
	c.Limits.Amount = map[payment.Currency]provider.Window{"": {Min: 1_000_000}}
	can[payment.Computop] = c
}

// moved is the file of accounts after shop has gone from Computop to ECommPay.
func moved() string {
	return strings.Replace(strings.Replace(accountsFile(),
		`      - {name: eu, provider: computop, default: true, endpoint: "https://www.computop-paygate.com/", callback_key: 1111111111111111}
`, "", 1),
		`      - {name: small, provider: computop, endpoint: "https://www.computop-paygate.com/", callback_key: 2222222222222222, settings: {min_amount: 1}}`,
		`      - {name: eu, provider: ecommpay, default: true, endpoint: "https://api.ecommpay.com/", callback_key: 2222222222222222, settings: {project_id: 817}}`, 1)
}

// torn is the file of accounts after shop has gone to a second provider as well.
func torn() string {
	return strings.Replace(accountsFile(), "  - id: big\n",
		"      - {name: ax, provider: axerve, endpoint: \"https://axerve.example/\", callback_key: 8888888888888888}\n  - id: big\n", 1)
}

func TestAPI_AnswersTheSameThoughTheRulesHaveChanged(t *testing.T) {
	t.Parallel()
	capture := ask{path: "/v1/payments/order-1/captures", body: `{"amount":{"value":600,"currency":"EUR"}}`}
	named := ask{body: strings.Replace(button, "{", `{"provider":"computop",`, 1)}
	for name, c := range map[string]struct {
		sent     ask
		accounts string
		change   func(map[payment.Provider]provider.Capability)
	}{
		"the provider's least amount":               {ask{body: button}, accountsFile(), dearer},
		"the provider's least amount, of capture":   {capture, accountsFile(), dearer},
		"the merchant's only provider":              {ask{body: button}, moved(), nil},
		"the account of the provider that is named": {named, moved(), nil},
		"the merchant has two providers by now":     {ask{body: button}, torn(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			res, first := f.do(t, c.sent)
			if res.StatusCode != http.StatusAccepted {
				t.Fatalf("status %d: %s", res.StatusCode, first)
			}
			now := f.later(t, c.accounts, c.change)
			res, body := now.do(t, c.sent)
			if res.StatusCode != http.StatusAccepted || res.Header.Get("Idempotent-Replayed") != "true" {
				t.Fatalf("status %d: %s", res.StatusCode, body)
			}
			if d := cmp.Diff(first, body); d != "" {
				t.Errorf("the answer (-first +again):\n%s", d)
			}
			if n := len(f.broker.stored()); n != 1 {
				t.Errorf("%d commands are stored", n)
			}
		})
	}
}

// What is another request stays one, and what is stored nowhere is refused as it
// would have been.
func TestAPI_TellsOthersApartThoughTheRulesHaveChanged(t *testing.T) {
	t.Parallel()
	change := func(old, now string) ask { return ask{body: strings.Replace(button, old, now, 1)} }
	for name, c := range map[string]struct {
		sent   ask
		status int
	}{
		"another amount":                     {change("12990", "12991"), http.StatusUnprocessableEntity},
		"an account that was not named":      {change("{", `{"account":"eu",`), http.StatusUnprocessableEntity},
		"another provider":                   {change("{", `{"provider":"axerve",`), http.StatusUnprocessableEntity},
		"another way of capture":             {change("{", `{"capture":"automatic",`), http.StatusUnprocessableEntity},
		"another kind":                       {ask{path: "/v1/payments/order-1/captures", body: `{"amount":{"value":600,"currency":"EUR"}}`}, http.StatusUnprocessableEntity},
		"a default that was spoken, no more": {change("{", `{"provider":"computop","capture":"manual",`), http.StatusAccepted},
		"another key":                        {ask{idem: "key-2", body: button}, http.StatusBadRequest},
		"a body that is no request":          {change("{", `{"colour":"red",`), http.StatusBadRequest},
		"a body of the wrong type":           {change("12990", `"12990"`), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.mustAccept(t, ask{body: button})
			res, body := f.later(t, accountsFile(), dearer).do(t, c.sent)
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", res.StatusCode, c.status, body)
			}
			if n := len(f.broker.stored()); n != 1 {
				t.Errorf("%d commands are stored", n)
			}
		})
	}
}

// A default of capture that is not said is not that of another request.
func TestAPI_DoesNotTakeACaptureForItsDefault(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.mustAccept(t, ask{body: strings.Replace(button, "{", `{"capture":"automatic",`, 1)})
	for name, now := range map[string]fixture{
		"as it was": f, "after a change": f.later(t, accountsFile(), dearer),
	} {
		if res, body := now.do(t, ask{body: button}); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d: %s", name, res.StatusCode, body)
		}
	}
}

func TestAPI_WhileNobodyKnowsWhatIsStored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"the broker is away": {bus.ErrUnavailable, http.StatusServiceUnavailable},
		"it took too long":   {errors.Join(bus.ErrUnavailable, context.DeadlineExceeded), http.StatusServiceUnavailable},
		"something else":     {errors.New("secret-detail"), http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.mustAccept(t, ask{body: button})
			f.broker.lookup = c.err
			res, body := f.later(t, accountsFile(), dearer).do(t, ask{body: button})
			if res.StatusCode != c.status || strings.Contains(body, "secret-detail") {
				t.Errorf("status %d, want %d: %s", res.StatusCode, c.status, body)
			}
		})
	}
}

func TestBatch_AnswersTheSameThoughTheRulesHaveChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.mustBatch(t, batchOfCSV(ask{}, header+rows(1, 3)))
	now := f.later(t, accountsFile(), func(can map[payment.Provider]provider.Capability) {
		c := can[payment.ECommPay]
		c.Limits.Amount = map[payment.Currency]provider.Window{"": {Min: 1_000_000_000}}
		can[payment.ECommPay] = c
	})
	got := now.mustBatch(t, batchOfCSV(ask{}, header+rows(1, 2)+strings.Replace(row("p-3"), "INR", "USD", 1)+row("p-4")))
	if d := cmp.Diff([]string{"2 replayed", "3 replayed", "4 rejected req_id:idempotency_key_reused", "5 rejected payment.amount:out_of_range"}, outline(got.results)); d != "" {
		t.Error(d)
	}
}

func TestBatch_RefusesKeysOfOurOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	got := f.mustBatch(t, ndjson(ask{}, object(`"req_id":"payloom:recheck:p-1:2:1",`)))
	if len(got.results) != 1 || len(got.results[0].Errors) != 1 || got.results[0].Errors[0].Code != "reserved" || len(f.broker.stored()) != 0 {
		t.Errorf("results %+v", got.results)
	}
}
