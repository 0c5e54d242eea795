package axervesim

import (
	"fmt"
	"time"
	_ "time/tzdata" // the gateway's clock is Europe/Rome on every machine

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// read tells all about a transaction. There is no amount but in its events.
func (s *Simulator) read(c *call) ([]gestpay.Node, *refusal) {
	p, r := s.book.find(c.shop.Login, c.get("shopTransactionId"), c.get("bankTransactionId"))
	if r != nil {
		return nil, r
	}
	code := p.code
	if p.result == gestpay.ResultKO && s.cfg.DeclinedReadsZero {
		code = gestpay.CodeOK
	}
	return join(c.head(p.result), p.readFields(gestpay.AmazonPay, code, s.orderDetails(p))), nil
}

// readFields are those of an answer to callReadTrxS2S, in the order of the
// reference.
func (p *payment) readFields(company string, code gestpay.Code, details []gestpay.Node) []gestpay.Node {
	return join(
		leaves(
			"TransactionState", p.state(), "ShopTransactionID", p.shopID, "BankTransactionID", p.bankID,
			"AuthorizationCode", p.authCode, "Currency", p.uic, "Country", "", "Company", company, "TDLevel", ""),
		[]gestpay.Node{
			group("Events", p.eventNodes()...),
			group("Buyer", leaves("BuyerName", "", "BuyerEmail", "")...),
			group("RISK", leaves("RiskResponseCode", "", "RiskResponseDescription", "")...),
		},
		verdict(code),
		leaves("AlertCode", "", "AlertDescription", ""),
		details)
}

// state is the type of the latest event. A refund that was only asked for does
// not show in it.
func (p *payment) state() string {
	for i := len(p.events) - 1; i >= 0; i-- {
		if kind := p.events[i].kind; kind != gestpay.EventRequested {
			return string(kind)
		}
	}
	return ""
}

func (p *payment) eventNodes() []gestpay.Node {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		rome = time.UTC
	}
	var nodes []gestpay.Node
	for _, e := range p.events {
		nodes = append(nodes, group("event", leaves(
			"eventtype", string(e.kind), "eventamount", p.major(e.amount),
			"eventdate", e.at.In(rome).Format("02/01/06 15:04:05"),
			"eventARN", "", "eventID", e.id, "eventReferred", e.of)...))
	}
	return nodes
}

// timestamp is how Amazon writes a time.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// orderDetails is what Amazon knows. Its State is its own affair: "Draft" stands
// beside payments that are long captured.
func (s *Simulator) orderDetails(p *payment) []gestpay.Node {
	state := "Open"
	if p.amount%2 == 0 {
		state = "Draft"
	}
	environment := "Sandbox"
	if p.shop.Live {
		environment = "Live"
	}
	children := []gestpay.Node{
		group("OrderReferenceStatus", leaves("State", state, "LastUpdateTimestamp", timestamp(p.created))...),
		gestpay.Leaf("OrderLanguage", "it-IT"),
	}
	if p.shop.AddressWidget {
		children = append(children, group("Destination", gestpay.Leaf("DestinationType", "Physical"),
			group("PhysicalDestination", addressBook[p.address].shipping()...)))
	}
	children = append(children, leaves("ExpirationTimestamp", timestamp(p.created.Add(orderLife)), "IdList", "")...)
	children = append(children,
		group("SellerOrderAttributes", gestpay.Leaf("SellerOrderId", p.shopID)),
		group("OrderTotal", leaves("CurrencyCode", p.iso, "Amount", plainMajor(p.amount, p.iso))...))
	if p.result == gestpay.ResultOK { // Amazon tells who the buyer is once the order is confirmed
		buyer := addressBook[p.address]
		children = append(children, group("Buyer", leaves("Name", buyer.name, "Email", "buyer@example.org", "Phone", buyer.phone)...))
	}
	children = append(children, leaves("ReleaseEnvironment", environment, "AmazonOrderReferenceId", p.orderID, "CreationTimestamp", timestamp(p.created))...)
	if p.shop.AddressWidget {
		children = append(children, group("BillingAddress",
			group("PhysicalAddress", addressBook[p.wallet].billing()...), gestpay.Leaf("AddressType", "Physical")))
	}
	children = append(children, gestpay.Leaf("RequestPaymentAuthorization", "false"))
	return []gestpay.Node{group("OrderReferenceDetails", children...)}
}

// plainMajor writes an amount with all its decimals.
func plainMajor(minor int64, iso string) string {
	if places(iso) == 0 {
		return fmt.Sprint(minor)
	}
	return fmt.Sprintf("%d.%02d", minor/100, minor%100)
}
