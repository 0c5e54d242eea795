package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

// followUp finds the payment of a capture or a credit and checks what both must
// satisfy.
func (s *Simulator) followUp(c *call, table []field) (*payment, int64, *refusal) {
	if r := check(c.fields, table); r != nil {
		return nil, 0, r
	}
	amount, refused := c.amountOf()
	if refused != nil {
		return nil, 0, refused
	}
	p := s.book.find(c.merchant, c.get("PayID"))
	switch {
	case p == nil:
		return nil, 0, failed(catAmazon, detNotFound, "PAYMENT NOT FOUND")
	case c.get("TransID") != p.transID:
		return nil, 0, failed(catInvalid, detTransID, "PARAMETER INVALID: TransID")
	case c.get("Currency") != p.currency:
		return nil, 0, failed(catInvalid, detCurrency, "PARAMETER INVALID: Currency")
	}
	return p, amount, s.checkGate(p)
}

// checkGate: before capture, credit or reversal, the first notify must have
// been answered (Paygate documentation, URLNotify).
func (s *Simulator) checkGate(p *payment) *refusal {
	if p.gate == gateOpen || s.cfg.NoNotifyGate || p.authorised == 0 {
		return nil
	}
	return &refusal{code: s.cfg.NotifyGateCode, description: "FIRST NOTIFY NOT ANSWERED"}
}

// capture takes money that was reserved. The second result tells whether the
// action is final.
func (s *Simulator) capture(c *call) (paygate.Message, bool, *refusal) {
	p, amount, refused := s.followUp(c, captureTable)
	if refused == nil {
		refused = s.checkCapture(p, amount)
	}
	if refused != nil {
		return nil, false, refused
	}
	xid := s.nextXID(p)
	if detail := simulatedDetail(c.get("OrderDesc")); detail != "" {
		return s.captureFailed(p, amount, xid, simulatedCode(detail)), true, nil
	}
	p.chargeUsed = true
	st := s.push(p, KindCapture, amount, xid, c.get("ReqId"))
	if s.cfg.AsyncCapture {
		return s.captureLater(p, st, c.get("ReqId")), false, nil
	}
	return s.captured(p, st), true, nil
}

func (s *Simulator) checkCapture(p *payment, amount int64) *refusal {
	left := p.authorised - p.captured - p.capturing
	switch {
	case p.authorised == 0:
		return failed(catAmazon, detNotAuthorised, "NOTHING AUTHORISED")
	case left == 0:
		return failed(catAmazon, detCaptured, "ALREADY CAPTURED")
	case p.chargeUsed && !s.cfg.SecondCapture:
		return failed(catAmazon, detNotAllowed, "CHARGE ALREADY CAPTURED").with("InvalidChargeStatus")
	case amount > left:
		return failed(catAmazon, detOverCapture, "AMOUNT ABOVE AUTHORISED")
	case s.past(p.confirmed, chargeLife):
		return failed(catAmazon, detExpired, "AUTHORISATION EXPIRED").with("InvalidChargeStatus")
	}
	return nil
}

// captured ends a capture well and queues its notify.
func (s *Simulator) captured(p *payment, st *step) paygate.Message {
	p.captured += st.amount
	p.lastStatus, p.lastCode, p.amazonStatus = "OK", paygate.Success, "Closed"
	answer := p.captureAnswer(st.xid, st.amount, "OK", paygate.Success, "success")
	s.notify(p, OpNotifyCapture, p.captureNotify(answer))
	return answer
}

// captureLater leaves the capture open; its notify tells the end.
func (s *Simulator) captureLater(p *payment, st *step, reqID string) paygate.Message {
	s.hold(st)
	p.capturing += st.amount
	p.lastStatus, p.lastCode = "CAPTURE_REQUEST", pendingCode
	s.after(s.cfg.PendingDelay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		p.capturing -= st.amount
		s.settle(st, true)
		s.finish(p.merchant, reqID, s.captured(p, st))
	})
	return p.captureAnswer(st.xid, st.amount, "CAPTURE_REQUEST", pendingCode, "pending")
}

func (s *Simulator) captureFailed(p *payment, amount int64, xid string, code paygate.Code) paygate.Message {
	p.lastStatus, p.lastCode = "FAILED", code
	answer := p.captureAnswer(xid, amount, "FAILED", code, "declined")
	s.notify(p, OpNotifyCapture, p.captureNotify(answer))
	return answer
}

func (p *payment) captureAnswer(xid string, amount int64, status string, code paygate.Code, description string) paygate.Message {
	return join(p.head(xid), verdict(status, code, description), p.amazon(), p.moneyOf(amount), p.totals())
}

// captureNotify adds what the notify of a capture has beyond its answer.
func (p *payment) captureNotify(answer paygate.Message) paygate.Message {
	return join(answer, paygate.NewMessage("OrderID", p.permission, "AmazonRefID", p.charge,
		"NotificationType", "CaptureNotification"))
}
