package gestpay

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Reply is an answer of the gateway's application. Which fields have values
// depends on the operation and on the shop's settings; "" is always possible.
type Reply struct {
	Operation Operation
	Version   Version // "" when there was no envelope

	TransactionType   string
	TransactionResult Result
	TransactionState  EventType // OpRead: of the latest event
	ShopTransactionID ShopTransactionID
	BankTransactionID BankTransactionID
	AuthorizationCode string
	UICCode           string // element Currency
	Amount            string // as it was written; see AmountMinor. OpRead has none
	Country           string
	Company           string // OpRead: AMAZONPAY
	PaymentMethod     string // OpDecrypt and OpPay: AMAZONPAY

	ErrorCode        Code
	ErrorDescription string // localised; for people only
	AlertCode        Code   // a warning of the shop's risk rules
	AlertDescription string

	CryptDecryptString string // OpEncrypt
	Token              string // OpDecrypt and OpPay, for further payments
	TokenExpiryMonth   string
	TokenExpiryYear    string

	BuyerName  string
	BuyerEmail string
	CustomInfo map[string]string // keys in upper case, values as they came

	RiskResponseCode        string
	RiskResponseDescription string
	TransactionKey          string
	MaskedPAN               string
	ProductType             string

	Events []Event                // OpRead
	Order  *OrderReferenceDetails // OpRead; nil when there were none

	// Fields is every leaf of the result element by its own name. Of several with
	// one name a direct child of the result keeps it, else the first; the others
	// get "#2", "#3" and so on.
	Fields map[string]string
}

// Result is a TransactionResult. What it speaks of depends on the operation: of
// Encrypt, settle, refund and delete it is the result of the call, of the others
// that of the payment.
type Result string

// The results.
const (
	ResultOK      Result = "OK"
	ResultKO      Result = "KO"
	ResultPending Result = "XX" // not final; another notification follows
)

