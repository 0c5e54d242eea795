package axerve

import (
	"context"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Books implements provider.Bookkeeper by the sums over a transaction's events, which
// count what was done in the shop's back office as well. A refund counts when it is
// executed, a capture that is queued for the night the morning after.
func (c *Client) Books(ctx context.Context, call provider.Call) (payment.Statement, error) {
	reply, err := c.read(ctx, ids{shop: shopIDOf(call), bank: bankIDOf(call)})
	if err != nil {
		return payment.Statement{}, err
	}
	s := payment.Statement{Found: true, Ref: string(reply.BankTransactionID)}
	switch reply.Outcome() {
	case gestpay.NotFound:
		return payment.Statement{}, nil
	case gestpay.PaymentPending:
		s.Pending = true
		return s, nil
	case gestpay.PaymentKO:
		return s, nil
	case gestpay.PaymentOK:
	default:
		return payment.Statement{}, doubtful(reply)
	}
	if c.elsewhere(reply.Order) {
		return payment.Statement{}, unclear("the order was made in another environment of Amazon's")
	}
	f := finding{call: call, reply: reply}
	if f.ledger, err = reply.Ledger(); err != nil {
		return payment.Statement{}, unclear("%w", err)
	}
	s.Totals, s.Currency = *f.totals(), payment.Currency(f.ledger.Currency)
	return s, nil
}
