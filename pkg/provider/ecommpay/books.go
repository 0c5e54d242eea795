package ecommpay

import (
	"context"
	"errors"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Books implements provider.Bookkeeper by a payment's status: what was paid out, and
// not taken back, is captured.
func (c *Client) Books(ctx context.Context, call provider.Call) (payment.Statement, error) {
	r, err := c.ask(ctx, c.byPayment(call.Operation.Attempt.Key))
	if errors.Is(err, provider.ErrNotFound) {
		return payment.Statement{}, nil
	}
	if err != nil {
		return payment.Statement{}, err
	}
	s := payment.Statement{Found: true, Ref: r.ref()}
	state, code := r.judge()
	switch {
	case state == pending, state == silent:
		s.Pending = true
	case state == succeeded, state == doubtful && status(r.status) == "success" && r.sum != nil:
		// A sum that could not have been asked for is doubtful, and worth comparing.
		s.Currency = r.sum.money().Currency
		s.Totals = payment.Totals{Authorized: r.sum.minor, Captured: r.sum.minor}
	case state == doubtful:
		return payment.Statement{}, answered(provider.Unclear(code, "books: a person must find out what was paid"))
	}
	return s, nil
}
