package computop

import (
	"regexp"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

const (
	// keySeparator is a character that payment ids do not have and TransID may.
	keySeparator = "."
	// settle covers the send window (2 s), the look before a cancellation (10 s),
	// bytes in flight (10 s), the 45 s that Paygate's own clients wait for it at most
	// (dossier, "Timeouts seen"), and the lag of its inquiry.
	settle = 90 * time.Second
	// maxAmount is what n..10 holds.
	maxAmount = 9_999_999_999
)

// Capability returns what Paygate can do for Amazon Pay, for an account with the
// default least amount.
func Capability() provider.Capability { return capability(DefaultMinAmount) }

func capability(least int64) provider.Capability {
	return provider.Capability{
		Provider: payment.Computop,
		Rules:    rules(),
		Recovery: map[payment.Kind]provider.Recovery{
			// Opening a session moves nothing; a lost one can never be confirmed, as
			// nobody holds its button.
			payment.Authorize: {Class: provider.T0},
			// The same amount twice is the same amount.
			payment.UpdateAmount: {Class: provider.T1, Horizon: 24 * time.Hour, Settle: settle},
			// ReqId protects only what had become final, so doubt is not resent.
			payment.Capture: {Class: provider.T3, Settle: settle},
			payment.Refund:  {Class: provider.T3, Settle: settle},
			payment.Cancel:  {Class: provider.T3, Settle: settle},
		},
		Direct:   provider.Recovery{Class: provider.T3, Settle: settle},
		Methods:  []payment.Method{payment.Button, payment.MandateCharge},
		Captures: []payment.CaptureMode{payment.CaptureManual, payment.CaptureAuto},
		Limits:   limits(least),
		// A checkout session at Amazon lives 24 hours.
		SessionTTL: 24 * time.Hour,
		// After the first repeat of a notify.
		PollAfter: 2 * time.Minute,
	}
}

func rules() payment.Rules {
	return payment.Rules{
		Kinds: []payment.Kind{
			payment.Authorize, payment.UpdateAmount, payment.Capture, payment.Refund, payment.Cancel, payment.Sync,
		},
		// Amazon captures a charge once; Paygate has no call for the remainder.
		MaxCaptures:      1,
		OneRefundAtATime: true,
		// "Before follow-up actions (capture / credit / reversal) are carried out on
		// an existing transaction, the first Notify must have been answered by the
		// shop" (Paygate documentation, URLNotify). Its repeats end after 21.6 h.
		CallbackFirst:    true,
		CallbackGrace:    time.Second,
		CallbackPatience: 22 * time.Hour,
		Patience:         time.Minute,
		KeySeparator:     keySeparator,
	}
}

func limits(least int64) provider.Limits {
	return provider.Limits{
		// TransID has 64 characters; ".99" must fit behind.
		PaymentID: regexp.MustCompile(`^[A-Za-z0-9_-]{1,61}$`),
		Amount:    map[payment.Currency]provider.Window{"": {Min: least, Max: maxAmount}},
		Countries: countries(),
		Text: map[string]*regexp.Regexp{
			"description":    regexp.MustCompile(`^[` + printable + `]{0,127}$`),
			"statement_text": regexp.MustCompile(`^[` + printable + `]{0,16}$`),
			"reference":      regexp.MustCompile(`^[` + printable + `]{0,30}$`),
		},
	}
}

// countries are the marketplaces. The documentation of the call lists EU, US and
// JP; its onboarding table and its integrations have UK as well.
func countries() []string { return []string{"EU", "UK", "US", "JP"} }
