// Package providers makes of an account what its provider's package offers. It is
// where services meet providers: a new one adds its case here.
package providers

import (
	"errors"
	"fmt"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
)

// ErrUnknown means that this program does not know how to talk to a provider.
var ErrUnknown = errors.New("providers: not supported by this program")

// maker makes what one provider's package offers.
type maker struct {
	capability func() provider.Capability
	// client makes a client, given where the provider and buyers' browsers reach
	// notify-receiver.
	client func(a *account.Account, publicURL string) (provider.Provider, error)
	parser func(a *account.Account) (provider.CallbackParser, error)
	// check returns what keeps an account from working: an account.Invalid, or all
	// that the provider's package says, joined.
	check func(a *account.Account) error
}

func makers() map[payment.Provider]maker {
	return map[payment.Provider]maker{
		payment.Computop: {computop.Capability, computopClient, computopParser, computopCheck},
		payment.Axerve:   {axerve.Capability, axerveClient, axerveParser, axerveCheck},
		payment.ECommPay: {ecommpay.Capability, ecommpayClient, ecommpayParser, ecommpayCheck},
	}
}

// makerOf returns the maker of a's provider. The error wraps ErrUnknown.
func makerOf(a *account.Account) (maker, error) {
	if m, ok := makers()[a.Provider]; ok {
		return m, nil
	}
	return maker{}, of(a, ErrUnknown)
}

// Capabilities returns what each provider can do. A provider that is not listed
// cannot be asked for anything.
func Capabilities() map[payment.Provider]provider.Capability {
	all := map[payment.Provider]provider.Capability{}
	for name, m := range makers() {
		all[name] = m.capability()
	}
	return all
}

// Client returns a new client of account a. publicURL is where the provider and
// buyers' browsers reach notify-receiver.
func Client(a *account.Account, publicURL string) (provider.Provider, error) {
	m, err := makerOf(a)
	if err != nil {
		return nil, err
	}
	return m.client(a, publicURL)
}

// Parser returns a new parser of what comes to account a's addresses. One that
// reads what browsers bring is a provider.ReturnParser too.
func Parser(a *account.Account) (provider.CallbackParser, error) {
	m, err := makerOf(a)
	if err != nil {
		return nil, err
	}
	return m.parser(a)
}

// of says whose error it is.
func of(a *account.Account, err error) error {
	return fmt.Errorf("account %s of %s at %s: %w", a.Name, a.Merchant, a.Provider, err)
}

// Exam reports what keeps an account from working, for account.Check.
func Exam(a *account.Account) []account.Problem {
	m, err := makerOf(a)
	if err == nil {
		err = m.check(a)
	}
	if invalid, ok := errors.AsType[*account.Invalid](err); ok {
		return invalid.Problems
	}
	var problems []account.Problem
	for _, e := range parts(err) {
		problems = append(problems, a.Problem("", "%v", e))
	}
	return problems
}

// parts takes apart what errors.Join has joined.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
