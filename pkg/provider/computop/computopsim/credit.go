package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

// credit gives money back. Refunds are asynchronous at Amazon: the answer says
// that one was accepted, the notify how it ended.
//
// ReqId does not stand in the table of this call. It may be sent; it prevents
// nothing.
func (s *Simulator) credit(c *call) (paygate.Message, *refusal) {
	p, amount, refused := s.followUp(c, creditTable)
	if refused == nil {
		refused = checkCredit(p, c, amount)
	}
	if refused != nil {
		return nil, refused
	}
	xid := s.nextXID(p)
	st := s.push(p, KindRefund, amount, xid, c.get("ReqId"))
	st.refund = s.partID(p.permission, "R", xid)
	s.hold(st)
	p.crediting += amount
	p.lastStatus, p.lastCode = "CREDIT_REQUEST", pendingCode
	detail := simulatedDetail(c.get("OrderDesc"))
	s.after(s.cfg.RefundDelay, func() { s.credited(p, st, detail) })
	return p.creditAnswer(st, verdict("CREDIT_REQUEST", pendingCode, "PENDING"), "Pending"), nil
}

func checkCredit(p *payment, c *call, amount int64) *refusal {
	switch {
	case p.charge == "" || c.get("chargeid") != p.charge:
		return failed(catInvalid, detNone, "PARAMETER INVALID: chargeid").with("ResourceNotFound")
	case p.captured == 0:
		return failed(catAmazon, detNotCaptured, "NOTHING CAPTURED")
	case p.credited+p.crediting == p.captured:
		return failed(catAmazon, detRefunded, "ALREADY REFUNDED")
	case amount > p.captured-p.credited-p.crediting:
		return failed(catAmazon, detOverRefund, "AMOUNT ABOVE REFUNDABLE").with("TransactionAmountExceeded")
	}
	return nil
}

// credited ends a refund, well unless a simulated detail says otherwise.
func (s *Simulator) credited(p *payment, st *step, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.state != stepOpen {
		return // undone meanwhile
	}
	p.crediting -= st.amount
	s.settle(st, detail == "")
	result := verdict("OK", paygate.Success, "success")
	amazonStatus := "Refunded"
	if detail == "" {
		p.credited += st.amount
		p.lastStatus, p.lastCode = "OK", paygate.Success
	} else {
		code := simulatedCode(detail)
		result, amazonStatus = verdict("FAILED", code, "declined"), "Declined"
		result.Add("CodeExt", "Declined")
		p.lastStatus, p.lastCode = "FAILED", code
	}
	s.notify(p, OpNotifyCredit, join(p.creditAnswer(st, result, amazonStatus),
		paygate.NewMessage("NotificationType", "CreditNotification")))
}

func (p *payment) creditAnswer(st *step, result paygate.Message, amazonStatus string) paygate.Message {
	return join(p.head(st.xid), result,
		paygate.NewMessage("AmazonStatus", amazonStatus, "chargeid", p.charge, "refundid", st.refund),
		p.moneyOf(st.amount), p.totals())
}
