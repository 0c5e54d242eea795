package demo

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// TestCheckLedgers_LooksUnderEveryKeyOfAPayment: when the first attempt to charge
// was never sent, the provider knows the charge by the key of the second.
func TestCheckLedgers_LooksUnderEveryKeyOfAPayment(t *testing.T) {
	t.Parallel()
	const charge, nothing = `[{"kind":"charge","amount":999}]`, `[]`
	second := payment.AttemptKey("p1", computop.Capability().Rules.KeySeparator, 2)
	tests := map[string]struct {
		first, second string
		err           error
	}{
		"the second attempt charged": {nothing, charge, nil},
		"both did":                   {charge, charge, ErrDoubled},
		"none did":                   {nothing, nothing, ErrLost},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := `{"payment_id":"p1","state":"captured","operations":[{"kind":"charge","status":"succeeded","attempts":2}]}`
				switch r.URL.Query().Get("trans_id") {
				case "p1":
					answer = tt.first
				case second:
					answer = tt.second
				}
				_, _ = w.Write([]byte(answer))
			}))
			defer server.Close()
			env := Env{API: api.New(server.URL, server.URL, "key", 1), Computop: api.NewComputop(server.URL, 1)}
			r := &runner{env: env, patience: 5 * time.Second, ids: []string{"p1"}, desk: env.desk(payment.Computop)}
			r.expect("p1", kindCharge, 999)
			if _, err := r.reach(t.Context(), "p1", "captured"); err != nil {
				t.Fatal(err)
			}
			if err := r.checkLedgers(t.Context()); !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
		})
	}
}
