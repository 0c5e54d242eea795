package axerve

import (
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// finding is what a read gave about a call's operation.
type finding struct {
	call   provider.Call
	reply  gestpay.Reply
	ledger gestpay.Ledger
}

func (f finding) result(s payment.Status, amount int64) payment.Result {
	r := payment.Result{
		Status: s, Amount: amount, Ref: string(f.reply.BankTransactionID),
		Refs:   refsOf(shopIDOf(f.call), f.reply.BankTransactionID),
		Totals: f.totals(), Buyer: buyerOf(f.reply.Order),
	}
	if s == payment.Approved {
		r.Code = string(gestpay.CodeOK)
	}
	return r
}

// totals are the payment's sums. An authorisation that was given up is none.
func (f finding) totals() *payment.Totals {
	return &payment.Totals{
		Authorized: max(f.ledger.Authorised-f.ledger.Cancelled, 0), Captured: f.ledger.Captured, Refunded: f.ledger.Refunded,
	}
}

func (f finding) failed(why payment.Reason) payment.Result {
	r := f.result(payment.Failed, 0)
	r.Reason = why
	return r
}

// authorized tells what became of a payment that Axerve calls OK.
func (f finding) authorized() (payment.Result, error) {
	asked, told := f.call.Operation.Amount.Minor, f.ledger.Authorised
	switch {
	case f.call.Payment.Terms.MandateOnly:
		// The token comes with a callback and in no other way.
		return f.result(payment.Pending, 0), nil
	case told == 0 && f.ledger.Captured == 0 && f.ledger.Cancelled == 0:
		return f.result(payment.Pending, 0), nil
	case told != asked:
		return payment.Result{}, unclear("another amount was authorised")
	case f.ledger.Cancelled > 0 && f.call.Operation.Status != payment.OpSucceeded:
		return f.failed(payment.ReasonExpired), nil // given up before we learnt of it
	}
	return f.result(payment.Approved, told), nil
}

func (f finding) followUp() (payment.Result, error) {
	switch f.call.Operation.Kind {
	case payment.Capture:
		return f.captured()
	case payment.Refund:
		return f.refunded()
	default:
		return f.cancelled()
	}
}

// accepted tells whether the provider took the operation on: then it will show.
func (f finding) accepted() bool { return f.call.Operation.Status == payment.OpPending }

// effect returns what of the payment's sums is this operation's own already.
func (f finding) effect() int64 {
	if f.call.Operation.Status == payment.OpSucceeded {
		return f.call.Operation.Effect
	}
	return 0
}

// captured: MOV is a capture, PRE one that the night will bring, CAN the end.
func (f finding) captured() (payment.Result, error) {
	amount := f.call.Operation.Amount.Minor
	before := f.call.Payment.Captured - f.effect()
	switch now := f.ledger.Captured - before; {
	case now == amount:
		return f.result(payment.Approved, amount), nil
	case now != 0:
		return payment.Result{}, unclear("another amount was captured")
	case f.ledger.CapturePending() && f.ledger.Reserved == amount:
		return f.result(payment.Pending, 0), nil
	case f.ledger.CapturePending():
		return payment.Result{}, unclear("a capture of another amount is queued")
	case f.ledger.Cancelled > 0:
		return f.failed(payment.ReasonState), nil
	case f.accepted():
		return f.result(payment.Pending, 0), nil
	}
	return payment.Result{}, notFound()
}

// cancelled: a transaction that was captured, or will be tonight, can be refunded
// and not given up.
func (f finding) cancelled() (payment.Result, error) {
	switch {
	case f.ledger.Cancelled > 0:
		return f.result(payment.Approved, 0), nil
	case f.ledger.Captured > 0, f.ledger.Reserved > 0:
		return f.failed(payment.ReasonState), nil
	}
	return payment.Result{}, notFound()
}
