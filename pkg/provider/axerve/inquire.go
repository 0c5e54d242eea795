package axerve

import (
	"context"
	"errors"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Inquire implements provider.Provider. The sums over a transaction's events tell
// whether an operation took effect. For a capture or a refund ErrNotFound means
// that they show nothing of it yet: a queued one may still come, see settleNight.
func (c *Client) Inquire(ctx context.Context, call provider.Call) (payment.Result, error) {
	switch call.Operation.Kind {
	case payment.Authorize, payment.Capture, payment.Refund, payment.Cancel:
	default:
		return payment.Result{}, unsupported("Axerve cannot inquire about %s", call.Operation.Kind)
	}
	reply, err := c.read(ctx, ids{shop: shopIDOf(call), bank: bankIDOf(call)})
	if err != nil {
		return payment.Result{}, err
	}
	switch {
	case call.Operation.Kind == payment.Authorize:
		return c.opened(call, reply)
	case reply.Outcome() == gestpay.PaymentOK:
		f, err := c.find(call, reply)
		if err != nil {
			return payment.Result{}, err
		}
		return f.followUp()
	}
	// The payment was authorised, or it would not be followed up on.
	return payment.Result{}, doubtful(reply)
}

// read asks what Axerve knows of a transaction. Asking changes nothing, so a call
// that came to nothing is made again.
func (c *Client) read(ctx context.Context, about ids) (gestpay.Reply, error) {
	reply, err := c.ask(ctx, gestpay.ReadRequest{
		Shop: c.shop, ShopTransactionID: about.shop, BankTransactionID: about.bank,
	}, about)
	switch {
	case err != nil:
		return gestpay.Reply{}, readFailed(err)
	case reply.Outcome() != gestpay.CallFailed:
		return reply, nil
	case reply.ErrorCode.Class() == gestpay.ClassConfig:
		return gestpay.Reply{}, refused(reply)
	case reply.Retryable():
		return gestpay.Reply{}, unavailable(doubtful(reply))
	}
	return gestpay.Reply{}, doubtful(reply)
}

// readFailed returns the error for a read without an answer that could be read. A
// service that is away is asked again; one that talks nonsense needs a person.
func readFailed(err error) error {
	e := provider.AsError(err)
	if errors.Is(err, gestpay.ErrProtocol) {
		return e
	}
	return unavailable(e)
}

// opened tells what became of an attempt to open a payment.
func (c *Client) opened(call provider.Call, reply gestpay.Reply) (payment.Result, error) {
	switch reply.Outcome() {
	case gestpay.NotFound:
		return payment.Result{}, notFound()
	case gestpay.PaymentPending:
		return payment.Result{
			Status: payment.Pending, Ref: string(reply.BankTransactionID), Refs: refsOf(shopIDOf(call), reply.BankTransactionID),
		}, nil
	case gestpay.PaymentKO:
		status, reason := lost(reply.ErrorCode)
		if reply.ErrorCode.OK() || reply.ErrorCode == "" { // the code may be that of the read
			status, reason = payment.Declined, payment.ReasonDeclined
		}
		return payment.Result{Status: status, Reason: reason, Code: plainCode(reply.ErrorCode), Ref: string(reply.BankTransactionID)}, nil
	case gestpay.PaymentOK:
		f, err := c.find(call, reply)
		if err != nil {
			return payment.Result{}, err
		}
		return f.authorized()
	default:
		return payment.Result{}, doubtful(reply)
	}
}

func notFound() *provider.Error {
	return &provider.Error{
		Failure: provider.NotSent, Reason: payment.ReasonNotFound, Code: string(gestpay.CodeNotFound), Answered: true, Err: provider.ErrNotFound,
	}
}

// find returns what a read gave, once it is certain that it speaks of the payment:
// of the same currency, and of an order in the same environment.
func (c *Client) find(call provider.Call, reply gestpay.Reply) (finding, error) {
	f := finding{call: call, reply: reply}
	var err error
	if f.ledger, err = reply.Ledger(); err != nil {
		return finding{}, unclear("%w", err)
	}
	want := call.Payment.Amount.Currency
	if want == "" {
		want = call.Operation.Amount.Currency
	}
	switch {
	case len(reply.Events) > 0 && f.ledger.Currency != string(want):
		return finding{}, unclear("the transaction is in another currency")
	case c.elsewhere(reply.Order):
		return finding{}, unclear("the order was made in another environment of Amazon's")
	}
	return f, nil
}

func (c *Client) elsewhere(o *gestpay.OrderReferenceDetails) bool {
	return o != nil && o.Environment != "" && o.Sandbox() != (c.cfg.environment() == Sandbox)
}

func unclear(format string, args ...any) *provider.Error {
	return answered(provider.Unclear("", "inquiry: "+format, args...))
}
