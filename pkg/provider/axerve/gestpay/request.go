package gestpay

// ShopTransactionID is the shop's id of a payment attempt.
type ShopTransactionID string

// BankTransactionID is the gateway's id of a transaction: 9 or 18 digits, unique
// within one shopLogin. A type of its own, because the two get swapped.
type BankTransactionID string

// Shop is who calls. APIKey is "" where the gateway knows the caller by address.
type Shop struct {
	Login  string
	APIKey string
}

// String shows the login only.
func (s Shop) String() string { return s.Login }

// GoString shows the login only.
func (s Shop) GoString() string { return "gestpay.Shop{" + s.Login + "}" }

// AmazonPay is the payment type of everything here (Axerve documentation, Amazon
// Pay).
const AmazonPay = "AMAZONPAY"

// Values of amazonPayBillingAgreementDescription (Axerve documentation, Amazon
// Pay). Nothing is sent when no token is wanted.
const (
	PayNowAndRecurring = "paynowandrecurring" // pays and returns a token
	OnlyRecurring      = "onlyrecurring"      // returns a token only
)

// EncryptRequest asks for the string that opens the payment page.
type EncryptRequest struct {
	Shop              Shop
	Money             Money
	ShopTransactionID ShopTransactionID
	BuyerName         string
	BuyerEmail        string // the gateway mails the buyer when it has this
	LanguageID        string // see LanguageID
	CustomInfo        string // see FormatCustomInfo
	BillingAgreement  string // "", PayNowAndRecurring or OnlyRecurring
}

// Operation is OpEncrypt.
func (EncryptRequest) Operation() Operation { return OpEncrypt }

// Elements are the request's, by their WSDL names.
func (r EncryptRequest) Elements() []Node {
	return []Node{
		Leaf("shopLogin", r.Shop.Login),
		Leaf("uicCode", r.Money.UICCode),
		Leaf("amount", r.Money.Amount),
		Leaf("shopTransactionId", string(r.ShopTransactionID)),
		Leaf("buyerName", r.BuyerName),
		Leaf("buyerEmail", r.BuyerEmail),
		Leaf("languageId", r.LanguageID),
		Leaf("customInfo", r.CustomInfo),
		paymentTypes(),
		Leaf("amazonPayBillingAgreementDescription", r.BillingAgreement),
		Leaf("apikey", r.Shop.APIKey),
	}
}

func paymentTypes() Node {
	return Node{Name: "paymentTypes", Children: []Node{Leaf("paymentType", AmazonPay)}}
}

// DecryptRequest asks what a notification or browser return says.
type DecryptRequest struct {
	Shop          Shop
	CryptedString string
}

// Operation is OpDecrypt.
func (DecryptRequest) Operation() Operation { return OpDecrypt }

// Elements are the request's, by their WSDL names.
func (r DecryptRequest) Elements() []Node {
	return []Node{
		Leaf("shopLogin", r.Shop.Login),
		Leaf("CryptedString", r.CryptedString),
		Leaf("apikey", r.Shop.APIKey),
	}
}

// PayRequest pays with an Amazon order reference or with a token, one of them.
type PayRequest struct {
	Shop              Shop
	Money             Money
	ShopTransactionID ShopTransactionID
	BuyerName         string
	BuyerEmail        string
	LanguageID        string
	CustomInfo        string
	OrderReference    string // sent as transKey; see OrderReference
	Token             string
	// NoPaymentType leaves paymentTypes out. Whether a token payment needs it is
	// not documented; an order reference does.
	NoPaymentType bool
}

// Operation is OpPay.
func (PayRequest) Operation() Operation { return OpPay }

