package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
)

// Computop is the control of Paygate's simulator. It may be used concurrently.
type Computop struct {
	base string // URL of the simulator
	http *http.Client
}

// NewComputop returns the control of the simulator at base, for n calls at once.
func NewComputop(base string, n int) *Computop { return &Computop{base: base, http: newHTTP(n)} }

// Decide does what a payment's buyer would do on the pages.
func (s *Computop) Decide(ctx context.Context, transID string, d computopsim.Decision) error {
	var visit computopsim.Visit
	return s.call(ctx, http.MethodPost, "/payments/"+url.PathEscape(transID)+"/"+string(d), nil, &visit)
}

// AddRule makes a fault happen.
func (s *Computop) AddRule(ctx context.Context, r computopsim.Rule) (computopsim.Rule, error) {
	var added computopsim.Rule
	err := s.call(ctx, http.MethodPost, "/rules", r, &added)
	return added, err
}

// RemoveRule ends a fault.
func (s *Computop) RemoveRule(ctx context.Context, id int) error {
	var left []computopsim.Rule
	return s.call(ctx, http.MethodDelete, "/rules/"+strconv.Itoa(id), nil, &left)
}

// Rules returns the faults with the number of their hits.
func (s *Computop) Rules(ctx context.Context) ([]computopsim.Rule, error) {
	var rules []computopsim.Rule
	err := s.call(ctx, http.MethodGet, "/rules", nil, &rules)
	return rules, err
}

// Ledger returns the effects of one payment.
func (s *Computop) Ledger(ctx context.Context, transID string) ([]computopsim.Entry, error) {
	var entries []computopsim.Entry
	err := s.call(ctx, http.MethodGet, "/ledger?"+url.Values{"trans_id": {transID}}.Encode(), nil, &entries)
	return entries, err
}

// SetLatency makes every call take at least d.
func (s *Computop) SetLatency(ctx context.Context, d time.Duration) error {
	var out struct{ Latency string }
	return s.call(ctx, http.MethodPost, "/latency", map[string]string{"latency": d.String()}, &out)
}

func (s *Computop) call(ctx context.Context, method, path string, body, out any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+"/control/computop"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	return do(s.http, req, http.StatusOK, out)
}
