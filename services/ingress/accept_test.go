package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
)

func returns() payment.ReturnURLs {
	return payment.ReturnURLs{
		Success: "https://s.example/ok", Failure: "https://s.example/no", Cancel: "https://s.example/back", Review: "https://s.example/review",
	}
}

func TestAPI_Accepts(t *testing.T) {
	t.Parallel()
	eur := func(n int64) payment.Money { return payment.Money{Minor: n, Currency: "EUR"} }
	tests := map[string]struct {
		ask  ask
		want payment.Command // without ID and ReqID
	}{
		"a button with as little as possible": {
			ask{body: button},
			payment.Command{
				Merchant: "shop", Provider: payment.Computop, Kind: payment.Authorize, Amount: eur(12990),
				Payment:       payment.DeriveID(payment.DeriveCommandID("shop", "key-1")),
				Authorization: &payment.Authorization{Method: payment.Button, Capture: payment.CaptureManual, Country: "EU", Return: returns()},
			},
		},
		"a button with everything": {
			ask{body: `{"payment_id":"order-2","provider":"computop","account":"small","amount":{"value":1,"currency":"GBP"},
				"capture":"automatic","method":"button","country":"UK","local_currency":"SEK","scope":["name","email"],"language":"en_GB",
				"description":"Zwei Stühle","statement_text":"SHOP 2","reference":"r-2",` + urls + `,
				"recurring":{"cycle":"month","interval":3,"amount":{"value":500,"currency":"GBP"},"only":false}}`},
			payment.Command{
				Merchant: "shop", Provider: payment.Computop, Account: "small", Payment: "order-2", Kind: payment.Authorize,
				Amount: payment.Money{Minor: 1, Currency: "GBP"}, Description: "Zwei Stühle", StatementText: "SHOP 2", Reference: "r-2",
				Authorization: &payment.Authorization{
					Method: payment.Button, Capture: payment.CaptureAuto, Country: "UK", LocalCurrency: "SEK", Scope: []string{"name", "email"},
					Language: "en_GB", Return: returns(),
					Recurring: &payment.Recurring{Cycle: payment.Month, Interval: 3, Amount: payment.Money{Minor: 500, Currency: "GBP"}},
				},
			},
		},
		"an agreement without a payment": {
			ask{body: strings.Replace(button, `"value":12990,"currency":"EUR"}`, `"value":0,"currency":"EUR"},"recurring":{"cycle":"variable","only":true}`, 1)},
			payment.Command{
				Merchant: "shop", Provider: payment.Computop, Kind: payment.Authorize, Amount: eur(0),
				Payment: payment.DeriveID(payment.DeriveCommandID("shop", "key-1")),
				Authorization: &payment.Authorization{
					Method: payment.Button, Capture: payment.CaptureManual, Country: "EU", Return: returns(),
					Recurring: &payment.Recurring{Cycle: payment.Variable, Only: true},
				},
			},
		},
		"a mandate": {
			ask{body: `{"amount":{"value":100,"currency":"EUR"},"method":"mandate","mandate":"B01-1234567-1234567","capture":"automatic","country":"EU"}`},
			payment.Command{
				Merchant: "shop", Provider: payment.Computop, Kind: payment.Authorize, Amount: eur(100),
				Payment:       payment.DeriveID(payment.DeriveCommandID("shop", "key-1")),
				Authorization: &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureAuto, Country: "EU", Mandate: "B01-1234567-1234567"},
			},
		},
		"another amount": {
			ask{path: "/v1/payments/order-1/amount", body: `{"amount":{"value":13000,"currency":"EUR"}}`},
			payment.Command{Merchant: "shop", Provider: payment.Computop, Payment: "order-1", Kind: payment.UpdateAmount, Amount: eur(13000)},
		},
		"a capture": {
			ask{path: "/v1/payments/order-1/captures", body: `{"amount":{"value":12990,"currency":"EUR"},"statement_text":"S","reference":"R","description":"D"}`},
			payment.Command{
				Merchant: "shop", Provider: payment.Computop, Payment: "order-1", Kind: payment.Capture, Amount: eur(12990),
				StatementText: "S", Reference: "R", Description: "D",
			},
		},
		"a capture of little at an account that takes it": {
			ask{path: "/v1/payments/small-1/captures", body: `{"amount":{"value":1,"currency":"EUR"}}`},
			payment.Command{Merchant: "shop", Provider: payment.Computop, Payment: "small-1", Kind: payment.Capture, Amount: eur(1)},
		},
		"a refund of what is left, however little": {
			ask{path: "/v1/payments/order-1/refunds", body: `{"amount":{"value":1,"currency":"EUR"},"description":"back"}`},
			payment.Command{Merchant: "shop", Provider: payment.Computop, Payment: "order-1", Kind: payment.Refund, Amount: eur(1), Description: "back"},
		},
		"a cancel with a reason": {
			ask{path: "/v1/payments/order-1/cancel", body: `{"reason":"out of stock"}`},
			payment.Command{Merchant: "shop", Provider: payment.Computop, Payment: "order-1", Kind: payment.Cancel, Description: "out of stock"},
		},
		"a cancel without a body": {
			ask{path: "/v1/payments/order-1/cancel"},
			payment.Command{Merchant: "shop", Provider: payment.Computop, Payment: "order-1", Kind: payment.Cancel},
		},
		"a sync with a key that may only read": {
			ask{path: "/v1/payments/order-1/sync", key: "reader-key", body: " {} "},
			payment.Command{Merchant: "shop", Provider: payment.Computop, Payment: "order-1", Kind: payment.Sync},
		},
		"a follow-up of a payment nobody knows yet, with its provider": {
			ask{path: "/v1/payments/order-9/captures", body: `{"provider":"computop","amount":{"value":12990,"currency":"EUR"}}`},
			payment.Command{Merchant: "shop", Provider: payment.Computop, Payment: "order-9", Kind: payment.Capture, Amount: eur(12990)},
		},
		"a payout": {
			ask{path: "/v1/payouts", key: "big-key", body: `{"provider":"ecommpay","payment_id":"p-1","amount":{"value":150000,"currency":"INR"},"reference":"r",
				"beneficiary":{"customer_id":"c","ip_address":"203.0.113.7","first_name":"Test","last_name":"Person","email":"t@example.com",
				"address":"1 Example Street","account_number":"4000000000006"}}`},
			payment.Command{
				Merchant: "big", Provider: payment.ECommPay, Payment: "p-1", Kind: payment.Payout, Amount: payment.Money{Minor: 150000, Currency: "INR"}, Reference: "r",
				Beneficiary: &payment.Beneficiary{
					CustomerID: "c", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person", Email: "t@example.com",
					Address: "1 Example Street", AccountNumber: "4000000000006",
				},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newFixture(t, nil).mustAccept(t, tt.ask)
			tt.want.ReqID, tt.want.ID = "key-1", payment.DeriveCommandID(tt.want.Merchant, "key-1")
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAPI_AnswersAccepted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := payment.DeriveCommandID("shop", "key-1")
	want := `{"command_id":"` + string(id) + `","payment_id":"p_` + string(id) + `","status":"accepted"}` + "\n"
	for _, replayed := range []string{"", "true", "true"} {
		res, body := f.do(t, ask{body: button})
		if res.StatusCode != http.StatusAccepted || body != want {
			t.Errorf("status %d, body %s", res.StatusCode, body)
		}
		if got := res.Header.Get("Location"); got != "/v1/payments/p_"+string(id) {
			t.Errorf("Location is %q", got)
		}
		if got := res.Header.Get("Idempotent-Replayed"); got != replayed {
			t.Errorf("Idempotent-Replayed is %q, want %q", got, replayed)
		}
		if got := res.Header.Get("X-Request-Id"); got != "test" {
			t.Errorf("X-Request-Id is %q", got)
		}
	}
	if n := len(f.broker.stored()); n != 1 {
		t.Errorf("%d commands are stored", n)
	}
}

func TestAPI_SameKeyOfAnotherMerchant(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.do(t, ask{body: button})
	body := strings.Replace(button, "{", `{"provider":"computop","account":"a",`, 1)
	if res, text := f.do(t, ask{key: "big-key", body: body}); res.StatusCode != http.StatusAccepted || res.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("status %d: %s", res.StatusCode, text)
	}
	if n := len(f.broker.stored()); n != 2 {
		t.Errorf("%d commands are stored", n)
	}
}

func TestAPI_FindsTheProviderOnlyWhenItMust(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.do(t, ask{path: "/v1/payments/order-1/cancel", body: `{"provider":"computop"}`})
	f.do(t, ask{path: "/v1/payments/order-1/captures", body: `{"amount":1}`})
	if f.broker.finds != 0 {
		t.Errorf("the broker was asked %d times", f.broker.finds)
	}
	f.do(t, ask{path: "/v1/payments/order-1/cancel", idem: "key-2"})
	if f.broker.finds != 1 {
		t.Errorf("the broker was asked %d times", f.broker.finds)
	}
}
