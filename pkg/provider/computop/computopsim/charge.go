package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

// chargeAgain takes a further payment of a series, without a buyer. The answer
// has the fields of a capture; a notify follows.
func (s *Simulator) chargeAgain(c *call) (paygate.Message, *refusal) {
	amount, first, refused := s.checkCharge(c)
	if refused != nil {
		return nil, refused
	}
	p := s.newPayment(c, amount)
	p.followUp, p.permission = true, first.permission
	s.book.add(p)
	if p.detail != "" {
		code := simulatedCode(p.detail)
		s.fail(p, StageDeclined, code, "declined", "Declined")
		return join(p.head(p.xid), verdict("FAILED", code, "declined"), p.moneyOf(amount), p.totals()), nil
	}
	s.authorise(p)
	return join(p.head(p.xid), verdict("OK", paygate.Success, "success"), p.amazon(), p.moneyOf(amount), p.totals()), nil
}

func (s *Simulator) checkCharge(c *call) (int64, *payment, *refusal) {
	if r := check(c.fields, chargeTable); r != nil {
		return 0, nil, r
	}
	if r := c.checkCurrency("Currency"); r != nil {
		return 0, nil, r
	}
	if r := s.checkNotifyURL(c); r != nil {
		return 0, nil, r
	}
	amount, refused := s.checkNew(c)
	if refused != nil {
		return 0, nil, refused
	}
	first := s.book.byPermission[c.get("chargepermissionid")]
	if first == nil || first.merchant != c.merchant || !first.series {
		return 0, nil, failed(catInvalid, detNone, "PARAMETER INVALID: chargepermissionid").with("ResourceNotFound")
	}
	if payID := c.get("PayID"); payID != "" && payID != first.payID {
		return 0, nil, failed(catInvalid, detPayID, "PARAMETER INVALID: PayID")
	}
	if first.currency != c.get("Currency") {
		return 0, nil, failed(catInvalid, detCurrency, "PARAMETER INVALID: Currency")
	}
	if first.permissionClosed(s) {
		return 0, nil, failed(catAmazon, detExpired, "CHARGE PERMISSION CLOSED").with("ChargePermissionNotModifiable")
	}
	return amount, first, nil
}

// permissionClosed: by a reverse of the whole order, or by age.
func (p *payment) permissionClosed(s *Simulator) bool {
	return p.authorised == 0 || !p.series && s.past(p.confirmed, permissionLife)
}

// moneyOf are the amount and currency of one action.
func (p *payment) moneyOf(amount int64) paygate.Message {
	return paygate.NewMessage("Amount", money(amount), "Currency", p.currency)
}

// amazon are the ids and the status at Amazon.
func (p *payment) amazon() paygate.Message {
	return paygate.NewMessage("AmazonStatus", p.amazonStatus, "chargepermissionid", p.permission, "chargeid", p.charge)
}
