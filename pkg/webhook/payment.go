package webhook

import (
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// The payment as the query API shows it. What the query API knows from commands,
// such as the merchant's own references, no event tells.
type (
	// Payment is what a payment has become. Sums are minor units of Amount's
	// currency.
	Payment struct {
		ID         payment.ID        `json:"payment_id"`
		Merchant   payment.Merchant  `json:"merchant"`
		Provider   payment.Provider  `json:"provider"`
		Account    string            `json:"account,omitempty"`
		State      string            `json:"state"`
		Settled    bool              `json:"settled"`
		Version    uint64            `json:"version"`
		Amount     *Money            `json:"amount,omitempty"`
		Authorized int64             `json:"authorized"`
		Captured   int64             `json:"captured"`
		Refunded   int64             `json:"refunded"`
		Capturable int64             `json:"capturable"` // reservations counted, as in the next
		Refundable int64             `json:"refundable"`
		Capture    string            `json:"capture,omitempty"`
		Buyer      *Buyer            `json:"buyer,omitempty"`
		Mandate    *Mandate          `json:"mandate,omitempty"`
		Refs       map[string]string `json:"refs,omitempty"`
		Operations []Operation       `json:"operations,omitempty"`
		Attention  bool              `json:"attention"`
		Frozen     string            `json:"frozen,omitempty"`
		CreatedAt  time.Time         `json:"created_at"`
		UpdatedAt  time.Time         `json:"updated_at"`
	}
	// Money is an amount in minor units.
	Money struct {
		Value    int64            `json:"value"`
		Currency payment.Currency `json:"currency"`
	}
	// Operation is one thing that was asked for.
	Operation struct {
		CommandID payment.CommandID `json:"command_id"`
		Kind      payment.Kind      `json:"kind"`
		Status    payment.OpStatus  `json:"status"`
		Amount    *Money            `json:"amount,omitempty"` // as asked
		Effect    int64             `json:"effect"`           // what took effect
		Reason    payment.Reason    `json:"reason,omitempty"`
		Code      string            `json:"code,omitempty"` // the provider's
		Attempts  int               `json:"attempts"`
		Reference string            `json:"reference,omitempty"` // the provider's
		At        time.Time         `json:"at"`
	}
	// Mandate is the right to charge again.
	Mandate struct {
		ID    string        `json:"id"`
		Cycle payment.Cycle `json:"cycle,omitempty"`
	}
	// Buyer is what the provider told of the buyer; personal data.
	Buyer struct {
		Name     string   `json:"name,omitempty"`
		Email    string   `json:"email,omitempty"`
		Phone    string   `json:"phone,omitempty"`
		Shipping *Address `json:"shipping,omitempty"`
		Billing  *Address `json:"billing,omitempty"`
		// Instrument is what the buyer pays with, as the wallet describes it.
		Instrument string `json:"instrument,omitempty"`
	}
	// Address is a postal address.
	Address struct {
		Name       string   `json:"name,omitempty"`
		Lines      []string `json:"lines,omitempty"`
		City       string   `json:"city,omitempty"`
		Region     string   `json:"region,omitempty"`
		PostalCode string   `json:"postal_code,omitempty"`
		Country    string   `json:"country,omitempty"`
		Phone      string   `json:"phone,omitempty"`
	}
)

// stateNew is how the query API writes payment.StateNew: there are events, and
// none of them opened the payment.
const stateNew = "new"

// PaymentOf returns p as a message tells it, without personal data.
func PaymentOf(p payment.Payment) Payment {
	out := Payment{
		ID: p.ID, Merchant: p.Merchant, Provider: p.Provider, Account: clean(p.Account),
		State: stateOf(p.State), Settled: p.State.Settled(), Version: p.Version,
		Amount: moneyOf(p.Amount), Authorized: p.Authorized, Captured: p.Captured, Refunded: p.Refunded,
		Capturable: capturable(p), Refundable: refundable(p), Capture: string(p.Terms.Capture),
		Mandate: mandateOf(p.Mandate), Refs: refsOf(p.Refs),
		Attention: p.NeedsAttention(), Frozen: clean(p.Frozen), CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
	for _, op := range p.Operations {
		out.Operations = append(out.Operations, operationOf(op))
	}
	return out
}

func stateOf(s payment.State) string {
	if s == payment.StateNew {
		return stateNew
	}
	return string(s)
}

// capturable returns what a capture may ask for in the payment's state.
func capturable(p payment.Payment) int64 {
	if p.State != payment.StateAuthorized && p.State != payment.StatePartiallyCaptured {
		return 0
	}
	return max(p.Capturable(), 0)
}

// refundable returns what a refund may ask for in the payment's state.
func refundable(p payment.Payment) int64 {
	switch p.State {
	case payment.StateCaptured, payment.StatePartiallyCaptured, payment.StatePartiallyRefunded:
		return max(p.Refundable(), 0)
	default:
		return 0
	}
}

func operationOf(op payment.Operation) Operation {
	return Operation{
		CommandID: op.ID, Kind: op.Kind, Status: op.Status, Amount: moneyOf(op.Amount), Effect: op.Effect,
		Reason: op.Reason, Code: clean(op.Code), Attempts: op.Attempt.Number, Reference: clean(op.Ref), At: op.At.UTC(),
	}
}

func moneyOf(m payment.Money) *Money {
	if m.Currency == "" {
		return nil
	}
	return &Money{m.Minor, m.Currency}
}

func mandateOf(m *payment.Mandate) *Mandate {
	if m == nil {
		return nil
	}
	return &Mandate{ID: clean(m.ID), Cycle: m.Cycle}
}

func refsOf(refs map[string]string) map[string]string {
	if len(refs) == 0 {
		return nil
	}
	out := make(map[string]string, len(refs))
	for k, v := range refs {
		out[clean(k)] = clean(v)
	}
	return out
}

func buyerOf(b *payment.Buyer) *Buyer {
	if b == nil {
		return nil
	}
	return &Buyer{
		Name: clean(b.Name), Email: clean(b.Email), Phone: clean(b.Phone),
		Shipping: addressOf(b.Shipping), Billing: addressOf(b.Billing),
		Instrument: clean(b.Instrument),
	}
}

func addressOf(a *payment.Address) *Address {
	if a == nil {
		return nil
	}
	out := &Address{
		Name: clean(a.Name), City: clean(a.City), Region: clean(a.Region),
		PostalCode: clean(a.PostalCode), Country: clean(a.Country), Phone: clean(a.Phone),
	}
	for _, l := range a.Lines {
		out.Lines = append(out.Lines, clean(l))
	}
	return out
}
