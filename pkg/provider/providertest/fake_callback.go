package providertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// FakeSecret signs the callbacks of every Fake.
const FakeSecret = "the fake provider's secret"

// fakeCallback is the body of a Fake's callback. The header X-Signature is the
// HMAC-SHA256 of the whole, in hex.
type fakeCallback struct {
	Payment payment.ID     `json:"payment"`
	Kind    payment.Kind   `json:"kind"`
	Key     string         `json:"key"`
	Ref     string         `json:"ref"`
	Status  payment.Status `json:"status"`
	Amount  int64          `json:"amount"`
	Mandate string         `json:"mandate,omitempty"`
	Totals  payment.Totals `json:"totals"`
}

// tell keeps the callback about an effect. The caller holds the lock.
func (f *Fake) tell(e Effect) []Delivery {
	if e.Kind == payment.UpdateAmount {
		if s, ok := f.sessions[e.Payment]; ok {
			s.amount = e.Amount.Minor
			f.sessions[e.Payment] = s
		}
		return nil
	}
	return f.tellOf(e, "")
}

func (f *Fake) tellOf(e Effect, cycle payment.Cycle) []Delivery {
	r := resultOf(e, payment.Totals{})
	cb := fakeCallback{Payment: e.Payment, Kind: e.Kind, Key: e.Key, Ref: e.Ref, Status: r.Status, Amount: r.Amount}
	if cycle != "" && r.Status == payment.Approved {
		cb.Mandate = "mandate-" + e.Ref
	}
	body, err := json.Marshal(cb)
	if err != nil {
		return nil
	}
	d := Delivery{Header: http.Header{"X-Signature": {fakeSignature(body)}}, Body: body}
	f.sent = append(f.sent, d)
	return []Delivery{d}
}

func fakeSignature(body []byte) string {
	h := hmac.New(sha256.New, []byte(FakeSecret))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

func (f *Fake) deliver(all []Delivery) {
	if f.hooks.Callback == nil {
		return
	}
	for _, d := range all {
		f.hooks.Callback(d)
	}
}

// Callbacks returns all callbacks that were sent, in order.
func (f *Fake) Callbacks() []Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

// FakeParser understands the callbacks of every Fake.
type FakeParser struct{}

// CallbackHeaders implements provider.HeaderReader.
func (FakeParser) CallbackHeaders() []string { return []string{"X-Signature"} }

// ParseCallback implements provider.CallbackParser.
func (FakeParser) ParseCallback(h http.Header, body []byte) (provider.Callback, error) {
	if !hmac.Equal([]byte(h.Get("X-Signature")), []byte(fakeSignature(body))) {
		return provider.Callback{}, provider.ErrForged
	}
	var cb fakeCallback
	if err := json.Unmarshal(body, &cb); err != nil || cb.Payment.Validate() != nil {
		return provider.Callback{}, fmt.Errorf("%w: no callback of a fake", provider.ErrUnreadable)
	}
	r := payment.Result{Status: cb.Status, Amount: cb.Amount, Ref: cb.Ref}
	if cb.Status == payment.Failed {
		r.Reason = payment.ReasonDeclined
	}
	if cb.Mandate != "" {
		r.Mandate = &payment.Mandate{ID: cb.Mandate}
	}
	sum := sha256.Sum256(body)
	return provider.Callback{
		Payment: cb.Payment, Dedup: hex.EncodeToString(sum[:16]),
		Observation: payment.Observation{Kind: cb.Kind, Key: cb.Key, Ref: cb.Ref, Result: r},
	}, nil
}
