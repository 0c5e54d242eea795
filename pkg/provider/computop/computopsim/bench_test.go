package computopsim

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// BenchmarkInit measures one call, decoding and sealing included, without a
// socket, while thousands of payments pile up.
func BenchmarkInit(b *testing.B) {
	s, err := New(Config{Merchants: testMerchants(), RelaxURLs: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r := &rig{mid: shopMID, shop: &receiver{server: &httptest.Server{URL: "http://shop.example"}}}
	codec, err := paygate.NewCodec(cipherKey)
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m := r.signed(r.initFields("T-" + strconv.FormatInt(n.Add(1), 10)))
			env, err := codec.Seal(paygate.Blowfish, shopMID, m, paygate.Style{})
			if err != nil {
				b.Error(err)
				return
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/amazonAPA.aspx", strings.NewReader(env.Form().Encode())))
			if w.Code != http.StatusOK {
				b.Errorf("status %d", w.Code)
			}
		}
	})
	if got := s.Stats(); got.Payments != int(n.Load()) {
		b.Errorf("%d payments of %d", got.Payments, n.Load())
	}
}
