package ecommpaysim

import "github.com/payloom/payloom/pkg/provider/ecommpay/gate"

// status answers what became of a payment.
func (s *Simulator) status(c *call) (document, *refusal) {
	if v := c.message.Get("general", "payment_id"); v.Kind() != gate.String {
		return document{}, refuse(codeMissing, "general.payment_id")
	}
	if refused := s.authenticate(c, []string{"general", "project_id"}, gate.InGeneral); refused != nil {
		return document{}, refused
	}
	p := s.book.payments[paymentKey{c.project.ID, c.paymentID()}]
	if p == nil || !s.past(p.created, s.cfg.RegisterLag) {
		return absence(c.project.ID), nil
	}
	return s.inquired(p, s.statusBody(p)), nil
}

// requestStatus answers what became of a request.
func (s *Simulator) requestStatus(c *call) (document, *refusal) {
	if v := c.message.Get("request_id"); v.Kind() != gate.String {
		return document{}, refuse(codeMissing, "request_id")
	}
	if refused := s.authenticate(c, []string{"project_id"}, gate.AtTop); refused != nil {
		return document{}, refused
	}
	p := s.book.requests[requestKey{c.project.ID, c.text("request_id")}]
	switch {
	case p == nil || !s.past(p.created, s.cfg.RegisterLag):
		return absence(c.project.ID), nil
	case p.stage == StageRefused:
		return s.inquired(p, refusedBody(p)), nil
	case len(p.ops) == 0:
		return absence(c.project.ID), nil // its refusal is on its way
	}
	return s.inquired(p, s.statusBody(p)), nil
}

func (s *Simulator) inquired(p *payment, m map[string]any) document {
	if s.cfg.UnsignedStatus {
		return document{mustJSON(m)}
	}
	return p.signed(m, gate.AtTop)
}
