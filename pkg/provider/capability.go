package provider

import (
	"regexp"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Class says how doubt about an operation's outcome is resolved.
type Class int

// The classes.
const (
	// T0: the operation moves no money. Its attempt is given up, another started.
	T0 Class = iota
	// T1: the provider suppresses repeats of a key. Resend while the key is
	// young, then as T3.
	T1
	// T2: the provider refuses a second operation under the same key, for ever.
	// Inquire; where nothing is found after the settling time, resend under that key.
	T2
	// T3: the provider can be asked by our key. Inquire until it is found or
	// enough time has passed to be sure that it never will be.
	T3
	// T4: neither. A person must find out.
	T4
)

// String returns T0 to T4.
func (c Class) String() string { return [...]string{"T0", "T1", "T2", "T3", "T4"}[c] }

// Recovery is how one kind of operation is recovered.
type Recovery struct {
	Class Class
	// Horizon is how long after the first send a key suppresses repeats, T1 only.
	// Payloom resends during the first half of it.
	Horizon time.Duration
	// Settle is how long after an attempt's start "not found" is not believed:
	// send window, time in flight, the provider's processing and the lag of its
	// inquiry.
	Settle time.Duration
}

// Capability is what a provider can do, as data: it drives validation, recovery
// and the documentation.
type Capability struct {
	Provider payment.Provider
	Rules    payment.Rules
	Recovery map[payment.Kind]Recovery
	// Direct is how an Authorize is recovered that charges a mandate or an order
	// reference without the buyer.
	Direct   Recovery
	Methods  []payment.Method      // of Authorize
	Captures []payment.CaptureMode // of Authorize; empty: it is not per payment
	Limits   Limits
	// SessionTTL is how long a buyer may take to pay.
	SessionTTL time.Duration
	// PollAfter is the first wait before a pending operation is inquired about.
	PollAfter time.Duration
}

// Limits are what a provider takes.
type Limits struct {
	PaymentID *regexp.Regexp // nil: any
	// NotPaymentID is what ids must not match besides, where one pattern cannot
	// say both; nil: nothing.
	NotPaymentID *regexp.Regexp
	Currencies   []payment.Currency          // empty: all of ISO 4217
	Amount       map[payment.Currency]Window // by currency; "" for the others
	Countries    []string                    // marketplaces; empty: not asked for
	Text         map[string]*regexp.Regexp   // by JSON field of the API
}

// Window is a range of amounts in minor units, both ends included.
type Window struct{ Min, Max int64 }

// Supports tells whether the provider can do k.
func (c Capability) Supports(k payment.Kind) bool { return slices.Contains(c.Rules.Kinds, k) }

// RecoveryOf returns how an operation of kind k is recovered; for Authorize it
// depends on the method. A kind without an entry is T4.
func (c Capability) RecoveryOf(k payment.Kind, m payment.Method) Recovery {
	if k == payment.Authorize && (m == payment.MandateCharge || m == payment.OrderReference) {
		return c.Direct
	}
	if r, ok := c.Recovery[k]; ok {
		return r
	}
	return Recovery{Class: T4}
}
