package axervesim

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// FuzzServe: whatever is posted, the answer is one that can be read, and no money
// moves without a payment.
func FuzzServe(f *testing.F) {
	shop := gestpay.Shop{Login: unified, APIKey: apiKey}
	for _, req := range []gestpay.Request{
		gestpay.EncryptRequest{Shop: shop, Money: euro(4990), ShopTransactionID: "p-1", CustomInfo: "cart=1"},
		gestpay.DecryptRequest{Shop: shop, CryptedString: "x"},
		gestpay.PayRequest{Shop: shop, Money: euro(4990), ShopTransactionID: "p-1", Token: "x"},
		gestpay.ReadRequest{Shop: shop, ShopTransactionID: "p-1"},
		gestpay.SettleRequest{Shop: shop, Money: euro(4990), ShopTransactionID: "p-1"},
		gestpay.RefundRequest{Shop: shop, Money: euro(4990), ShopTransactionID: "p-1"},
		gestpay.DeleteRequest{Shop: shop, BankTransactionID: "1"},
	} {
		m, err := gestpay.Build(gestpay.SOAP11, req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(req.Operation()), m.Body)
	}
	sim, err := New(Config{Shops: testShops("http://127.0.0.1:1"), KnownOrdersOnly: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(sim.Close)
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		op := gestpay.Operation(name)
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, op.Path(), bytesReader(body))
		r.Header.Set("Content-Type", gestpay.SOAP11.ContentType())
		r.Header.Set("SOAPAction", `"`+op.Action()+`"`)
		sim.ServeHTTP(w, r)
		if !op.Valid() {
			return
		}
		reply, err := gestpay.Parse(op, w.Code, w.Body.Bytes())
		if outcome := gestpay.OutcomeOf(reply, err); outcome == gestpay.ProtocolError {
			t.Fatalf("%v: %s", err, w.Body)
		}
		if n := len(sim.Ledger(LedgerFilter{})); n != 0 {
			t.Fatalf("%d effects", n)
		}
	})
}