// Parse reads the answer to an operation. The error is a *Fault that wraps
// ErrTransport, or wraps ErrProtocol; the outcome of either is in OutcomeOf. A
// refusal is no error: look at OutcomeOf(reply, nil).
func Parse(op Operation, status int, body []byte) (Reply, error) {
	if !op.Valid() {
		return Reply{}, fmt.Errorf("%w: unknown operation", ErrProtocol)
	}
	if status == 0 {
		status = http.StatusOK
	}
	root, err := ParseXML(body)
	if status != http.StatusOK || isHTML(body) {
		return Reply{}, transportFault(status, root, err)
	}
	if err != nil {
		return Reply{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	version, result, err := resultOf(op, status, root)
	if err != nil {
		return Reply{}, err
	}
	reply := newReply(op, version, result)
	if err := reply.verify(result); err != nil {
		return Reply{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return reply, nil
}

func transportFault(status int, root Node, err error) error {
	if err == nil {
		if _, payload, err := open(root); err == nil && payload.Name == "Fault" {
			return faultOf(status, payload)
		}
	}
	return &Fault{Status: status}
}

var errOtherOperation = errors.New("reply is for another operation")

// resultOf finds the element that holds the fields: inside an envelope, or bare
// with as many of its wrappers as were kept.
func resultOf(op Operation, status int, root Node) (Version, Node, error) {
	version, n := Version(""), root
	if root.Name == "Envelope" {
		var err error
		if version, n, err = open(root); err != nil {
			return "", Node{}, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		if n.Name == "Fault" {
			return "", Node{}, faultOf(status, n)
		}
	}
	steps := []string{string(op) + "Response", string(op) + "Result", op.ResultElement()}
	for i, step := range steps[:2] {
		if n.Name != step {
			continue
		}
		inner, found := n.only(steps[i+1])
		if !found {
			return "", Node{}, fmt.Errorf("%w: no %s element", ErrProtocol, op.ResultElement())
		}
		n = inner
	}
	if n.Name != op.ResultElement() {
		return "", Node{}, fmt.Errorf("%w: %w", ErrProtocol, errOtherOperation)
	}
	return version, n, nil
}

func newReply(op Operation, version Version, n Node) Reply {
	info, _ := n.Child("CustomInfo")
	return Reply{
		Operation: op, Version: version,
		TransactionType:   n.Get("TransactionType"),
		TransactionResult: Result(n.Get("TransactionResult")),
		TransactionState:  EventType(n.Get("TransactionState")),
		ShopTransactionID: ShopTransactionID(n.Get("ShopTransactionID")),
		BankTransactionID: BankTransactionID(n.Get("BankTransactionID")),
		AuthorizationCode: n.Get("AuthorizationCode"),
		UICCode:           n.Get("Currency"),
		Amount:            n.Get("Amount"),
		Country:           n.Get("Country"),
		Company:           n.Get("Company"),
		PaymentMethod:     n.Get("PaymentMethod"),
		ErrorCode:         Code(n.Get("ErrorCode")),
		ErrorDescription:  n.Get("ErrorDescription"),
		AlertCode:         Code(n.Get("AlertCode")),
		AlertDescription:  n.Get("AlertDescription"),

		CryptDecryptString: n.Get("CryptDecryptString"),
		Token:              n.Get("TOKEN"),
		TokenExpiryMonth:   n.Get("TokenExpiryMonth"),
		TokenExpiryYear:    n.Get("TokenExpiryYear"),

		BuyerName:  n.Get("Buyer", "BuyerName"),
		BuyerEmail: n.Get("Buyer", "BuyerEmail"),
		CustomInfo: customInfo(info),

		RiskResponseCode:        either(n.Get("RISK", "RiskResponseCode"), n.Get("RiskResponseCode")),
		RiskResponseDescription: either(n.Get("RISK", "RiskResponseDescription"), n.Get("RiskResponseDescription")),
		TransactionKey:          n.Get("TransactionKey"),
		MaskedPAN:               n.Get("MaskedPAN"),
		ProductType:             n.Get("ProductType"),

		Events: events(n),
		Order:  orderReferenceDetails(n),
		Fields: leaves(n),
	}
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// leaves collects every element without children, direct ones first.
func leaves(n Node) map[string]string {
	fields := map[string]string{}
	for _, c := range n.Children {
		if len(c.Children) == 0 {
			addLeaf(fields, c)
		}
	}
	for _, c := range n.Children {
		if len(c.Children) > 0 {
			deepLeaves(fields, c)
		}
	}
	return fields
}

func deepLeaves(fields map[string]string, n Node) {
	if len(n.Children) == 0 {
		addLeaf(fields, n)
		return
	}
	for _, c := range n.Children {
		deepLeaves(fields, c)
	}
}

func addLeaf(fields map[string]string, n Node) {
	name := n.Name
	for i := 2; ; i++ {
		if _, taken := fields[name]; !taken {
			break
		}
		name = n.Name + "#" + strconv.Itoa(i)
	}
	fields[name] = n.value()
}

// AmountMinor is the amount in minor units and the ISO currency of an answer of
// OpDecrypt or OpPay. Errors wrap ErrAmount.
func (r Reply) AmountMinor() (int64, string, error) {
	iso, found := ISOCurrency(r.UICCode)
	if !found {
		return 0, "", fmt.Errorf("%w: unknown currency", ErrAmount)
	}
	minor, err := ParseAmount(r.Amount, iso)
	return minor, iso, err
}

// ErrOtherTransaction marks an answer about a transaction that was not asked
// for. It wraps ErrProtocol.
var ErrOtherTransaction = fmt.Errorf("%w: ids in the reply are not the ids that were asked for", ErrProtocol)

// CheckIDs compares the ids of an answer with those that were asked for; "" asks
// for nothing, and an answer may leave ids out.
func (r Reply) CheckIDs(shop ShopTransactionID, bank BankTransactionID) error {
	if differ(r.ShopTransactionID, shop) || differ(r.BankTransactionID, bank) {
		return ErrOtherTransaction
	}
	return nil
}

func differ[T ~string](got, want T) bool { return got != "" && want != "" && got != want }

// Found tells whether an answer of OpRead is about a transaction.
func (r Reply) Found() bool { return r.BankTransactionID != "" || len(r.Events) > 0 }
