package ecommpay

import (
	"math"
	"regexp"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

const (
	// keySeparator is a character that payment ids do not have and payment_id may.
	keySeparator = "."
	// settle covers the send window (2 s), bytes in flight (10 s), the time the
	// platform takes to register a payment (10 s by its documentation, payment
	// status request), and a wide margin: the money is gone for good.
	settle = 120 * time.Second
)

// INR and USD are the currencies of the payout method.
const (
	INR payment.Currency = "INR"
	USD payment.Currency = "USD"
)

// Capability returns what ECommPay can do with Amazon Pay.
func Capability() provider.Capability {
	return provider.Capability{
		Provider: payment.ECommPay,
		Rules: payment.Rules{
			Kinds:        []payment.Kind{payment.Payout, payment.Sync},
			Patience:     time.Minute,
			KeySeparator: keySeparator,
		},
		Recovery: map[payment.Kind]provider.Recovery{
			// "payment_id—payment ID unique within the project" (ECommPay
			// documentation, Amazon Pay, request format).
			payment.Payout: {Class: provider.T2, Settle: settle},
		},
		Limits: limits(),
		// Nothing is known of a payment within the first 10 s, and most callbacks
		// come soon after.
		PollAfter: 30 * time.Second,
	}
}

func limits() provider.Limits {
	return provider.Limits{
		// A payment_id is held to 64 characters; ".99" must fit behind.
		PaymentID:  regexp.MustCompile(`^[A-Za-z0-9_-]{1,61}$`),
		Currencies: []payment.Currency{INR, USD},
		Amount:     windows(),
		Text:       texts(),
	}
}

// windows are the amounts the method takes: INR 1.00 to 400,000.00 (ECommPay
// documentation, Amazon Pay, operations support). There is no limit for USD, which
// ECommPay converts; it knows what that comes to.
func windows() map[payment.Currency]provider.Window {
	return map[payment.Currency]provider.Window{
		INR: {Min: 100, Max: 40_000_000},
		USD: {Min: 1, Max: math.MaxInt64},
	}
}
