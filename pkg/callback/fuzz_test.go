package callback_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// memory is a store, and knows one payment.
type memory struct{ stored []wire.StoredCallback }

func (m *memory) StoreCallback(_ context.Context, c wire.StoredCallback) (bool, error) {
	_, err := wire.MarshalCallback(c)
	m.stored = append(m.stored, c)
	return false, err
}

func (m *memory) Find(_ context.Context, _ payment.Merchant, id payment.ID) (payment.Payment, bool, error) {
	return payment.Payment{ID: id, Provider: payment.Computop, Terms: payment.Terms{Return: payment.ReturnURLs{
		Success: shop + "done?basket=7", Failure: shop + "failed", Review: shop + "review",
	}}}, true, nil
}

// FuzzReceive brings anything to a callback's address and to the pages for
// browsers. Nothing may end in a failure of ours, what is answered with 200 is
// stored, what is not is not, and a browser goes to the shop or nowhere.
func FuzzReceive(f *testing.F) {
	for _, fields := range [][]string{
		notify("order-1"), captureNotify("order-1"), creditNotify("order-1"), reviewed("order-1"),
		notify("order-1", "AmountAuth", "ten"), notify("order>*"), notify("order-1", "Description", "Stra\u00dfe"),
	} {
		body := sealed(f, macKey, fields)
		f.Add("", "application/x-www-form-urlencoded", []byte(body))
		f.Add(body, "", []byte(""))
		f.Add("a=1;b", "\x00\xff", []byte(strings.ToLower(body)+"&len=1"))
	}
	store := &memory{}
	rc := callback.NewReceiver(callback.Options{Accounts: mustAccounts(f), Parsers: keptParsers(), Store: store, Payments: store})
	mux := http.NewServeMux()
	rc.Register(mux)
	f.Fuzz(func(t *testing.T, query, contentType string, body []byte) {
		store.stored = nil
		got := fuzzed(t, mux, callbackPath, query, contentType, body)
		checkReceived(t, got, store, body)
		for _, page := range []string{"success", "failure", "cancel", "review"} {
			store.stored = nil
			got := fuzzed(t, mux, "/returns/computop/"+endpoint+"/"+page, query, contentType, body)
			checkReturned(t, got, store, page)
		}
	})
}

// keptParsers makes a parser once: it costs more than what is tested.
func keptParsers() callback.Parsers {
	kept := map[string]provider.CallbackParser{}
	return func(a *account.Account) (provider.CallbackParser, error) {
		if kept[a.Name] == nil {
			p, err := parserOf(a)
			if err != nil {
				return nil, err
			}
			kept[a.Name] = p
		}
		return kept[a.Name], nil
	}
}

func fuzzed(t *testing.T, h http.Handler, path, query, contentType string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
	r.URL = &url.URL{Path: path, RawQuery: query}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Cookie", "session=1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func checkReceived(t *testing.T, got *httptest.ResponseRecorder, store *memory, body []byte) {
	t.Helper()
	switch got.Code {
	case http.StatusOK:
		if len(store.stored) != 1 || !bytes.Equal(store.stored[0].Body, body) || store.stored[0].Header.Get("Cookie") != "" {
			t.Error("answered with 200, and not stored as it came")
		}
	case http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
		if len(store.stored) != 0 {
			t.Errorf("stored and answered with %d", got.Code)
		}
	default:
		t.Errorf("status %d", got.Code)
	}
}

func checkReturned(t *testing.T, got *httptest.ResponseRecorder, store *memory, page string) {
	t.Helper()
	if got.Code >= http.StatusInternalServerError {
		t.Errorf("%s: status %d", page, got.Code)
	}
	if to := got.Header().Get("Location"); (got.Code == http.StatusSeeOther) != strings.HasPrefix(to, shop) || to != "" && got.Code != http.StatusSeeOther {
		t.Errorf("%s: status %d to %q", page, got.Code, to)
	}
	if want := page == "review" && got.Code == http.StatusSeeOther; (len(store.stored) == 1) != want || len(store.stored) > 1 {
		t.Errorf("%s: %d stored with status %d", page, len(store.stored), got.Code)
	}
}
