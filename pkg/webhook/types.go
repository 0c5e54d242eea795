package webhook

import (
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// Type names what a message tells.
type Type string

// The types. Those of a follow-up that came to nothing do not say how: that is in
// the operation's status, one of declined, failed and rejected.
const (
	PaymentAuthorized        Type = "payment.authorized"
	PaymentCaptured          Type = "payment.captured"
	PaymentPartiallyCaptured Type = "payment.partially_captured"
	PaymentRefunded          Type = "payment.refunded"
	PaymentPartiallyRefunded Type = "payment.partially_refunded"
	PaymentCancelled         Type = "payment.cancelled"
	PaymentAgreed            Type = "payment.agreed" // a mandate without a payment
	PaymentAmountChanged     Type = "payment.amount_changed"
	PaymentDeclined          Type = "payment.declined"
	PaymentFailed            Type = "payment.failed"
	PaymentExpired           Type = "payment.expired"
	PaymentRejected          Type = "payment.rejected"
	PaymentCaptureFailed     Type = "payment.capture_failed"
	PaymentRefundFailed      Type = "payment.refund_failed"
	PaymentCancelFailed      Type = "payment.cancel_failed"
	PaymentAmountFailed      Type = "payment.amount_change_failed"
	PaymentMandateIssued     Type = "payment.mandate_issued"
	PaymentAttention         Type = "payment.attention_required"
	PaymentBreak             Type = "payment.reconcile_break" // the provider's books differ
	PayoutPaid               Type = "payout.paid"
	PayoutDeclined           Type = "payout.declined"
	PayoutFailed             Type = "payout.failed"
	PayoutRejected           Type = "payout.rejected"
	PayoutReversed           Type = "payout.reversed"
	PayoutAttention          Type = "payout.attention_required"
	PayoutBreak              Type = "payout.reconcile_break"
)

// Types lists all types in a stable order.
func Types() []Type {
	return []Type{
		PaymentAuthorized, PaymentCaptured, PaymentPartiallyCaptured, PaymentRefunded, PaymentPartiallyRefunded,
		PaymentCancelled, PaymentAgreed, PaymentAmountChanged, PaymentDeclined, PaymentFailed, PaymentExpired,
		PaymentRejected, PaymentCaptureFailed, PaymentRefundFailed, PaymentCancelFailed, PaymentAmountFailed,
		PaymentMandateIssued, PaymentAttention, PaymentBreak,
		PayoutPaid, PayoutDeclined, PayoutFailed, PayoutRejected, PayoutReversed, PayoutAttention, PayoutBreak,
	}
}

// Known tells whether t is one of Types.
func (t Type) Known() bool { return slices.Contains(Types(), t) }

// Filter chooses types: each entry is a type, or "payment.*" or "payout.*".
// An empty filter chooses all.
type Filter []string

// Allows tells whether f chooses t.
func (f Filter) Allows(t Type) bool {
	return len(f) == 0 || slices.ContainsFunc(f, func(p string) bool { return matches(p, t) })
}

// ValidPattern tells whether p may stand in a Filter: it chooses something.
func ValidPattern(p string) bool {
	return slices.ContainsFunc(Types(), func(t Type) bool { return matches(p, t) })
}

func matches(pattern string, t Type) bool {
	group, all := strings.CutSuffix(pattern, ".*")
	if !all {
		return pattern == string(t)
	}
	before, _, _ := strings.Cut(string(t), ".")
	return group == before
}

// TypeOf returns what a merchant is told of e, after which the payment is as
// given, and false when that is nothing: e ends no operation.
func TypeOf(e payment.Event, after payment.Payment) (Type, bool) {
	op, found := after.Operation(e.Command)
	switch d := e.Data.(type) {
	case payment.OperationSucceeded:
		return succeeded(op, after), found && op.Status == payment.OpSucceeded
	case payment.OperationDeclined:
		return ended(op.Kind, PaymentDeclined, PayoutDeclined), found && op.Status == payment.OpDeclined
	case payment.OperationFailed:
		return ended(op.Kind, failed(d.Reason), PayoutFailed), found && op.Status == payment.OpFailed
	case payment.OperationRejected:
		return ended(d.Kind, PaymentRejected, PayoutRejected), d.Kind != payment.Sync
	case payment.OperationReversed:
		return PayoutReversed, found && op.Status == payment.OpFailed
	case payment.MandateIssued:
		return PaymentMandateIssued, true
	case payment.Parked, payment.LateOutcome:
		return attention(after), true
	case payment.ReconcileBreak:
		return differs(after), d.Break.Status == payment.BreakOpen
	default:
		return "", false
	}
}

// succeeded returns what a success is called. The payment's own sums tell part
// from whole: its state may have moved on to refunds by then.
func succeeded(op payment.Operation, after payment.Payment) Type {
	switch op.Kind {
	case payment.Authorize:
		return opened(op, after)
	case payment.UpdateAmount:
		return PaymentAmountChanged
	case payment.Capture:
		return pick(after.Captured >= after.Authorized, PaymentCaptured, PaymentPartiallyCaptured)
	case payment.Refund:
		return pick(after.Refunded >= after.Captured, PaymentRefunded, PaymentPartiallyRefunded)
	case payment.Cancel:
		return PaymentCancelled
	case payment.Payout:
		return PayoutPaid
	case payment.Sync:
	}
	return ""
}

func opened(op payment.Operation, after payment.Payment) Type {
	switch {
	case op.Effect == 0:
		return PaymentAgreed
	case after.Captured > 0:
		return PaymentCaptured
	}
	return PaymentAuthorized
}

// ended returns what the end of an operation is called that came to nothing.
func ended(k payment.Kind, opening, payout Type) Type {
	switch k {
	case payment.Payout:
		return payout
	case payment.Capture:
		return PaymentCaptureFailed
	case payment.Refund:
		return PaymentRefundFailed
	case payment.Cancel:
		return PaymentCancelFailed
	case payment.UpdateAmount:
		return PaymentAmountFailed
	case payment.Authorize, payment.Sync:
	}
	return opening
}

func failed(r payment.Reason) Type {
	return pick(r == payment.ReasonExpired, PaymentExpired, PaymentFailed)
}

func attention(p payment.Payment) Type { return ofOpening(p, PaymentAttention, PayoutAttention) }

func differs(p payment.Payment) Type { return ofOpening(p, PaymentBreak, PayoutBreak) }

func ofOpening(p payment.Payment, opening, payout Type) Type {
	op, _ := p.Opening()
	return pick(op.Kind == payment.Payout, payout, opening)
}

func pick(cond bool, yes, no Type) Type {
	if cond {
		return yes
	}
	return no
}
