package webhook

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Body is the body of a message.
type Body struct {
	Type      Type      `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when it happened, not when it is sent
	Data      Data      `json:"data"`
}

// Data is what a message tells.
type Data struct {
	Event     Event      `json:"event"`
	Payment   Payment    `json:"payment"`
	Operation *Operation `json:"operation,omitempty"` // what ended; missing where the event is about none
}

// Event names the event that a message is about.
type Event struct {
	ID      string            `json:"id"`
	Type    payment.EventType `json:"type"`
	Version uint64            `json:"version"` // within the payment, as the query API counts
}

// MessageID returns the webhook-id of the message about e: the same for every
// attempt, every endpoint and every replica.
func MessageID(e payment.Event) string {
	return "msg_" + payment.Digest(string(e.Merchant), string(e.Payment), e.ID)
}

// Message returns the body of the message about e, after which the payment is as
// given. Personal data is left out unless personal says otherwise. It returns
// false when e is nothing that a merchant is told of.
func Message(e payment.Event, after payment.Payment, personal bool) (Body, bool) {
	t, ok := TypeOf(e, after)
	if !ok {
		return Body{}, false
	}
	b := Body{Type: t, Timestamp: e.At.UTC(), Data: Data{
		Event:   Event{ID: e.ID, Type: e.Data.Type(), Version: e.Version},
		Payment: PaymentOf(after), Operation: operation(e, after),
	}}
	if personal {
		b.Data.Payment.Buyer = buyerOf(after.Buyer)
	}
	return b, true
}

// WithBuyer returns body, the text of a message without personal data, with what is
// known of the buyer: what Message gives where personal is true.
func WithBuyer(body []byte, b *payment.Buyer) ([]byte, error) {
	var m Body
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	m.Data.Payment.Buyer = buyerOf(b)
	return m.Marshal()
}

// Marshal returns b as it is signed and sent.
func (b Body) Marshal() ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("webhook: %s: %w", b.Type, err)
	}
	return text, nil
}

// operation returns what ended by e. A command that was rejected without any
// attempt has no operation in the payment.
func operation(e payment.Event, after payment.Payment) *Operation {
	if op, ok := after.Operation(e.Command); ok {
		return new(operationOf(op))
	}
	d, ok := e.Data.(payment.OperationRejected)
	if !ok {
		return nil
	}
	return new(operationOf(payment.Operation{
		ID: e.Command, Kind: d.Kind, Status: payment.OpRejected, Code: d.Code, Reason: d.Reason, At: e.At,
	}))
}

// clean replaces what JSON can hold and databases cannot: providers have been
// seen to send a NUL.
func clean[S ~string](s S) string { return strings.ReplaceAll(string(s), "\x00", "\uFFFD") }
