package providers_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
	"github.com/payloom/payloom/services/internal/providers"
)

// axerveAt plays Axerve for one shop and keeps the notifications that came.
func axerveAt(t *testing.T) (*axervesim.Simulator, *account.Book, <-chan string) {
	t.Helper()
	told := make(chan string, 4)
	inbox := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.URL.RawQuery }))
	t.Cleanup(inbox.Close)
	sim, err := axervesim.New(axervesim.Config{Shops: []axervesim.Shop{{
		Login: "SHOP1", APIKey: "secret of KEY", Separated: true, NotifyURL: inbox.URL + "/n", PositiveURL: inbox.URL + "/p", NegativeURL: inbox.URL + "/q",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return sim, mustBook(t, strings.ReplaceAll(`
merchants:
  - id: demo
    accounts:
      - name: it
        provider: axerve
        endpoint: URL/
        callback_key: Endpoint0fTheShop
        settings: {shop_login: SHOP1}
        secrets: {api_key: [{id: "1", ref: "env:KEY"}]}
      - name: eu
        provider: computop
        endpoint: https://paygate.example/
        callback_key: Endpoint0fTheLiveAccount
        settings: {merchant_id: demo_mid, cipher: blowfish}
        secrets: {mac: [{id: "1", ref: "env:MAC"}], cipher: [{id: "1", ref: "env:CIPHER"}]}
`, "URL", server.URL)), told
}

func TestVerifier(t *testing.T) {
	t.Parallel()
	sim, book, told := axerveAt(t)
	v := providers.NewVerifier(&live{book})
	a := mustAccount(t, book, payment.Axerve, "it")
	client, err := providers.Client(a, "https://notify.example")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := client.Submit(t.Context(), provider.Call{
		Operation: payment.Operation{Kind: payment.Authorize, Amount: payment.Money{Minor: 4990, Currency: "EUR"}, Attempt: payment.Attempt{Number: 1, Key: "order-1"}},
		Command:   payment.Command{Authorization: &payment.Authorization{Method: payment.Redirect}},
	})
	if err != nil || opened.Action == nil {
		t.Fatalf("opened %+v, %v", opened, err)
	}
	visit, err := sim.Decide("SHOP1", "order-1", axervesim.Approve)
	if err != nil {
		t.Fatal(err)
	}
	cb, err := v.Callback(t.Context(), a, nil, []byte(<-told))
	if err != nil || cb.Payment != "order-1" || cb.Observation.Result.Status != payment.Approved {
		t.Errorf("callback: %+v, %v", cb, err)
	}
	back, err := url.Parse(visit.ReturnURL)
	if err != nil {
		t.Fatal(err)
	}
	if cb, err = v.Return(t.Context(), a, provider.PageSuccess, back.Query()); err != nil || cb.Payment != "order-1" {
		t.Errorf("return: %s, %v", cb.Payment, err)
	}
	forged := gestpay.Notification{ShopLogin: "SHOP1", CryptedString: "nobody*made*this"}.Query()
	if _, err := v.Callback(t.Context(), a, nil, []byte(forged)); !errors.Is(err, provider.ErrForged) {
		t.Errorf("a string that nobody made: %v, want ErrForged", err)
	}
}

func TestVerifier_LeavesAloneWhatNobodyCanVouchFor(t *testing.T) {
	t.Parallel()
	_, book, _ := axerveAt(t)
	v := providers.NewVerifier(&live{book})
	a := mustAccount(t, book, payment.Computop, "eu")
	if _, err := v.Callback(t.Context(), a, nil, nil); !errors.Is(err, provider.ErrUnverified) {
		t.Errorf("callback: %v, want ErrUnverified", err)
	}
	if _, err := v.Return(t.Context(), a, provider.PageSuccess, nil); !errors.Is(err, provider.ErrUnverified) {
		t.Errorf("return: %v, want ErrUnverified", err)
	}
}
