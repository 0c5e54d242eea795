package axervesim

import (
	"strconv"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Effect is what becomes of an Amazon order reference that is charged.
type Effect string

// The effects.
const (
	EffectApprove   Effect = "approve"
	EffectDecline   Effect = "decline"
	EffectDelay     Effect = "delay"     // XX, and later OK
	EffectNoMethod  Effect = "no_method" // 5002: the buyer must choose a way to pay
	EffectBadMethod Effect = "bad_method"
	EffectNoAddress Effect = "no_address"
)

var effects = map[Effect]gestpay.Code{
	EffectApprove: "", EffectDecline: "", EffectDelay: "",
	EffectNoMethod: gestpay.CodeNoMethod, EffectBadMethod: gestpay.CodeMethodRefused, EffectNoAddress: gestpay.CodeNoAddress,
}

// code is the refusal of an order that the buyer must put right first.
func (e Effect) code() gestpay.Code { return effects[e] }

// NewOrder makes an Amazon order reference, as a buyer does in the widgets of a
// shop's own page. What becomes of it when it is charged can be changed with the
// id of an earlier one.
func (s *Simulator) NewOrder(shopLogin string, e Effect, id string) (string, error) {
	if _, known := effects[e]; !known {
		return "", ErrEffect
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shop := s.shops[shopLogin]
	if shop == nil {
		return "", ErrNoShop
	}
	if made, known := s.book.orders[id]; id != "" && (!known || made.shop != shopLogin) {
		return "", ErrNoPayment
	}
	if id == "" {
		s.book.made++
		id = s.orderID(shop.Live, "widget", shopLogin, strconv.Itoa(s.book.made))
	}
	s.book.orders[id] = order{shop: shopLogin, effect: e}
	return id, nil
}

// RevokeToken ends a token, as a buyer does at Amazon. Charges by it are answered
// 1164.
func (s *Simulator) RevokeToken(value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.book.tokens[value]
	if t == nil {
		return ErrNoToken
	}
	t.revoked = true
	return nil
}

// decideEffect opens the transaction and decides it. Payments without a page send
// no notification, but for the end of an XX.
func (s *Simulator) decideEffect(p *payment, e Effect) result {
	s.open(p)
	switch e {
	case EffectDecline:
		s.decline(p, gestpay.CodeDeclined)
	case EffectDelay:
		s.wait(p, true)
	default:
		s.authorise(p)
	}
	return p.snapshot()
}

// snapshot is the payment's result as it stands.
func (p *payment) snapshot() result {
	return result{payment: p, outcome: p.result, code: p.code, bankID: p.bankID, authCode: p.authCode, token: p.token}
}

// authorise makes the money available, and in a unified shop takes it.
func (s *Simulator) authorise(p *payment) {
	p.stage, p.result, p.code, p.decided = StageDone, gestpay.ResultOK, gestpay.CodeOK, s.cfg.Now()
	if p.agreement != "" {
		p.token = s.token(p.bankID)
		s.book.tokens[p.token] = &token{shop: p.shop, from: p}
		s.record(p, KindMandate, 0, "")
	}
	if p.agreement == gestpay.OnlyRecurring {
		return // a token and no money
	}
	p.authCode = s.authCode(p.bankID)
	authorised := s.note(p, gestpay.EventAuthorised, p.amount, "")
	if p.shop.Separated {
		s.record(p, KindAuthorize, p.amount, "")
		s.startAutomatic(p)
		return
	}
	s.note(p, gestpay.EventCaptured, p.amount, authorised.id)
	s.record(p, KindCharge, p.amount, "")
}

// startAutomatic does what the back office says with what is left authorised.
func (s *Simulator) startAutomatic(p *payment) {
	if p.shop.Automatic == "" {
		return
	}
	s.after(p.shop.AutomaticAfter, func() {
		switch {
		case !p.onlyAuthorised():
		case p.shop.Automatic == "capture":
			s.capture(p, p.amount, "automatic")
		default:
			s.cancelAuthorisation(p)
		}
	})
}

// decline refuses the payment. A refused authorisation is written as an event
// too, and nothing follows it.
func (s *Simulator) decline(p *payment, code gestpay.Code) {
	p.stage, p.result, p.code, p.decided = StageDeclined, gestpay.ResultKO, code, s.cfg.Now()
	s.note(p, gestpay.EventAuthorised, p.amount, "")
}

// wait leaves the payment open and decides it after a while. The end of it is
// notified, as every result.
func (s *Simulator) wait(p *payment, approve bool) {
	p.stage, p.result, p.code = StagePending, gestpay.ResultPending, gestpay.CodeOK
	s.after(s.cfg.PendingDelay, func() { s.finish(p, approve) })
}

// finish ends an XX, unless it was ended already.
func (s *Simulator) finish(p *payment, approve bool) {
	if p.stage != StagePending {
		return
	}
	if approve {
		s.authorise(p)
	} else {
		s.decline(p, gestpay.CodeDeclined)
	}
	s.notify(p)
}
