package axervesim

import (
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Lengths of free text, in characters.
const (
	longestReason     = 50
	longestSettlement = 20
)

// followed finds the transaction of a call that follows up.
func (s *Simulator) followed(c *call) (*payment, *refusal) {
	for name, most := range map[string]int{
		"settlementID": longestSettlement, "RefundReason": longestReason, "CancelReason": longestReason,
	} {
		if utf8.RuneCountInString(c.get(name)) > most {
			return nil, refuse(gestpay.CodeSystem)
		}
	}
	shopID, bankID := c.ids()
	return s.book.find(c.shop.Login, shopID, bankID)
}

// accepted is the answer to a call that was carried out. The shop's id comes back
// blank when it was not sent.
func (c *call) accepted(p *payment) []gestpay.Node {
	shopID, _ := c.ids()
	return join(c.head(gestpay.ResultOK), leaves("ShopTransactionID", shopID, "BankTransactionID", p.bankID), verdict(gestpay.CodeOK))
}

// settle captures an authorisation, once. Queued means that something technical
// went wrong: the capture is written down and executed the following night, and
// the caller is told of the failure only.
func (s *Simulator) settle(c *call, queued bool) ([]gestpay.Node, *refusal) {
	p, r := s.followed(c)
	if r != nil {
		return nil, r
	}
	amount, iso, r := c.money()
	switch {
	case r != nil:
		return nil, r
	case iso != p.iso:
		return nil, refuse(gestpay.CodeOtherCurrency)
	case !p.onlyAuthorised():
		return nil, refuse(gestpay.CodeNotSettleable)
	case s.past(p.decided, authLife):
		return nil, refuse(gestpay.CodeExpired)
	case amount > p.amount:
		return nil, refuse(gestpay.CodeAboveAuthorised)
	}
	if queued {
		s.queueCapture(p, amount, c.get("settlementID"))
		return nil, refuse(gestpay.CodeSystem)
	}
	s.capture(p, amount, c.get("settlementID"))
	return c.accepted(p), nil
}

func (s *Simulator) capture(p *payment, amount int64, settlementID string) {
	s.note(p, gestpay.EventCaptured, amount, p.events[0].id)
	s.record(p, KindCapture, amount, settlementID)
}

// queueCapture reserves a capture for the night.
func (s *Simulator) queueCapture(p *payment, amount int64, settlementID string) {
	s.note(p, gestpay.EventReserved, amount, p.events[0].id)
	entry := s.record(p, KindCapture, amount, settlementID)
	s.book.ledger[entry].Pending = true
	s.after(s.cfg.NightDelay, func() { s.night(p) })
}

// night executes the payment's queued capture and reports whether there was one.
func (s *Simulator) night(p *payment) bool {
	if !p.has(gestpay.EventReserved) || p.has(gestpay.EventCaptured) {
		return false
	}
	s.note(p, gestpay.EventCaptured, p.sum(gestpay.EventReserved), p.events[0].id)
	for _, i := range p.entries {
		s.book.ledger[i].Pending = false
	}
	return true
}

// refund gives captured money back, in parts if one likes. It is asked for first
// and executed a little later.
func (s *Simulator) refund(c *call) ([]gestpay.Node, *refusal) {
	p, r := s.followed(c)
	if r != nil {
		return nil, r
	}
	amount, iso, r := c.money()
	switch {
	case r != nil:
		return nil, r
	case iso != p.iso:
		return nil, refuse(gestpay.CodeOtherCurrency)
	case p.result != gestpay.ResultOK || !p.has(gestpay.EventCaptured), p.refunds() >= mostRefunds:
		return nil, refuse(gestpay.CodeNotRefundable)
	case amount > p.refundable():
		return nil, refuse(gestpay.CodeRefundTooMuch)
	}
	entry := s.record(p, KindRefund, amount, c.get("settlementID"))
	captured := p.capturedEvent()
	if s.cfg.RefundAtOnce {
		s.note(p, gestpay.EventRefunded, amount, captured)
		return c.accepted(p), nil
	}
	s.book.ledger[entry].Pending = true
	s.note(p, gestpay.EventRequested, amount, captured)
	s.after(s.cfg.RefundDelay, func() {
		s.note(p, gestpay.EventRefunded, amount, captured)
		s.book.ledger[entry].Pending = false
	})
	return c.accepted(p), nil
}

func (p *payment) capturedEvent() string {
	for _, e := range p.events {
		if e.kind == gestpay.EventCaptured {
			return e.id
		}
	}
	return ""
}

// delete gives an authorisation up, while it is nothing more than that.
func (s *Simulator) delete(c *call) ([]gestpay.Node, *refusal) {
	p, r := s.followed(c)
	if r != nil {
		return nil, r
	}
	if !p.onlyAuthorised() {
		return nil, refuse(gestpay.CodeNotDeletable)
	}
	s.cancelAuthorisation(p)
	return c.accepted(p), nil
}

func (s *Simulator) cancelAuthorisation(p *payment) {
	s.note(p, gestpay.EventCancelled, p.amount, p.events[0].id)
	s.record(p, KindCancel, p.amount, "")
}
