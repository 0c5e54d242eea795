package axerve

import (
	"context"
	"errors"
	"regexp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// settlementIDs are what a settle may carry as the shop's own reference. One of
// another form stays with us.
var settlementIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,20}$`)

// bothIDs returns the ids of the payment that call follows up on. Of the two the
// gateway's is the certain one.
func bothIDs(call provider.Call) (ids, error) {
	about := ids{shop: shopIDOf(call), bank: bankIDOf(call)}
	if about.bank == "" || about.shop == "" {
		return ids{}, provider.Reject(payment.ReasonNotFound, "the payment has no transaction at Axerve")
	}
	return about, nil
}

// settle captures. Amazon Pay takes one capture for a payment, however small, so
// another is refused before it is asked for.
func (c *Client) settle(ctx context.Context, call provider.Call) (payment.Result, error) {
	money, err := moneyOf(call.Operation.Amount)
	if err != nil {
		return payment.Result{}, err
	}
	about, err := bothIDs(call)
	if err != nil {
		return payment.Result{}, err
	}
	if call.Payment.Captured > 0 {
		return payment.Result{}, provider.Reject(payment.ReasonState, "Amazon Pay takes one capture of an authorisation")
	}
	r := gestpay.SettleRequest{Shop: c.shop, Money: money, ShopTransactionID: about.shop, BankTransactionID: about.bank}
	if settlementIDs.MatchString(call.Command.Reference) {
		r.SettlementID = call.Command.Reference
	}
	return c.follow(ctx, call, r, about)
}

func (c *Client) refund(ctx context.Context, call provider.Call) (payment.Result, error) {
	money, err := moneyOf(call.Operation.Amount)
	if err != nil {
		return payment.Result{}, err
	}
	about, err := bothIDs(call)
	if err != nil {
		return payment.Result{}, err
	}
	return c.follow(ctx, call, gestpay.RefundRequest{
		Shop: c.shop, Money: money, ShopTransactionID: about.shop, BankTransactionID: about.bank, Reason: reasonOf(call),
	}, about)
}

func (c *Client) delete(ctx context.Context, call provider.Call) (payment.Result, error) {
	about, err := bothIDs(call)
	if err != nil {
		return payment.Result{}, err
	}
	return c.follow(ctx, call, gestpay.DeleteRequest{
		Shop: c.shop, ShopTransactionID: about.shop, BankTransactionID: about.bank, Reason: reasonOf(call),
	}, about)
}

// reasonOf returns the command's description as the gateway takes one: without
// most punctuation, and not longer than 50 characters.
func reasonOf(call provider.Call) string { return gestpay.CleanBuyerName(call.Command.Description) }

// follow sends r and reads the answer. OK means that the operation was accepted;
// whether it took effect, a read tells.
func (c *Client) follow(ctx context.Context, call provider.Call, r gestpay.Request, about ids) (payment.Result, error) {
	reply, err := c.ask(ctx, r, about)
	if err != nil {
		return payment.Result{}, err
	}
	switch reply.Outcome() {
	case gestpay.OpOK:
		return c.confirm(ctx, call, reply), nil
	case gestpay.OpKO:
		return c.contradicted(ctx, call, reply)
	default:
		return payment.Result{}, doubtful(reply)
	}
}

// confirm returns what a read says about an operation that was accepted. Until it
// shows, the operation is pending.
func (c *Client) confirm(ctx context.Context, call provider.Call, reply gestpay.Reply) payment.Result {
	r, err := c.Inquire(ctx, call)
	if err != nil || r.Status != payment.Approved {
		// Whatever else it may come to: accepted is not refused.
		r = payment.Result{Status: payment.Pending}
	}
	if r.Ref == "" {
		r.Ref = string(reply.BankTransactionID)
	}
	if r.Ref == "" {
		r.Ref = string(shopIDOf(call))
	}
	if r.Refs == nil {
		r.Refs = refsOf(shopIDOf(call), reply.BankTransactionID)
	}
	if reply.Token != "" {
		r.Mandate = &payment.Mandate{ID: reply.Token}
	}
	return r
}

// contradicted reads a refusal that the payment's own state may explain: what was
// asked for may have been done already, by an earlier attempt or by a person in
// the back office. If so, that is the outcome; if not, the refusal is. Refunds are
// many to a payment: one that was made is ours only if we may have made it.
func (c *Client) contradicted(ctx context.Context, call provider.Call, reply gestpay.Reply) (payment.Result, error) {
	switch reply.ErrorCode.Class() {
	case gestpay.ClassConflict, gestpay.ClassExceeds, gestpay.ClassExpired, gestpay.ClassNotFound, gestpay.ClassAmbiguous:
	default:
		return payment.Result{}, refused(reply)
	}
	if call.Operation.Kind == payment.Refund && !doubted(call) {
		return payment.Result{}, refused(reply)
	}
	r, err := c.Inquire(ctx, call)
	switch {
	case err == nil:
		return r, nil
	case !errors.Is(err, provider.ErrNotFound):
		return payment.Result{}, doubtful(reply)
	case call.Operation.Kind == payment.Cancel && reply.ErrorCode.Class() == gestpay.ClassConflict:
		return payment.Result{}, undeletable(call, reply)
	}
	return payment.Result{}, refused(reply)
}

// maxDeletions is how often a deletion is sent to a transaction that is still
// authorised and yet called not deletable.
const maxDeletions = 8

func undeletable(call provider.Call, reply gestpay.Reply) *provider.Error {
	e := refused(reply)
	if call.Operation.Attempt.Number < maxDeletions {
		e.Failure = provider.NotSent
	}
	return e
}
