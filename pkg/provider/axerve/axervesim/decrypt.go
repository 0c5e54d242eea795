package axervesim

import (
	"strings"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// decrypt tells what a notification or a return says. It changes nothing and may
// be asked as often as one likes. Without ShopTransactionID it is the call that
// was refused.
func (s *Simulator) decrypt(c *call) ([]gestpay.Node, *refusal) {
	res := s.book.results[c.get("CryptedString")]
	if res == nil || res.payment.shop != c.shop {
		return nil, refuse(codeBadString)
	}
	p := res.payment
	return join(c.head(res.outcome),
		leaves(
			"ShopTransactionID", p.shopID, "BankTransactionID", res.bankID, "AuthorizationCode", res.authCode,
			"Currency", p.uic, "Amount", p.major(p.amount), "Country", "", "CustomInfo", upperKeys(p.customInfo)),
		[]gestpay.Node{group("Buyer", leaves("BuyerName", p.buyerName, "BuyerEmail", p.email())...)},
		leaves("TDLevel", ""),
		verdict(res.code),
		leaves("AlertCode", "", "AlertDescription", "", "PaymentMethod", gestpay.AmazonPay,
			"TOKEN", res.token, "TokenExpiryMonth", "", "TokenExpiryYear", "")), nil
}

func (p *payment) email() string { return strings.TrimPrefix(p.buyerEmail, ":NOSEND:") }

// upperKeys is customInfo as it comes back: keys in upper case.
func upperKeys(info string) string {
	parts := strings.Split(info, "*P1*")
	for i, part := range parts {
		if key, value, found := strings.Cut(part, "="); found {
			parts[i] = strings.ToUpper(key) + "=" + value
		}
	}
	return strings.Join(parts, "*P1*")
}