// Elements are the request's, by their WSDL names.
func (r PayRequest) Elements() []Node {
	elements := []Node{
		Leaf("shopLogin", r.Shop.Login),
		Leaf("uicCode", r.Money.UICCode),
		Leaf("amount", r.Money.Amount),
		Leaf("shopTransactionId", string(r.ShopTransactionID)),
		Leaf("buyerName", r.BuyerName),
		Leaf("buyerEmail", r.BuyerEmail),
		Leaf("languageId", r.LanguageID),
		Leaf("transKey", r.OrderReference),
		Leaf("customInfo", r.CustomInfo),
		Leaf("tokenValue", r.Token),
		Leaf("apikey", r.Shop.APIKey),
	}
	if !r.NoPaymentType {
		elements = append(elements, paymentTypes())
	}
	return elements
}

// ReadRequest asks for a transaction, by one id or both.
type ReadRequest struct {
	Shop              Shop
	ShopTransactionID ShopTransactionID
	BankTransactionID BankTransactionID
}

// Operation is OpRead.
func (ReadRequest) Operation() Operation { return OpRead }

// Elements are the request's, by their WSDL names.
func (r ReadRequest) Elements() []Node {
	return []Node{
		Leaf("shopLogin", r.Shop.Login),
		Leaf("shopTransactionId", string(r.ShopTransactionID)),
		Leaf("bankTransactionId", string(r.BankTransactionID)),
		Leaf("apikey", r.Shop.APIKey),
	}
}

// SettleRequest captures an authorisation.
type SettleRequest struct {
	Shop              Shop
	Money             Money
	ShopTransactionID ShopTransactionID
	BankTransactionID BankTransactionID
	SettlementID      string // the shop's own, at most 20 characters
}

// Operation is OpSettle.
func (SettleRequest) Operation() Operation { return OpSettle }

// Elements are the request's, by their WSDL names.
func (r SettleRequest) Elements() []Node {
	return []Node{
		Leaf("shopLogin", r.Shop.Login),
		Leaf("uicCode", r.Money.UICCode),
		Leaf("amount", r.Money.Amount),
		Leaf("shopTransID", string(r.ShopTransactionID)),
		Leaf("bankTransID", string(r.BankTransactionID)),
		Leaf("settlementID", r.SettlementID),
		Leaf("apikey", r.Shop.APIKey),
	}
}

// RefundRequest gives captured money back.
type RefundRequest struct {
	Shop              Shop
	Money             Money
	ShopTransactionID ShopTransactionID
	BankTransactionID BankTransactionID
	Reason            string // at most 50 characters
	ChargeBackFraud   bool
}

// Operation is OpRefund.
func (RefundRequest) Operation() Operation { return OpRefund }

// Elements are the request's, by their WSDL names.
func (r RefundRequest) Elements() []Node {
	fraud := "N"
	if r.ChargeBackFraud {
		fraud = "Y"
	}
	return []Node{
		Leaf("shopLogin", r.Shop.Login),
		Leaf("uicCode", r.Money.UICCode),
		Leaf("amount", r.Money.Amount),
		Leaf("shopTransactionId", string(r.ShopTransactionID)),
		Leaf("bankTransactionId", string(r.BankTransactionID)),
		Leaf("RefundReason", r.Reason),
		Leaf("chargeBackFraud", fraud),
		Leaf("apikey", r.Shop.APIKey),
	}
}

// DeleteRequest gives an authorisation up.
type DeleteRequest struct {
	Shop              Shop
	ShopTransactionID ShopTransactionID
	BankTransactionID BankTransactionID
	Reason            string // at most 50 characters
}

// Operation is OpDelete.
func (DeleteRequest) Operation() Operation { return OpDelete }

// Elements are the request's, by their WSDL names.
func (r DeleteRequest) Elements() []Node {
	return []Node{
		Leaf("shopLogin", r.Shop.Login),
		Leaf("shopTransactionId", string(r.ShopTransactionID)),
		Leaf("bankTransactionId", string(r.BankTransactionID)),
		Leaf("CancelReason", r.Reason),
		Leaf("apikey", r.Shop.APIKey),
	}
}
