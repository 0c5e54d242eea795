package axervesim

import (
	"maps"
	"regexp"
	"slices"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// pay charges an Amazon order reference or a token, and answers at once.
func (s *Simulator) pay(c *call) ([]gestpay.Node, *refusal) {
	p, r := s.newPayment(c)
	if r != nil {
		return nil, r
	}
	effect, r := s.means(c, p)
	switch {
	case r != nil:
		return nil, r
	case !s.cfg.ReuseIDs && s.book.used(p.shop.Login, p.shopID):
		return nil, refuse(s.cfg.DuplicateCode)
	case effect.code() != "":
		return nil, refuse(effect.code()) // the buyer must act; nothing was opened
	}
	s.book.add(p)
	res := s.decideEffect(p, effect)
	return join(c.head(res.outcome), p.payFields(c.get("transKey"), res)), nil
}

var orderReference = regexp.MustCompile(`^[SP][0-9]{2}-[0-9]{7}-[0-9]{7}$`)

// means finds what is to be charged.
func (s *Simulator) means(c *call, p *payment) (Effect, *refusal) {
	types := c.paymentTypes()
	amazon := slices.Equal(types, []string{gestpay.AmazonPay})
	if len(types) > 0 && !amazon {
		return "", refuse(codeParameter)
	}
	reference, paidWith := c.get("transKey"), c.get("tokenValue")
	switch {
	case reference != "" && paidWith != "":
		return "", refuse(codeParameter)
	case paidWith != "":
		return s.tokenMeans(p, paidWith, amazon)
	case reference == "" || !amazon:
		return "", refuse(codeNoCard)
	}
	p.orderID = reference
	return s.orderMeans(p.shop, reference)
}

// orderMeans: an order reference of the other environment is no order reference.
func (s *Simulator) orderMeans(shop *Shop, reference string) (Effect, *refusal) {
	letter := byte('S')
	if shop.Live {
		letter = 'P'
	}
	made, known := s.book.orders[reference]
	switch {
	case !orderReference.MatchString(reference) || reference[0] != letter:
		return "", refuse(codeParameter)
	case known && made.shop != shop.Login, !known && s.cfg.KnownOrdersOnly:
		return "", refuse(codeParameter)
	case !known:
		return EffectApprove, nil
	}
	return made.effect, nil
}

func (s *Simulator) tokenMeans(p *payment, value string, amazon bool) (Effect, *refusal) {
	t := s.book.tokens[value]
	switch {
	case t == nil || t.shop != p.shop:
		return "", refuse(gestpay.CodeTokenUnknown)
	case t.revoked:
		return "", refuse(gestpay.CodeTokenExpired)
	case s.cfg.TokenNeedsPaymentType && !amazon:
		return "", refuse(codeNoCard)
	}
	p.payToken, p.orderID, p.wallet = value, t.from.orderID, t.from.wallet
	if wallet[p.wallet].declines {
		return EffectDecline, nil
	}
	return EffectApprove, nil
}

// payFields are those of an answer to callPagamS2S: buyer data in CDATA that is
// escaped once too often, customInfo as elements.
func (p *payment) payFields(transKey string, res result) []gestpay.Node {
	amount, method := "", ""
	if res.bankID != "" {
		amount, method = p.major(p.amount), gestpay.AmazonPay
	}
	return join(
		leaves(
			"ShopTransactionID", p.shopID, "BankTransactionID", res.bankID, "AuthorizationCode", res.authCode,
			"Currency", p.uic, "Amount", amount, "Country", ""),
		[]gestpay.Node{
			group("Buyer", leaves("BuyerName", cdata(p.buyerName), "BuyerEmail", cdata(p.email()))...),
			group("CustomInfo", customElements(p.customInfo)...),
		},
		leaves("TDLevel", ""),
		verdict(res.code),
		leaves("AlertCode", "", "AlertDescription", "", "TransactionKey", transKey),
		[]gestpay.Node{group("VbV", leaves("VbVFlag", "", "VbVBuyer", "", "VbVRisp", "")...)},
		leaves("MaskedPAN", "", "PaymentMethod", method, "ProductType", "",
			"TOKEN", res.token, "TokenExpiryMonth", "", "TokenExpiryYear", ""))
}

// cdata is text as callPagamS2S sends it: the section's marks arrive as text.
func cdata(text string) string {
	if text == "" {
		return ""
	}
	return "<![CDATA[" + text + "]]>"
}

func customElements(info string) []gestpay.Node {
	pairs := gestpay.ParseCustomInfo(info)
	var nodes []gestpay.Node
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		nodes = append(nodes, gestpay.Leaf(key, pairs[key]))
	}
	return nodes
}
