package ecommpaysim

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

func fuzzSim(f *testing.F) *Simulator {
	f.Helper()
	cfg := testConfig()
	cfg.CallbackWorkers = 1
	s, err := New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	return s
}

func paths() []string { return []string{payoutPath, statusPath, requestPath, listingPath} }

func serve(t *testing.T, s *Simulator, path string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	return w
}

// FuzzRequest feeds what a stranger can send.
func FuzzRequest(f *testing.F) {
	s := fuzzSim(f)
	f.Add(0, mustJSON((&rig{}).request("P", 10000)))
	f.Add(1, []byte(`{"general":{"project_id":197,"payment_id":"P","signature":"x"}}`))
	f.Add(2, []byte(`{"project_id":197,"request_id":"r","signature":""}`))
	f.Add(3, []byte(`{"token":"TOKEN197","signature":"x"}`))
	f.Fuzz(func(t *testing.T, n int, body []byte) {
		w := serve(t, s, paths()[uint(n)%4], body)
		if w.Code != http.StatusBadRequest {
			t.Fatalf("status %d, body %q", w.Code, w.Body)
		}
	})
}

// FuzzSigned feeds what a merchant can send.
func FuzzSigned(f *testing.F) {
	s := fuzzSim(f)
	o := (&rig{}).request("P", 10000)
	f.Add(0, true, mustJSON(set(o, "general.merchant_callback_url", nil)))
	f.Add(1, true, []byte(`{"general":{"project_id":197,"payment_id":"P"}}`))
	f.Add(2, false, []byte(`{"project_id":197,"request_id":"r"}`))
	f.Add(3, false, mustJSON(listingOf()))
	f.Fuzz(func(t *testing.T, n int, general bool, body []byte) {
		m, err := gate.Parse(body)
		if err != nil || m.Get("general", "merchant_callback_url").Kind() != gate.Absent {
			return // nobody is to be called
		}
		place := gate.AtTop
		if general {
			place = gate.InGeneral
		}
		key := secret
		if uint(n)%4 == 3 {
			key = tokenSecret
		}
		signed, err := m.Signed(key, place)
		if err != nil {
			return
		}
		w := serve(t, s, paths()[uint(n)%4], signed)
		if _, err := gate.Parse(w.Body.Bytes()); err != nil || w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("status %d, body %q", w.Code, w.Body)
		}
	})
}
