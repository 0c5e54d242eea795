package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

// reverse undoes the last step of a payment, whatever it was: an authorisation,
// but also a capture or a refund. No notify follows.
func (s *Simulator) reverse(c *call) (paygate.Message, bool, *refusal) {
	p, refused := s.checkReverse(c)
	if refused != nil {
		return nil, false, refused
	}
	last := p.lastStep()
	xid := s.nextXID(p)
	s.undo(p, last)
	s.record(p, KindReverse, last.amount, xid, c.get("ReqId"))
	p.lastStatus, p.lastCode = "OK", paygate.Success
	answer := join(p.head(xid), verdict("OK", paygate.Success, "success"), p.amazon(), p.moneyOf(last.amount), p.totals())
	return answer, true, nil
}

func (s *Simulator) checkReverse(c *call) (*payment, *refusal) {
	if r := check(c.fields, reverseTable); r != nil {
		return nil, r
	}
	p := s.book.find(c.merchant, c.get("PayID"))
	switch {
	case p == nil:
		return nil, failed(catAmazon, detNotFound, "PAYMENT NOT FOUND")
	case c.get("TransID") != "" && c.get("TransID") != p.transID:
		return nil, failed(catInvalid, detTransID, "PARAMETER INVALID: TransID")
	case c.get("Currency") != "" && c.get("Currency") != p.currency:
		return nil, failed(catInvalid, detCurrency, "PARAMETER INVALID: Currency")
	case p.charge == "" || c.get("chargeid") != p.charge:
		return nil, failed(catInvalid, detNone, "PARAMETER INVALID: chargeid").with("ResourceNotFound")
	case p.lastStep() == nil && len(p.steps) > 0:
		return nil, failed(catAmazon, detReversed, "ALREADY REVERSED")
	case p.lastStep() == nil:
		return nil, failed(catAmazon, detNothingToUndo, "NOTHING TO REVERSE")
	case p.lastStep().kind == KindCapture && p.lastStep().state == stepOpen:
		return nil, failed(catAmazon, "0065", "CAPTURE ACTIVE")
	}
	return p, s.checkGate(p)
}

// undo takes one step back.
func (s *Simulator) undo(p *payment, st *step) {
	switch st.kind {
	case KindRefund:
		if st.state == stepOpen {
			p.crediting -= st.amount
		} else {
			p.credited -= st.amount
		}
	case KindCapture:
		p.captured -= st.amount
		p.chargeUsed, p.amazonStatus = false, "Open"
	case KindCharge:
		p.captured, p.authorised, p.amazonStatus = 0, 0, "Canceled"
	case KindAuthorize:
		p.authorised, p.amazonStatus = 0, "Canceled"
	case KindReverse: // is never a step
	}
	s.settle(st, false)
}
