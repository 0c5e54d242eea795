// Package providers makes of an account what its provider's package offers. It is
// where services meet providers: a new one adds its line to makers, and a file
// that reads its settings.
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
	lists bool // clients are provider.Listers
}

func makers() map[payment.Provider]maker {
	return map[payment.Provider]maker{
		payment.Computop: of(computop.Capability, computopConfig, computop.New, computop.NewParser),
		payment.Axerve:   of(axerve.Capability, axerveConfig, axerve.New, axerve.NewParser),
		payment.ECommPay: of(ecommpay.Capability, ecommpayConfig, ecommpay.New, ecommpay.NewParser),
	}
}

// config is the configuration of one provider's package.
type config interface{ Validate() error }

// of returns the maker of a provider's package. configure makes the package's
// configuration of an account's settings and need not check it: the package does.
func of[C config, P provider.Provider, R provider.CallbackParser](
	capability func() provider.Capability,
	configure func(a *account.Account, publicURL string) (C, error),
	client func(C) (P, error),
	parser func(C) (R, error),
) maker {
	var none P
	_, lists := any(none).(provider.Lister)
	return maker{
		capability: capability, lists: lists,
		client: func(a *account.Account, publicURL string) (provider.Provider, error) {
			p, err := made(a, publicURL, configure, client)
			if err != nil {
				return nil, err
			}
			return p, nil
		},
		// Neither parsing nor checking makes addresses, but the configuration wants
		// one that they are made from.
		parser: func(a *account.Account) (provider.CallbackParser, error) {
			r, err := made(a, a.Endpoint, configure, parser)
			if err != nil {
				return nil, err
			}
			return r, nil
		},
		check: func(a *account.Account) error {
			cfg, err := configure(a, a.Endpoint)
			if err != nil {
				return err
			}
			return cfg.Validate()
		},
	}
}

// made returns what a package makes of an account.
func made[C config, T any](a *account.Account, publicURL string, configure func(*account.Account, string) (C, error), make func(C) (T, error)) (T, error) {
	cfg, err := configure(a, publicURL)
	if err != nil {
		var none T
		return none, err
	}
	v, err := make(cfg)
	if err != nil {
		err = whose(a, err)
	}
	return v, err
}

// makerOf returns the maker of a's provider. The error wraps ErrUnknown.
func makerOf(a *account.Account) (maker, error) {
	if m, ok := makers()[a.Provider]; ok {
		return m, nil
	}
	return maker{}, whose(a, ErrUnknown)
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

// Lists tells whether p's books can be read by time.
func Lists(p payment.Provider) bool { return makers()[p].lists }

// Lister returns a new client of account a that reads the provider's books by time.
// The error wraps ErrUnsupported of package provider when Lists says no.
func Lister(a *account.Account) (provider.Lister, error) {
	// Reading makes no addresses, but the configuration wants one for them.
	client, err := Client(a, a.Endpoint)
	if err != nil {
		return nil, err
	}
	l, ok := client.(provider.Lister)
	if !ok {
		return nil, whose(a, fmt.Errorf("%w: no listing", provider.ErrUnsupported))
	}
	return l, nil
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

// whose says whose error it is.
func whose(a *account.Account, err error) error {
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
