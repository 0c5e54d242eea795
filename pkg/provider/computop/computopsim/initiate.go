package computopsim

import (
	"encoding/base64"
	"encoding/json"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// open initialises a payment: it makes a session and the parameters of the
// button. The answer has neither Code nor Description.
func (s *Simulator) open(c *call) (paygate.Message, *refusal) {
	amount, refused := s.checkInit(c)
	if refused != nil {
		return nil, refused
	}
	p := s.newPayment(c, amount)
	p.session = s.sessionID(p.payID)
	p.stage, p.lastStatus, p.amazonStatus = StageOpen, "REQUEST", "Open"
	p.series = c.get("RTF") == rtfInitial
	s.book.add(p)
	s.startAutopilot(p)
	payload := s.payload(p)
	return join(p.head(p.xid), paygate.NewMessage(
		"Status", "OK",
		"buttonsignature", s.signPayload(payload),
		"buttonpayload", payload,
		"buttonpublickeyid", s.publicKeyID(p.merchant))), nil
}

func (s *Simulator) checkInit(c *call) (int64, *refusal) {
	if r := check(c.fields, initTable); r != nil {
		return 0, r
	}
	for _, name := range []string{"Currency", "LocalCurrency"} {
		if r := c.checkCurrency(name); r != nil {
			return 0, r
		}
	}
	if r := s.checkURLs(c); r != nil {
		return 0, r
	}
	if r := checkConditions(c); r != nil {
		return 0, r
	}
	return s.checkNew(c)
}

// checkNew checks what every new payment must satisfy.
func (s *Simulator) checkNew(c *call) (int64, *refusal) {
	amount, refused := c.amountOf()
	if refused != nil {
		return 0, refused
	}
	if s.book.byTransID[transKey{c.merchant.ID, c.get("TransID")}] != nil {
		return 0, failed(catUsed, detTransID, "TRANSID ALREADY USED")
	}
	return amount, nil
}

// newPayment makes the payment that an init or a charge asks for. Its ids
// depend on the TransID, which is unique per merchant.
func (s *Simulator) newPayment(c *call, amount int64) *payment {
	payID := s.hexID("pay", c.merchant.ID, c.get("TransID"))
	return &payment{
		merchant: c.merchant,
		payID:    payID,
		xid:      s.hexID("xid", payID, "0"),
		transID:  c.get("TransID"),
		refNr:    c.get("refnr"),
		amount:   amount,
		currency: c.get("Currency"),
		// Omitted means capture at once.
		sale: c.get("TxType") != txAuthorize,
		urls: returnURLs{
			success: c.get("URLSuccess"), failure: c.get("URLFailure"), cancel: c.get("URLCancel"),
			notify: c.get("URLNotify"), shop: c.get("ShopUrl"),
		},
		echo:    echoes{userData: c.get("UserData"), plain: c.get("Plain"), custom: c.get("Custom")},
		detail:  simulatedDetail(c.get("OrderDesc")),
		base:    c.base,
		created: c.at,
	}
}

// buttonPayload is what the button carries to Amazon. Opaque to everyone else.
type buttonPayload struct {
	StoreID           string `json:"storeId"`
	PermissionType    string `json:"chargePermissionType"`
	CheckoutSessionID string `json:"checkoutSessionId"`
}

func (s *Simulator) payload(p *payment) string {
	kind := "OneTime"
	if p.series {
		kind = "Recurring"
	}
	// Marshal escapes "&", which no value may hold.
	raw, err := json.Marshal(buttonPayload{
		StoreID:        "amzn1.application-oa2-client." + s.hexID("store", p.merchant.ID),
		PermissionType: kind, CheckoutSessionID: p.session,
	})
	if err != nil {
		return ""
	}
	return string(raw)
}

func (s *Simulator) signPayload(payload string) string {
	sum := s.digest("button", payload)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (s *Simulator) publicKeyID(m *merchant) string {
	return "SANDBOX-A" + s.hexID("publickey", m.ID)[:23]
}

// update changes the amount while the buyer is on the review page. The answer
// is an accepted intermediate state, not an authorisation.
func (s *Simulator) update(c *call) (paygate.Message, *refusal) {
	if r := check(c.fields, updateTable); r != nil {
		return nil, r
	}
	amount, refused := c.amountOf()
	if refused != nil {
		return nil, refused
	}
	p := s.book.find(c.merchant, c.get("PayID"))
	switch {
	case p == nil:
		return nil, failed(catAmazon, detNotFound, "PAYMENT NOT FOUND")
	case c.get("TransID") != "" && c.get("TransID") != p.transID:
		return nil, failed(catInvalid, detTransID, "PARAMETER INVALID: TransID")
	case c.get("Currency") != p.currency:
		return nil, failed(catInvalid, detCurrency, "PARAMETER INVALID: Currency")
	case p.expired(s):
		return nil, failed(catAmazon, detExpired, "SESSION EXPIRED")
	case p.stage != StageReview:
		return nil, failed(catAmazon, detNotAllowed, "AMOUNT CANNOT BE CHANGED NOW").with("InvalidCheckoutSessionStatus")
	}
	p.amount, p.lastStatus = amount, "AUTHORIZE_REQUEST"
	m := p.head(s.nextXID(p))
	for i := range m {
		if m[i].Name == "TransID" {
			m[i].Value = "n/a"
		}
	}
	return join(m, paygate.NewMessage("Status", "AUTHORIZE_REQUEST", "Code", "0"), p.totals()), nil
}
