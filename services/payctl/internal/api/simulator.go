package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
)

// Computop is the control of Paygate's simulator. It may be used concurrently.
type Computop struct{ Control[computopsim.Rule] }

// NewComputop returns the control of the simulator at base, for n calls at once.
func NewComputop(base string, n int) *Computop {
	return &Computop{newControl[computopsim.Rule](base, "computop", n)}
}

// Decide does what a payment's buyer would do on the pages.
func (s *Computop) Decide(ctx context.Context, transID string, d computopsim.Decision) error {
	var visit computopsim.Visit
	return s.act(ctx, transID, string(d), &visit)
}

// Ledger returns the effects of one payment.
func (s *Computop) Ledger(ctx context.Context, transID string) ([]computopsim.Entry, error) {
	var entries []computopsim.Entry
	err := s.ledger(ctx, "trans_id", transID, &entries)
	return entries, err
}

// Axerve is the control of Axerve's simulator. It may be used concurrently.
type Axerve struct{ Control[axervesim.Rule] }

// NewAxerve returns the control of the simulator at base, for n calls at once.
func NewAxerve(base string, n int) *Axerve {
	return &Axerve{newControl[axervesim.Rule](base, "axerve", n)}
}

// Decide does what a payment's buyer would do on the page, and returns where the
// browser is led.
func (s *Axerve) Decide(ctx context.Context, shopID string, d axervesim.Decision) (axervesim.Visit, error) {
	var visit axervesim.Visit
	err := s.act(ctx, shopID, string(d), &visit)
	return visit, err
}

// Ledger returns the effects of one payment.
func (s *Axerve) Ledger(ctx context.Context, shopID string) ([]axervesim.Entry, error) {
	var entries []axervesim.Entry
	err := s.ledger(ctx, "shop_transaction_id", shopID, &entries)
	return entries, err
}

// ECommPay is the control of Gate's simulator. It may be used concurrently.
type ECommPay struct{ Control[ecommpaysim.Rule] }

// NewECommPay returns the control of the simulator at base, for n calls at once.
func NewECommPay(base string, n int) *ECommPay {
	return &ECommPay{newControl[ecommpaysim.Rule](base, "ecommpay", n)}
}

// Act does something to a payout that the wallet or the platform would do.
func (s *ECommPay) Act(ctx context.Context, paymentID string, a ecommpaysim.Action) error {
	var payout ecommpaysim.Payout
	return s.act(ctx, paymentID, string(a), &payout)
}

// Ledger returns the effects of one payout.
func (s *ECommPay) Ledger(ctx context.Context, paymentID string) ([]ecommpaysim.Entry, error) {
	var entries []ecommpaysim.Entry
	err := s.ledger(ctx, "payment_id", paymentID, &entries)
	return entries, err
}

// Control is what the simulators' control interfaces have in common. R is a
// provider's rule for faults.
type Control[R any] struct {
	base string // URL of the interface
	http *http.Client
}

func newControl[R any](base, provider string, n int) Control[R] {
	return Control[R]{base: base + "/control/" + provider, http: newHTTP(n)}
}

// AddRule makes a fault happen.
func (s Control[R]) AddRule(ctx context.Context, r R) (R, error) {
	var added R
	err := s.call(ctx, http.MethodPost, "/rules", r, &added)
	return added, err
}

// RemoveRule ends a fault.
func (s Control[R]) RemoveRule(ctx context.Context, id int) error {
	var left []R
	return s.call(ctx, http.MethodDelete, "/rules/"+strconv.Itoa(id), nil, &left)
}

// Rules returns the faults with the number of their hits.
func (s Control[R]) Rules(ctx context.Context) ([]R, error) {
	var rules []R
	err := s.call(ctx, http.MethodGet, "/rules", nil, &rules)
	return rules, err
}

// ClearRules ends all faults.
func (s Control[R]) ClearRules(ctx context.Context) error {
	var left []R
	return s.call(ctx, http.MethodDelete, "/rules", nil, &left)
}

// Outage makes the provider answer 503 to every call for d from now.
func (s Control[R]) Outage(ctx context.Context, d time.Duration) error {
	var out struct{ Duration string }
	return s.call(ctx, http.MethodPost, "/outage", map[string]string{"duration": d.String()}, &out)
}

// SetLatency makes every call take at least d.
func (s Control[R]) SetLatency(ctx context.Context, d time.Duration) error {
	var out struct{ Latency string }
	return s.call(ctx, http.MethodPost, "/latency", map[string]string{"latency": d.String()}, &out)
}

func (s Control[R]) act(ctx context.Context, id, action string, out any) error {
	return s.call(ctx, http.MethodPost, "/payments/"+url.PathEscape(id)+"/"+action, nil, out)
}

func (s Control[R]) ledger(ctx context.Context, by, id string, out any) error {
	return s.call(ctx, http.MethodGet, "/ledger?"+url.Values{by: {id}}.Encode(), nil, out)
}

func (s Control[R]) call(ctx context.Context, method, path string, body, out any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	return do(s.http, req, http.StatusOK, out)
}
