package axervesim

import (
	"slices"
	"strconv"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// encrypt gives out a string that opens the payment page. It moves no money, and
// the same id may come again: each time there is one more payable page.
func (s *Simulator) encrypt(c *call) ([]gestpay.Node, *refusal) {
	p, r := s.newPayment(c)
	if r != nil {
		return nil, r
	}
	types := c.paymentTypes()
	p.agreement = c.get("amazonPayBillingAgreementDescription")
	switch {
	case slices.ContainsFunc(types, func(t string) bool { return t != gestpay.AmazonPay }), len(types) > 1:
		return nil, refuse(codeParameter)
	case !slices.Contains([]string{"", gestpay.PayNowAndRecurring, gestpay.OnlyRecurring}, p.agreement):
		return nil, refuse(codeParameter)
	}
	p.stage = StageOpen
	earlier := len(s.book.byShopID[shopKey{p.shop.Login, p.shopID}])
	p.crypt = s.cryptString(192+p.weight(), "encrypt", p.shop.Login, p.shopID, strconv.Itoa(earlier))
	p.orderID = s.orderID(p.shop.Live, p.crypt)
	s.book.add(p)
	s.startAutopilot(p)
	return join(c.head(gestpay.ResultOK), leaves("CryptDecryptString", p.crypt), verdict(gestpay.CodeOK)), nil
}

// weight makes the string longer the more was said.
func (p *payment) weight() int {
	return min((len(p.buyerName)+len(p.buyerEmail)+len(p.customInfo))/8, 200)
}
