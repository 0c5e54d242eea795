package computop

import (
	"context"
	"errors"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Books implements provider.Bookkeeper by the running totals of an inquiry, which
// count what was done in Paygate's Analytics as well. An inquiry names no currency.
func (c *Client) Books(ctx context.Context, call provider.Call) (payment.Statement, error) {
	answer, err := c.look(ctx, call)
	if errors.Is(err, provider.ErrNotFound) {
		return payment.Statement{}, nil
	}
	if err != nil {
		return payment.Statement{}, err
	}
	return payment.Statement{Found: true, Totals: *answer.totals(), Ref: answer.get("PayID")}, nil
}
