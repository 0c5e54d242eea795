package main

import (
	"context"
	"errors"
	"slices"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/intake"
)

// check finds out which provider q's command is for and adds what that provider
// would refuse to q's faults. It refuses only for what is no field's fault.
func (c call) check(ctx context.Context, q *intake.Request) *refusal {
	f := q.Faults
	var at *account.Account
	switch {
	case q.Named == "" && !q.Unnamed:
		return nil // said, and wrong: that is a fault already
	case q.Named != "" && !slices.Contains(c.book.Providers(c.caller.Merchant), q.Named):
		f.Add("provider", "not_configured", "the merchant has no account at %s", q.Named)
		return nil
	case c.route.kind.Opens():
		at = c.opening(q)
	case q.Named != "":
		q.Command.Provider = q.Named
		at = c.known(q.Command, "")
	case len(f.List) > 0:
		return nil // not worth a look at the broker
	default:
		name, refused := c.find(ctx, q)
		if refused != nil {
			return refused
		}
		at = c.known(q.Command, name)
	}
	if q.Command.Provider != "" {
		q.CheckProvider(c.api.can, at)
	}
	return nil
}

// opening sets the provider of a command that begins a payment, and returns the
// account that will serve it.
func (c call) opening(q *intake.Request) *account.Account {
	f, has := q.Faults, c.candidates()
	switch {
	case q.Named != "":
		q.Command.Provider = q.Named
	case len(has) == 1:
		q.Command.Provider = has[0]
	case len(has) == 0:
		f.Add("provider", "not_configured", "the merchant has no account at any provider")
		return nil
	default:
		f.Add("provider", "required", "is required: the merchant has accounts at %s", intake.OneOf(has))
		return nil
	}
	at, err := c.book.Account(c.caller.Merchant, q.Command.Provider, q.Command.Account)
	switch {
	case errors.Is(err, account.ErrNoDefault):
		f.Add("account", "required", "is required: none of the merchant's accounts at %s is the default", q.Command.Provider)
	case err != nil:
		f.Add("account", "unknown_value", "the merchant has no such account at %s", q.Command.Provider)
	}
	return at
}

// candidates are the providers that a command which names none may be for: those of
// the merchant's that can carry it out, or all of them when none can.
func (c call) candidates() []payment.Provider {
	has := c.book.Providers(c.caller.Merchant)
	var able []payment.Provider
	for _, p := range has {
		if can, ok := c.api.can[p]; ok && can.Supports(c.route.kind) {
			able = append(able, p)
		}
	}
	if len(able) == 0 {
		return has
	}
	return able
}

// known returns the account that serves an existing payment, nil when that
// cannot be told. Whether it is still there is for the worker to say.
func (c call) known(cmd payment.Command, name string) *account.Account {
	at, err := c.book.Account(c.caller.Merchant, cmd.Provider, name)
	if err != nil {
		return nil
	}
	return at
}

// find takes the provider from the payment's last event, and returns the name of
// its account.
func (c call) find(ctx context.Context, q *intake.Request) (string, *refusal) {
	p, found, err := c.api.broker.Find(ctx, c.caller.Merchant, q.Command.Payment)
	switch {
	case err != nil:
		return "", unavailable(err)
	case !found:
		return "", notStarted()
	}
	q.Command.Provider = p.Provider
	return p.Account, nil
}
