package wire

import (
	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// encodeData sets m's data to d.
func (c *coder) encodeData(m *pb.Event, d payment.EventData) {
	switch d := d.(type) {
	case payment.AttemptStarted:
		m.Data = &pb.Event_AttemptStarted{AttemptStarted: c.encodeAttemptStarted(d)}
	case payment.AttemptNotSent:
		m.Data = &pb.Event_AttemptNotSent{AttemptNotSent: c.encodeAttemptNotSent(d)}
	case payment.AttemptVoided:
		m.Data = &pb.Event_AttemptVoided{AttemptVoided: &pb.AttemptVoided{Attempt: c.encodeInt(d.Attempt)}}
	case payment.ActionRequired:
		m.Data = &pb.Event_ActionRequired{ActionRequired: c.encodeActionRequired(d)}
	case payment.OutcomeUnknown:
		m.Data = &pb.Event_OutcomeUnknown{OutcomeUnknown: c.encodeOutcomeUnknown(d)}
	case payment.Parked:
		m.Data = &pb.Event_Parked{Parked: c.encodeParked(d)}
	case payment.BuyerDetailsReceived:
		m.Data = &pb.Event_BuyerDetailsReceived{BuyerDetailsReceived: c.encodeBuyerDetails(d)}
	case payment.MandateIssued:
		m.Data = &pb.Event_MandateIssued{MandateIssued: &pb.MandateIssued{Mandate: c.encodeMandate(&d.Mandate)}}
	case payment.CallbackConfirmed:
		m.Data = &pb.Event_CallbackConfirmed{CallbackConfirmed: &pb.CallbackConfirmed{Ref: d.Ref, Refs: d.Refs}}
	case payment.LateOutcome:
		m.Data = &pb.Event_LateOutcome{LateOutcome: c.encodeLateOutcome(d)}
	case payment.Synced:
		m.Data = &pb.Event_Synced{Synced: &pb.Synced{Found: d.Found, Totals: encodeTotals(d.Totals)}}
	case payment.Unfrozen:
		m.Data = &pb.Event_Unfrozen{Unfrozen: &pb.Unfrozen{Refs: d.Refs}}
	case payment.ReconcileBreak:
		m.Data = &pb.Event_ReconcileBreak{ReconcileBreak: &pb.ReconcileBreak{Difference: c.encodeBreak(d.Break)}}
	default:
		c.encodeOperationData(m, d)
	}
}

// encodeOperationData is encodeData for what became of an operation.
func (c *coder) encodeOperationData(m *pb.Event, d payment.EventData) {
	switch d := d.(type) {
	case payment.OperationPending:
		m.Data = &pb.Event_OperationPending{OperationPending: c.encodeOperationPending(d)}
	case payment.OperationSucceeded:
		m.Data = &pb.Event_OperationSucceeded{OperationSucceeded: encodeOperationSucceeded(d)}
	case payment.OperationDeclined:
		m.Data = &pb.Event_OperationDeclined{OperationDeclined: &pb.OperationDeclined{
			Ref: d.Ref, Code: d.Code, Reason: reasons.encodeOptional(c, d.Reason),
		}}
	case payment.OperationFailed:
		m.Data = &pb.Event_OperationFailed{OperationFailed: &pb.OperationFailed{
			Ref: d.Ref, Code: d.Code, Reason: reasons.encodeOptional(c, d.Reason),
		}}
	case payment.OperationRejected:
		m.Data = &pb.Event_OperationRejected{OperationRejected: c.encodeOperationRejected(d)}
	case payment.OperationReversed:
		m.Data = &pb.Event_OperationReversed{OperationReversed: &pb.OperationReversed{
			Ref: d.Ref, Code: d.Code, Reason: reasons.encodeOptional(c, d.Reason),
		}}
	default:
		c.fail("data of type %T is not known", d)
	}
}

func (c *coder) encodeAttemptStarted(d payment.AttemptStarted) *pb.AttemptStarted {
	return &pb.AttemptStarted{
		Kind:    kinds.encode(c, d.Kind),
		Amount:  c.encodeMoney(d.Amount),
		Attempt: c.encodeInt(d.Attempt),
		Key:     d.Key,
		Idem:    d.Idem,
		Account: d.Account,
		Terms:   c.encodeTerms(d.Terms),
	}
}

func (c *coder) encodeAttemptNotSent(d payment.AttemptNotSent) *pb.AttemptNotSent {
	return &pb.AttemptNotSent{
		Attempt: c.encodeInt(d.Attempt),
		Refused: d.Refused,
		Code:    d.Code,
		Reason:  reasons.encodeOptional(c, d.Reason),
		RetryAt: c.encodeTime(d.RetryAt),
	}
}

func (c *coder) encodeActionRequired(d payment.ActionRequired) *pb.ActionRequired {
	return &pb.ActionRequired{
		Attempt: c.encodeInt(d.Attempt), Action: c.encodeAction(&d.Action), Ref: d.Ref, Refs: d.Refs,
	}
}

func (c *coder) encodeOutcomeUnknown(d payment.OutcomeUnknown) *pb.OutcomeUnknown {
	return &pb.OutcomeUnknown{
		Attempt: c.encodeInt(d.Attempt),
		Code:    d.Code,
		Reason:  reasons.encodeOptional(c, d.Reason),
		RetryAt: c.encodeTime(d.RetryAt),
	}
}

func (c *coder) encodeParked(d payment.Parked) *pb.Parked {
	return &pb.Parked{
		Attempt: c.encodeInt(d.Attempt), Reason: reasons.encodeOptional(c, d.Reason), Detail: d.Detail,
	}
}

func (c *coder) encodeBuyerDetails(d payment.BuyerDetailsReceived) *pb.BuyerDetailsReceived {
	return &pb.BuyerDetailsReceived{
		Buyer: encodeBuyer(&d.Buyer), Action: c.encodeAction(d.Action), ToldAt: c.encodeTime(d.ToldAt),
	}
}

func (c *coder) encodeLateOutcome(d payment.LateOutcome) *pb.LateOutcome {
	return &pb.LateOutcome{
		Kind:   kinds.encode(c, d.Kind),
		Status: statuses.encode(c, d.Status),
		Ref:    d.Ref,
		Code:   d.Code,
		Amount: d.Amount,
	}
}

func (c *coder) encodeOperationPending(d payment.OperationPending) *pb.OperationPending {
	return &pb.OperationPending{
		Attempt: c.encodeInt(d.Attempt),
		Ref:     d.Ref,
		Refs:    d.Refs,
		Code:    d.Code,
		RetryAt: c.encodeTime(d.RetryAt),
	}
}

func encodeOperationSucceeded(d payment.OperationSucceeded) *pb.OperationSucceeded {
	return &pb.OperationSucceeded{
		Ref: d.Ref, Refs: d.Refs, Code: d.Code, Amount: d.Amount, Captured: d.Captured,
	}
}

func (c *coder) encodeOperationRejected(d payment.OperationRejected) *pb.OperationRejected {
	return &pb.OperationRejected{
		Kind: kinds.encode(c, d.Kind), Code: d.Code, Reason: reasons.encodeOptional(c, d.Reason), Detail: d.Detail,
	}
}

func encodeTotals(t *payment.Totals) *pb.Totals {
	if t == nil {
		return nil
	}
	return &pb.Totals{Authorized: t.Authorized, Captured: t.Captured, Refunded: t.Refunded}
}
