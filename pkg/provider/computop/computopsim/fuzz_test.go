package computopsim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

func fuzzSim(f *testing.F) *Simulator {
	f.Helper()
	s, err := New(Config{Merchants: testMerchants(), RelaxURLs: true, NotifyWorkers: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	return s
}

// FuzzRequest feeds raw forms: what a stranger can send.
func FuzzRequest(f *testing.F) {
	s := fuzzSim(f)
	r := &rig{mid: shopMID, shop: &receiver{server: &httptest.Server{URL: "http://shop.example"}}}
	env, err := paygate.Seal(paygate.Blowfish, cipherKey, shopMID, r.signed(r.initFields("T-1")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("amazonAPA.aspx", env.Form().Encode())
	f.Add("CAPTURE.aspx", "MerchantID="+shopMID+"&Len=7&Data=0027babe0f30d6d6")
	f.Add("inquire24.aspx", "MerchantID=nobody&Len=-1&Data=")
	f.Fuzz(func(t *testing.T, endpoint, body string) {
		if _, known := endpoints[strings.ToLower(endpoint)]; !known {
			return
		}
		req := httptest.NewRequest(http.MethodPost, "/"+strings.ToLower(endpoint), strings.NewReader(body))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Fatalf("status %d, body %q", w.Code, w.Body)
		}
	})
}

// FuzzFields feeds plaintexts under a right MAC: what a merchant can send.
func FuzzFields(f *testing.F) {
	s := fuzzSim(f)
	f.Add("capture.aspx", "PayID=0f3a9c5be7d84216a1b2c3d4e5f60718&TransID=T-1&Amount=5000&Currency=EUR")
	f.Add("amazonAPA.aspx", "TransID=T-1&Amount=1&Currency=EUR&CountryCode=EU&RTF=R&chargepermissionid=x&URLNotify=https://a.example")
	f.Add("amazonAPA.aspx", "eventToken=UpdateAuthorizeAmount&PayId=1&Amount=9999999999999999999")
	f.Fuzz(func(t *testing.T, endpoint, text string) {
		if _, known := endpoints[strings.ToLower(endpoint)]; !known {
			return
		}
		m := append(paygate.NewMessage("MerchantID", shopMID), paygate.ParseMessage(text)...)
		m.Add("MAC", paygate.RequestMAC(macKey, m.Get("PayID"), m.Get("TransID"), shopMID, m.Get("Amount"), m.Get("Currency")))
		env, err := paygate.Encrypt(paygate.Blowfish, cipherKey, m.String())
		if err != nil {
			return
		}
		env.MerchantID = shopMID
		before := len(s.Ledger(LedgerFilter{}))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/"+strings.ToLower(endpoint), strings.NewReader(env.Form().Encode())))
		answer, _, err := paygate.ParseEnvelope(w.Body.Bytes())
		if err != nil {
			t.Fatalf("answer %q: %v", w.Body, err)
		}
		if _, err := paygate.Open(cipherKey, answer); err != nil {
			t.Fatal(err)
		}
		if after := len(s.Ledger(LedgerFilter{})); after != before {
			t.Fatalf("an effect without a payment: %d entries", after)
		}
	})
}
