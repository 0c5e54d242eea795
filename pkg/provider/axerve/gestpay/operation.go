package gestpay

import "strings"

// Operation is a SOAP operation by the name of its request element.
type Operation string

// The operations, of WsCryptDecrypt the first two and of WSs2s the others.
const (
	OpEncrypt Operation = "Encrypt"
	OpDecrypt Operation = "Decrypt"
	OpPay     Operation = "callPagamS2S"
	OpRead    Operation = "callReadTrxS2S"
	OpSettle  Operation = "callSettleS2S"
	OpRefund  Operation = "callRefundS2S"
	OpDelete  Operation = "callDeleteS2S"
)

// Namespaces of the two services (WSDL). They are the same in both environments.
const (
	CryptNamespace = "https://ecomm.sella.it/"
	S2SNamespace   = "https://ecomms2s.sella.it/"
)

// Paths of the two services below the host (API reference). The server ignores
// case in them.
const (
	CryptPath = "/gestpay/GestPayWS/WsCryptDecrypt.asmx"
	S2SPath   = "/gestpay/gestpayws/WSs2s.asmx"
)

// transactionTypes is what an answer calls its operation.
var transactionTypes = map[Operation]string{
	OpEncrypt: "ENCRYPT",
	OpDecrypt: "DECRYPT",
	OpPay:     "PAGAM",
	OpRead:    "QUERYTX",
	OpSettle:  "Settle",
	OpRefund:  "Refund",
	OpDelete:  "Delete",
}

// Valid tells whether the operation is one of those above.
func (o Operation) Valid() bool { return transactionTypes[o] != "" }

// TransactionType is how answers name the operation, such as "QUERYTX".
func (o Operation) TransactionType() string { return transactionTypes[o] }

// ReadOnly tells whether the call may be repeated without a thought: it moves no
// money and opens no transaction. Encrypt counts, because its string only offers
// a page (API reference, Encrypt).
func (o Operation) ReadOnly() bool {
	return o == OpEncrypt || o == OpDecrypt || o == OpRead
}

// Namespace is the namespace of the request and answer elements.
func (o Operation) Namespace() string {
	if o.crypt() {
		return CryptNamespace
	}
	return S2SNamespace
}

// Action is the SOAP action, without quotes.
func (o Operation) Action() string { return o.Namespace() + string(o) }

// Path is the path of the service that has the operation.
func (o Operation) Path() string {
	if o.crypt() {
		return CryptPath
	}
	return S2SPath
}

func (o Operation) crypt() bool { return o == OpEncrypt || o == OpDecrypt }

// ResultElement is the element that holds the answer's fields.
func (o Operation) ResultElement() string {
	if o.crypt() {
		return "GestPayCryptDecrypt"
	}
	return "GestPayS2S"
}

// follows tells whether the call acts on a payment that exists.
func (o Operation) follows() bool { return o == OpSettle || o == OpRefund || o == OpDelete }

// is compares a TransactionType with the operation's.
func (o Operation) is(transactionType string) bool {
	return strings.EqualFold(transactionType, o.TransactionType())
}
