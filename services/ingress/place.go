package main

import (
	"context"
	"errors"
	"slices"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

// check finds out which provider q's command is for and adds what that provider
// would refuse to q's faults. It refuses only for what is no field's fault.
func (c call) check(ctx context.Context, q *request) *refusal {
	f := q.body.faults
	var at *account.Account
	switch {
	case q.named == "" && q.body.has("provider"):
		return nil // said, and wrong: that is a fault already
	case q.named != "" && !slices.Contains(c.book.Providers(c.merchant), q.named):
		f.add("provider", "not_configured", "the merchant has no account at %s", q.named)
		return nil
	case c.route.kind.Opens():
		at = c.opening(q)
	case q.named != "":
		q.command.Provider = q.named
		at = c.known(q.command, "")
	case len(f.list) > 0:
		return nil // not worth a look at the broker
	default:
		name, refused := c.find(ctx, q)
		if refused != nil {
			return refused
		}
		at = c.known(q.command, name)
	}
	if q.command.Provider != "" {
		c.checkProvider(q, at)
	}
	return nil
}

// opening sets the provider of a command that begins a payment, and returns the
// account that will serve it.
func (c call) opening(q *request) *account.Account {
	f, has := q.body.faults, c.book.Providers(c.merchant)
	switch {
	case q.named != "":
		q.command.Provider = q.named
	case len(has) == 1:
		q.command.Provider = has[0]
	case len(has) == 0:
		f.add("provider", "not_configured", "the merchant has no account at any provider")
		return nil
	default:
		f.add("provider", "required", "is required: the merchant has accounts at %s", oneOf(has))
		return nil
	}
	at, err := c.book.Account(c.merchant, q.command.Provider, q.command.Account)
	switch {
	case errors.Is(err, account.ErrNoDefault):
		f.add("account", "required", "is required: none of the merchant's accounts at %s is the default", q.command.Provider)
	case err != nil:
		f.add("account", "unknown_value", "the merchant has no such account at %s", q.command.Provider)
	}
	return at
}

// known returns the account that serves an existing payment, nil when that
// cannot be told. Whether it is still there is for the worker to say.
func (c call) known(cmd payment.Command, name string) *account.Account {
	at, err := c.book.Account(c.merchant, cmd.Provider, name)
	if err != nil {
		return nil
	}
	return at
}

// find takes the provider from the payment's last event, and returns the name of
// its account.
func (c call) find(ctx context.Context, q *request) (string, *refusal) {
	p, found, err := c.api.broker.Find(ctx, c.merchant, q.command.Payment)
	switch {
	case err != nil:
		return "", unavailable(err)
	case !found:
		return "", notStarted()
	}
	q.command.Provider = p.Provider
	return p.Account, nil
}
