package gestpay

import "strings"

// Code is an ErrorCode or AlertCode: a decimal number as text. Never decide on
// the description beside it, which is localised and may be empty.
type Code string

// Codes that the documentation gives a meaning of its own.
const (
	CodeOK              Code = "0"
	CodeAboveAuthorised Code = "58"
	CodeNotAuthorised   Code = "63"
	CodeExpired         Code = "64"
	CodeOtherCurrency   Code = "65"
	CodeSettled         Code = "66"
	CodeDeclined        Code = "74"
	CodeCancelledBuyer  Code = "1140"
	CodeAbandoned       Code = "1143"
	CodeTokenExpired    Code = "1164"
	CodeTokenUnknown    Code = "1165"
	CodeNotFound        Code = "2011"
	CodeAmbiguous       Code = "2012"
	CodeRefundTooMuch   Code = "2014"
	CodeNoIDs           Code = "2016"
	CodeNotDeletable    Code = "2017"
	CodeNotRefundable   Code = "2018"
	CodeNotSettleable   Code = "2019"
	CodeProcessed       Code = "4707"
	CodeSessionExpired  Code = "4800"
	CodeMethodRefused   Code = "5001" // Amazon: the chosen payment method is not allowed
	CodeNoMethod        Code = "5002" // Amazon: none chosen
	CodeNoAddress       Code = "5003" // Amazon: no shipping address
	CodeSystem          Code = "9999"
)

// Class groups codes by what to do about them.
type Class string

// The classes.
const (
	ClassOK             Class = "ok"
	ClassDeclined       Class = "declined"        // refused; the buyer may start a new attempt with a new id
	ClassBuyerAction    Class = "buyer_action"    // the buyer must change wallet, plan or address
	ClassBuyerAbandoned Class = "buyer_abandoned" // the buyer left
	ClassInvalidRequest Class = "invalid_request" // do not resend unchanged
	ClassConfig         Class = "config"          // credentials, address or profile; no payment's fault
	ClassConflict       Class = "conflict"        // not in the state the call needs: read it
	ClassExceeds        Class = "exceeds"         // above what is left
	ClassNotFound       Class = "not_found"       // no such transaction, yet
	ClassAmbiguous      Class = "ambiguous"       // several share the shop's id
	ClassExpired        Class = "expired"         // authorisation, session or token too old
	ClassTokenInvalid   Class = "token_invalid"   // the stored token is unusable
	ClassRiskRule       Class = "risk_rule"       // a rule of the shop fired; as AlertCode only a warning
	ClassCardsOnly      Class = "cards_only"      // not to be expected with Amazon Pay
	ClassTechnical      Class = "technical"       // reads may be repeated; of money calls the outcome is unknown
	ClassInformational  Class = "informational"   // not a result
	ClassWireOnly       Class = "wire_only"       // seen, and in no table
	ClassUnknown        Class = "unknown"         // in no list: never success, never a reason to resend money
)

// Trim returns the code without blanks around it.
func (c Code) Trim() Code { return Code(strings.TrimSpace(string(c))) }

// OK tells whether the code means success: only "0" does.
func (c Code) OK() bool { return c.Trim() == CodeOK }

// Class returns what kind of thing the code tells. The published table grows, so
// ClassUnknown is an ordinary answer.
func (c Code) Class() Class {
	if class, found := classOf[c.Trim()]; found {
		return class
	}
	return ClassUnknown
}

var classOf = index(codes)

func index(byClass map[Class]string) map[Code]Class {
	all := map[Code]Class{}
	for class, list := range byClass {
		for code := range strings.FieldsSeq(list) {
			all[Code(code)] = class
		}
	}
	return all
}
