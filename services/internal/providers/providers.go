// Package providers makes of an account what its provider's package offers. It is
// where services meet providers: a new one adds its case here.
package providers

import (
	"errors"
	"fmt"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop"
)

// ErrUnknown means that this program does not know how to talk to a provider.
var ErrUnknown = errors.New("providers: not supported by this program")

// Capabilities returns what each provider can do. A provider that is not listed
// cannot be asked for anything.
func Capabilities() map[payment.Provider]provider.Capability {
	return map[payment.Provider]provider.Capability{
		payment.Computop: computop.Capability(),
	}
}

// Client returns a new client of account a. publicURL is where the provider and
// buyers' browsers reach notify-receiver.
func Client(a *account.Account, publicURL string) (provider.Provider, error) {
	cfg, err := computopConfig(a, publicURL)
	if err != nil {
		return nil, err
	}
	client, err := computop.New(cfg)
	if err != nil {
		return nil, of(a, err)
	}
	return client, nil
}

// Parser returns a new parser of what comes to account a's addresses. One that
// reads what browsers bring is a provider.ReturnParser too.
func Parser(a *account.Account) (provider.CallbackParser, error) {
	// A parser makes no addresses, but its configuration wants one.
	cfg, err := computopConfig(a, a.Endpoint)
	if err != nil {
		return nil, err
	}
	parser, err := computop.NewParser(cfg)
	if err != nil {
		return nil, of(a, err)
	}
	return parser, nil
}

// of says whose error it is.
func of(a *account.Account, err error) error {
	return fmt.Errorf("account %s of %s at %s: %w", a.Name, a.Merchant, a.Provider, err)
}

// Exam reports what keeps an account from working, for account.Check.
func Exam(a *account.Account) []account.Problem {
	cfg, err := computopConfig(a, a.Endpoint)
	if invalid, ok := errors.AsType[*account.Invalid](err); ok {
		return invalid.Problems
	}
	if err == nil {
		err = cfg.Validate()
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
