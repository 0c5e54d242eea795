package shop

import (
	"slices"

	"github.com/payloom/payloom/pkg/payment"
)

// paid is a payment as the query API tells it, as far as a shop cares.
type paid struct {
	ID         string        `json:"payment_id"`
	State      payment.State `json:"state"`
	Version    uint64        `json:"version"`
	Amount     money         `json:"amount"`
	Authorized int64         `json:"authorized"` // minor units of the amount's currency, as are the next four
	Captured   int64         `json:"captured"`
	Refunded   int64         `json:"refunded"`
	Capturable int64         `json:"capturable"`
	Refundable int64         `json:"refundable"`
	Action     *action       `json:"action"`
	Buyer      *buyer        `json:"buyer"`
	Operations []operation   `json:"operations"`
}

// money is an amount as both APIs write it.
type money struct {
	Value    int64  `json:"value"` // minor units
	Currency string `json:"currency"`
}

func moneyOf(m payment.Money) money { return money{m.Minor, string(m.Currency)} }

// Plain returns m in the words of package payment.
func (m money) Plain() payment.Money {
	return payment.Money{Minor: m.Value, Currency: payment.Currency(m.Currency)}
}

// action is what the buyer has to do next.
type action struct {
	Type        payment.ActionType `json:"type"`
	URL         string             `json:"url"`
	Payload     string             `json:"payload"`
	Signature   string             `json:"signature"`
	PublicKeyID string             `json:"public_key_id"`
	SessionID   string             `json:"session_id"`
}

// buyer is personal data: it goes to the buyer's own page, and nowhere else.
type buyer struct {
	Name       string   `json:"name"`
	Email      string   `json:"email"`
	Phone      string   `json:"phone"`
	Instrument string   `json:"instrument"` // how Amazon calls what the buyer pays with
	Shipping   *address `json:"shipping"`
	Billing    *address `json:"billing"`
}

type address struct {
	Name       string   `json:"name"`
	Lines      []string `json:"lines"`
	City       string   `json:"city"`
	Region     string   `json:"region"`
	PostalCode string   `json:"postal_code"`
	Country    string   `json:"country"`
	Phone      string   `json:"phone"`
}

// operation is one thing that was asked for.
type operation struct {
	CommandID string           `json:"command_id"`
	Kind      payment.Kind     `json:"kind"`
	Status    payment.OpStatus `json:"status"`
	Amount    money            `json:"amount"`
	Reason    payment.Reason   `json:"reason"`
}

// does tells whether the buyer has to do a thing of that type.
func (p paid) does(t payment.ActionType) bool { return p.Action != nil && p.Action.Type == t }

// operation returns what became of a command.
func (p paid) operation(commandID string) (operation, bool) {
	i := slices.IndexFunc(p.Operations, func(o operation) bool { return o.CommandID == commandID })
	if i < 0 {
		return operation{}, false
	}
	return p.Operations[i], true
}

// done tells whether a command is through.
func (p paid) done(commandID string) bool {
	o, ok := p.operation(commandID)
	return ok && o.Status.Terminal()
}

// reason returns why the payment was not made, if it was not.
func (p paid) reason() payment.Reason {
	for _, o := range slices.Backward(p.Operations) {
		if o.Kind.Opens() && o.Reason != "" {
			return o.Reason
		}
	}
	return ""
}

// end is how a payment turned out for the buyer.
type end string

const (
	endOpen end = "open" // nobody knows yet
	endGood end = "good" // the money is there, or promised
	endBad  end = "bad"  // it will not come
)

func (p paid) end() end {
	switch p.State {
	case payment.StateAuthorized, payment.StatePartiallyCaptured, payment.StateCaptured,
		payment.StatePartiallyRefunded, payment.StateRefunded, payment.StateAgreed, payment.StatePaid:
		return endGood
	case payment.StateRejected, payment.StateCancelled, payment.StateDeclined, payment.StateFailed,
		payment.StateExpired, payment.StateReversed:
		return endBad
	case payment.StateNew, payment.StateProcessing, payment.StateRequiresAction, payment.StatePending:
		return endOpen
	}
	return endOpen
}
