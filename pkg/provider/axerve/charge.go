package axerve

import (
	"context"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// charge pays without the buyer: with an order reference that Amazon's widgets
// gave to the shop, or with the token of an earlier payment.
func (c *Client) charge(ctx context.Context, call provider.Call, auth payment.Authorization, money gestpay.Money) (payment.Result, error) {
	if err := c.checkCharge(auth); err != nil {
		return payment.Result{}, err
	}
	r := gestpay.PayRequest{Shop: c.shop, Money: money, ShopTransactionID: shopIDOf(call)}
	switch auth.Method {
	case payment.OrderReference:
		r.OrderReference = auth.OrderRef
	default:
		r.Token, r.NoPaymentType = auth.Mandate, c.cfg.TokenOnly
	}
	reply, err := c.ask(ctx, r, ids{shop: r.ShopTransactionID})
	if err != nil {
		return payment.Result{}, err
	}
	return c.charged(ctx, call, reply)
}

func (c *Client) checkCharge(auth payment.Authorization) error {
	if auth.Recurring != nil {
		return unsupported("authorization.recurring: a series begins on Axerve's page, with method redirect")
	}
	if auth.Method == payment.MandateCharge {
		if !tokens.MatchString(auth.Mandate) {
			return invalid("authorization.mandate must have 1 to 25 printable characters")
		}
		return nil
	}
	ref := gestpay.OrderReference(auth.OrderRef)
	switch {
	case !ref.Valid():
		return invalid("order_reference must look like S02-1234567-1234567")
	case ref.Sandbox() != (c.cfg.environment() == Sandbox):
		// S comes from Amazon's sandbox, P from the live service.
		return invalid("order_reference does not belong to the account's environment: S is for sandbox, P for production")
	}
	return nil
}

// charged reads the answer to callPagamS2S. OK is followed by a read, which tells
// whether the money was taken too.
func (c *Client) charged(ctx context.Context, call provider.Call, reply gestpay.Reply) (payment.Result, error) {
	switch reply.Outcome() {
	case gestpay.PaymentOK, gestpay.PaymentPending:
		if !agrees(reply, call.Operation.Amount) {
			return payment.Result{}, doubtful(reply)
		}
		return c.confirm(ctx, known(call, reply), reply), nil
	case gestpay.PaymentKO:
		if !final(reply.ErrorCode) || doubted(call) {
			// Attempts share one shopTransactionId: an earlier one may be paid.
			return payment.Result{}, doubtful(reply)
		}
		status, reason := lost(reply.ErrorCode)
		return payment.Result{
			Status: status, Reason: reason, Code: plainCode(reply.ErrorCode), Ref: string(reply.BankTransactionID),
		}, nil
	case gestpay.CallFailed:
		return c.unopened(call, reply)
	default:
		return payment.Result{}, doubtful(reply)
	}
}

// unopened reads an answer after which no transaction exists. When an earlier
// attempt may have made one, the refusal may be for that very reason.
func (c *Client) unopened(call provider.Call, reply gestpay.Reply) (payment.Result, error) {
	class := reply.ErrorCode.Class()
	switch {
	case haunted(call) && class != gestpay.ClassConfig:
		return payment.Result{}, doubtful(reply)
	case class == gestpay.ClassDeclined || class == gestpay.ClassRiskRule || class == gestpay.ClassBuyerAbandoned:
		status, reason := lost(reply.ErrorCode)
		return payment.Result{Status: status, Reason: reason, Code: plainCode(reply.ErrorCode), Ref: string(shopIDOf(call))}, nil
	}
	return payment.Result{}, refused(reply)
}

// agrees tells whether an answer is about as much money as was asked for. An
// answer may leave the sum out.
func agrees(reply gestpay.Reply, m payment.Money) bool {
	if reply.Amount == "" && reply.UICCode == "" {
		return true
	}
	minor, iso, err := reply.AmountMinor()
	return err == nil && minor == m.Minor && iso == string(m.Currency)
}

// known returns call with the ids that its answer gave.
func known(call provider.Call, reply gestpay.Reply) provider.Call {
	if reply.BankTransactionID != "" {
		call.Payment.Refs = refsOf(shopIDOf(call), reply.BankTransactionID)
	}
	return call
}

func refsOf(shop gestpay.ShopTransactionID, bank gestpay.BankTransactionID) map[string]string {
	refs := map[string]string{}
	if shop != "" {
		refs[RefShopID] = string(shop)
	}
	if bank != "" {
		refs[RefBankID] = string(bank)
	}
	return refs
}
