package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

// authorise makes the payment's money available: reserved, or for a sale
// captured as well. It queues the notify.
func (s *Simulator) authorise(p *payment) paygate.Message {
	if p.permission == "" {
		p.permission = s.permissionID(p.payID)
	}
	p.charge = s.partID(p.permission, "C", p.xid)
	p.stage, p.amazonStatus, p.confirmed = StageDone, "Open", s.cfg.Now()
	p.authorised = p.amount
	kind := KindAuthorize
	p.lastStatus = "AUTHORIZED"
	if p.sale {
		kind, p.lastStatus = KindCharge, "OK"
		p.captured, p.chargeUsed, p.amazonStatus = p.amount, true, "Closed"
	}
	p.lastCode = paygate.Success
	s.push(p, kind, p.amount, p.xid, "")
	if p.series {
		s.book.byPermission[p.permission] = p
	}
	result := join(p.head(p.xid), verdict(p.lastStatus, paygate.Success, "success"), p.amazon(), p.totals())
	return s.notify(p, OpNotifyAuth, result)
}

// fail ends the payment without money and queues the notify.
func (s *Simulator) fail(p *payment, stage Stage, code paygate.Code, description, amazonStatus string) paygate.Message {
	p.stage, p.amazonStatus, p.lastStatus, p.lastCode = stage, amazonStatus, "FAILED", code
	result := join(p.head(p.xid), verdict("FAILED", code, description),
		paygate.NewMessage("AmazonStatus", amazonStatus), p.totals())
	return s.notify(p, OpNotifyAuth, result)
}

// wait tells that Amazon has not decided yet, and decides after a while.
func (s *Simulator) wait(p *payment) paygate.Message {
	p.stage, p.amazonStatus, p.lastStatus, p.lastCode = StagePending, "Pending", "PENDING", pendingCode
	s.after(s.cfg.PendingDelay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.authorise(p)
	})
	result := join(p.head(p.xid), verdict("PENDING", pendingCode, "pending"),
		paygate.NewMessage("AmazonStatus", p.amazonStatus), p.totals())
	return s.notify(p, OpNotifyAuth, result)
}
