package axerve

import (
	"regexp"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

const (
	// settleCharge covers the ten minutes in which a payment without a buyer may
	// still come to show, and what a worker needs around them.
	settleCharge = 12 * time.Minute
	// settleNight is the longest it can be from an attempt to six o'clock of the
	// next day, on the day the clocks go back: "in case of technical failure the
	// state becomes PRE and the settlement runs by itself the first night" (Axerve
	// documentation, settlements). Before that night has passed, not found is not
	// believed. A refund is given the same night.
	settleNight = 31 * time.Hour
	// horizonDelete is how long a deletion may be sent again: it takes away what
	// is there and nothing else. Authorisations live for at most 25 days.
	horizonDelete = 20 * 24 * time.Hour
	settleDelete  = 60 * time.Second
)

// The most that nine characters hold, in minor units.
const (
	maxCents = 99_999_999
	maxWhole = 999_999_999
)

// Capability returns what Axerve can do with Amazon Pay.
func Capability() provider.Capability {
	return provider.Capability{
		Provider: payment.Axerve,
		Rules:    rules(),
		Recovery: map[payment.Kind]provider.Recovery{
			// The string of Encrypt only opens a page, and of a lost one nobody does.
			payment.Authorize: {Class: provider.T0},
			payment.Capture:   {Class: provider.T3, Settle: settleNight},
			payment.Refund:    {Class: provider.T3, Settle: settleNight},
			payment.Cancel:    {Class: provider.T1, Horizon: horizonDelete, Settle: settleDelete},
		},
		Direct:  provider.Recovery{Class: provider.T3, Settle: settleCharge},
		Methods: []payment.Method{payment.Redirect, payment.OrderReference, payment.MandateCharge},
		Limits:  limits(),
		// Axerve does not say how long its page lives. It is asked before a payment
		// is given up, so this is only how long an order stays open for nothing.
		SessionTTL: 24 * time.Hour,
		PollAfter:  5 * time.Second,
	}
}

func rules() payment.Rules {
	return payment.Rules{
		Kinds: []payment.Kind{payment.Authorize, payment.Capture, payment.Refund, payment.Cancel, payment.Sync},
		// "Multiple captures on payments via AmazonPay are currently not supported"
		// (Axerve documentation, Amazon Pay).
		MaxCaptures: 1,
		// A read tells the sum of refunds.
		OneRefundAtATime: true,
		Patience:         time.Minute,
		KeySeparator:     keySeparator,
	}
}

func limits() provider.Limits {
	return provider.Limits{
		PaymentID:    paymentIDs,
		NotPaymentID: notPaymentIDs,
		Currencies:   currencies(),
		Amount: map[payment.Currency]provider.Window{
			"": {Min: 1, Max: maxCents}, "JPY": {Min: 1, Max: maxWhole}, "KRW": {Min: 1, Max: maxWhole}, "ISK": {Min: 1, Max: maxWhole},
		},
		Text: map[string]*regexp.Regexp{
			// There is none.
			"statement_text":  regexp.MustCompile(`^$`),
			"order_reference": orderReferences,
			"mandate":         tokens,
		},
	}
}

var (
	orderReferences = regexp.MustCompile(`^[SP][0-9]{2}-[0-9]{7}-[0-9]{7}$`)
	tokens          = regexp.MustCompile(`^[!-~]{1,25}$`)
)

// currencies are those with a UIC number. Which of them an account at Amazon
// takes is Amazon's matter.
func currencies() []payment.Currency {
	return []payment.Currency{
		"EUR", "USD", "GBP", "CHF", "DKK", "NOK", "SEK", "JPY", "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "ISK", "ILS",
		"AUD", "CAD", "NZD", "HKD", "SGD", "CNY", "INR", "KRW", "BRL", "MXN", "ARS", "AED", "SAR", "QAR", "UAH", "RUB",
	}
}
