package wire

import (
	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// decodeData returns m's data, nil when there is none that is known.
func (c *coder) decodeData(m *pb.Event) payment.EventData {
	switch d := m.GetData().(type) {
	case *pb.Event_AttemptStarted:
		return c.decodeAttemptStarted(d.AttemptStarted)
	case *pb.Event_AttemptNotSent:
		return c.decodeAttemptNotSent(d.AttemptNotSent)
	case *pb.Event_AttemptVoided:
		return payment.AttemptVoided{Attempt: int(d.AttemptVoided.GetAttempt())}
	case *pb.Event_ActionRequired:
		return c.decodeActionRequired(d.ActionRequired)
	case *pb.Event_OutcomeUnknown:
		return c.decodeOutcomeUnknown(d.OutcomeUnknown)
	case *pb.Event_Parked:
		return c.decodeParked(d.Parked)
	case *pb.Event_BuyerDetailsReceived:
		return c.decodeBuyerDetails(d.BuyerDetailsReceived)
	case *pb.Event_MandateIssued:
		return c.decodeMandateIssued(d.MandateIssued)
	case *pb.Event_CallbackConfirmed:
		return payment.CallbackConfirmed{Ref: d.CallbackConfirmed.GetRef(), Refs: decodeRefs(d.CallbackConfirmed.GetRefs())}
	case *pb.Event_LateOutcome:
		return c.decodeLateOutcome(d.LateOutcome)
	case *pb.Event_Synced:
		return payment.Synced{Found: d.Synced.GetFound(), Totals: decodeTotals(d.Synced.GetTotals())}
	case *pb.Event_Unfrozen:
		return payment.Unfrozen{Refs: d.Unfrozen.GetRefs()}
	case *pb.Event_ReconcileBreak:
		return payment.ReconcileBreak{Break: c.decodeBreak(d.ReconcileBreak.GetDifference())}
	}
	return c.decodeOperationData(m)
}

// decodeOperationData is decodeData for what became of an operation.
func (c *coder) decodeOperationData(m *pb.Event) payment.EventData {
	switch d := m.GetData().(type) {
	case *pb.Event_OperationPending:
		return c.decodeOperationPending(d.OperationPending)
	case *pb.Event_OperationSucceeded:
		return decodeOperationSucceeded(d.OperationSucceeded)
	case *pb.Event_OperationDeclined:
		o := d.OperationDeclined
		return payment.OperationDeclined{
			Ref: o.GetRef(), Code: o.GetCode(), Reason: reasons.decodeOptional(c, o.GetReason()),
		}
	case *pb.Event_OperationFailed:
		o := d.OperationFailed
		return payment.OperationFailed{
			Ref: o.GetRef(), Code: o.GetCode(), Reason: reasons.decodeOptional(c, o.GetReason()),
		}
	case *pb.Event_OperationRejected:
		return c.decodeOperationRejected(d.OperationRejected)
	case *pb.Event_OperationReversed:
		o := d.OperationReversed
		return payment.OperationReversed{
			Ref: o.GetRef(), Code: o.GetCode(), Reason: reasons.decodeOptional(c, o.GetReason()),
		}
	}
	c.fail("data is missing, or of a type that is not known")
	return nil
}

func (c *coder) decodeAttemptStarted(m *pb.AttemptStarted) payment.AttemptStarted {
	return payment.AttemptStarted{
		Kind:    kinds.decode(c, m.GetKind()),
		Amount:  c.decodeMoney(m.GetAmount()),
		Attempt: int(m.GetAttempt()),
		Key:     m.GetKey(),
		Idem:    m.GetIdem(),
		Account: m.GetAccount(),
		Terms:   c.decodeTerms(m.GetTerms()),
	}
}

func (c *coder) decodeAttemptNotSent(m *pb.AttemptNotSent) payment.AttemptNotSent {
	return payment.AttemptNotSent{
		Attempt: int(m.GetAttempt()),
		Refused: m.GetRefused(),
		Code:    m.GetCode(),
		Reason:  reasons.decodeOptional(c, m.GetReason()),
		RetryAt: c.decodeTime(m.GetRetryAt()),
	}
}

func (c *coder) decodeActionRequired(m *pb.ActionRequired) payment.ActionRequired {
	d := payment.ActionRequired{Attempt: int(m.GetAttempt()), Ref: m.GetRef(), Refs: decodeRefs(m.GetRefs())}
	if a := c.decodeAction(m.GetAction()); a != nil {
		d.Action = *a
	} else {
		c.fail("action is missing")
	}
	return d
}

func (c *coder) decodeOutcomeUnknown(m *pb.OutcomeUnknown) payment.OutcomeUnknown {
	return payment.OutcomeUnknown{
		Attempt: int(m.GetAttempt()),
		Code:    m.GetCode(),
		Reason:  reasons.decodeOptional(c, m.GetReason()),
		RetryAt: c.decodeTime(m.GetRetryAt()),
	}
}

func (c *coder) decodeParked(m *pb.Parked) payment.Parked {
	return payment.Parked{
		Attempt: int(m.GetAttempt()), Reason: reasons.decodeOptional(c, m.GetReason()), Detail: m.GetDetail(),
	}
}

func (c *coder) decodeBuyerDetails(m *pb.BuyerDetailsReceived) payment.BuyerDetailsReceived {
	d := payment.BuyerDetailsReceived{Action: c.decodeAction(m.GetAction()), ToldAt: c.decodeTime(m.GetToldAt())}
	if b := decodeBuyer(m.GetBuyer()); b != nil {
		d.Buyer = *b
	} else {
		c.fail("buyer is missing")
	}
	return d
}

func (c *coder) decodeMandateIssued(m *pb.MandateIssued) payment.MandateIssued {
	var d payment.MandateIssued
	if v := c.decodeMandate(m.GetMandate()); v != nil {
		d.Mandate = *v
	} else {
		c.fail("mandate is missing")
	}
	return d
}

func (c *coder) decodeLateOutcome(m *pb.LateOutcome) payment.LateOutcome {
	return payment.LateOutcome{
		Kind:   kinds.decode(c, m.GetKind()),
		Status: statuses.decode(c, m.GetStatus()),
		Ref:    m.GetRef(),
		Code:   m.GetCode(),
		Amount: m.GetAmount(),
	}
}

func (c *coder) decodeOperationPending(m *pb.OperationPending) payment.OperationPending {
	return payment.OperationPending{
		Attempt: int(m.GetAttempt()),
		Ref:     m.GetRef(),
		Refs:    decodeRefs(m.GetRefs()),
		Code:    m.GetCode(),
		RetryAt: c.decodeTime(m.GetRetryAt()),
	}
}

func decodeOperationSucceeded(m *pb.OperationSucceeded) payment.OperationSucceeded {
	return payment.OperationSucceeded{
		Ref:      m.GetRef(),
		Refs:     decodeRefs(m.GetRefs()),
		Code:     m.GetCode(),
		Amount:   m.GetAmount(),
		Captured: m.GetCaptured(),
	}
}

func (c *coder) decodeOperationRejected(m *pb.OperationRejected) payment.OperationRejected {
	return payment.OperationRejected{
		Kind:   kinds.decode(c, m.GetKind()),
		Code:   m.GetCode(),
		Reason: reasons.decodeOptional(c, m.GetReason()),
		Detail: m.GetDetail(),
	}
}

func decodeTotals(m *pb.Totals) *payment.Totals {
	if m == nil {
		return nil
	}
	return &payment.Totals{Authorized: m.GetAuthorized(), Captured: m.GetCaptured(), Refunded: m.GetRefunded()}
}
