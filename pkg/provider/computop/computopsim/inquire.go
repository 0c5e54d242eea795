package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

var errUnknownPayment = failed(catAmazon, detNotFound, "PAYMENT NOT FOUND")

// inquire tells what Paygate knows of a payment, by PayID.
func (s *Simulator) inquire(c *call) (paygate.Message, *refusal) {
	if r := check(c.fields, inquireTable); r != nil {
		return nil, r
	}
	p := s.book.find(c.merchant, c.get("PayID"))
	if p == nil {
		return nil, errUnknownPayment
	}
	if c.get("TransID") != p.transID {
		return nil, failed(catInvalid, detTransID, "PARAMETER INVALID: TransID")
	}
	return s.inquired(p), nil
}

// inquire24 is inquire by TransID, for payments of the last 24 hours.
func (s *Simulator) inquire24(c *call) (paygate.Message, *refusal) {
	if r := check(c.fields, inquire24Table); r != nil {
		return nil, r
	}
	p := s.book.byTransID[transKey{c.merchant.ID, c.get("TransID")}]
	if p == nil || s.cfg.InquireWindow > 0 && s.past(p.created, s.cfg.InquireWindow) {
		return nil, errUnknownPayment
	}
	return s.inquired(p), nil
}

// inquired answers from the totals. Status and Code are those of the inquiry;
// LastStatus is the last step's, which may have failed after a good capture.
func (s *Simulator) inquired(p *payment) paygate.Message {
	p.expired(s)
	xid := p.xid
	if last := p.lastStep(); last != nil {
		xid = last.xid
	}
	return join(p.head(xid), verdict("OK", paygate.Success, "success"), p.totals(),
		paygate.NewMessage("LastStatus", p.lastStatus))
}
