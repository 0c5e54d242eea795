package ecommpay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// payoutRequest is the body of a payout, without its signature. All of it is
// required but the callback's address (ECommPay documentation, Amazon Pay, request
// format). There is nothing else in it: no text of anybody's choosing that comes
// back in a callback, and no names whose order in the signature depends on the
// reader.
type payoutRequest struct {
	General  generalPart  `json:"general"`
	Payment  paymentPart  `json:"payment"`
	Customer customerPart `json:"customer"`
	Account  accountPart  `json:"account"`
}

type generalPart struct {
	ProjectID   int64  `json:"project_id"`
	PaymentID   string `json:"payment_id"`
	CallbackURL string `json:"merchant_callback_url,omitempty"`
}

type paymentPart struct {
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

type customerPart struct {
	ID        string `json:"id"`
	IPAddress string `json:"ip_address"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Address   string `json:"address"`
}

type accountPart struct {
	Number string `json:"number"`
}

// statusRequest asks about a payment.
type statusRequest struct {
	General generalPart `json:"general"`
}

// requestStatusRequest asks about a request.
type requestStatusRequest struct {
	ProjectID int64  `json:"project_id"`
	RequestID string `json:"request_id"`
}

// encode returns v as JSON, with characters as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// format is what a field of the beneficiary must look like.
type format struct {
	pattern *regexp.Regexp
	rule    string
}

var (
	keyPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	// A semicolon would make what is signed ambiguous.
	formatText    = format{regexp.MustCompile(`^[^;\p{Cc}\x{FFFD}]{1,255}$`), "must have at most 255 characters, no semicolon and no control characters"}
	formatEmail   = format{regexp.MustCompile(`^[^@;\s\p{Cc}\x{FFFD}]+@[^@;\s\p{Cc}\x{FFFD}]+$`), "must be an e-mail address without semicolon"}
	formatAccount = format{regexp.MustCompile(`^[0-9]{10,15}$`), "must be a phone number of 10 to 15 digits, without plus sign and blanks"}
)

// texts are the formats by the JSON field of Payloom's API.
func texts() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"beneficiary.customer_id":    formatText.pattern,
		"beneficiary.first_name":     formatText.pattern,
		"beneficiary.last_name":      formatText.pattern,
		"beneficiary.email":          formatEmail.pattern,
		"beneficiary.address":        formatText.pattern,
		"beneficiary.account_number": formatAccount.pattern,
	}
}

// payoutOf returns the request of call. The error is Rejected and lists every
// field that is wrong; it shows no value.
func (c Config) payoutOf(call provider.Call) (payoutRequest, error) {
	b := call.Command.Beneficiary
	if b == nil {
		return payoutRequest{}, provider.Reject(payment.ReasonInvalid, "beneficiary is missing")
	}
	if err := checkAmount(call.Operation.Amount); err != nil {
		return payoutRequest{}, err
	}
	if bad := checkFields(call.Operation.Attempt.Key, *b); len(bad) > 0 {
		return payoutRequest{}, provider.Reject(payment.ReasonInvalid, "%s", strings.Join(bad, "; "))
	}
	return payoutRequest{
		General: generalPart{ProjectID: c.ProjectID, PaymentID: call.Operation.Attempt.Key, CallbackURL: c.callbackURL()},
		Payment: paymentPart{Amount: call.Operation.Amount.Minor, Currency: string(call.Operation.Amount.Currency)},
		Customer: customerPart{
			ID: b.CustomerID, IPAddress: b.IPAddress, FirstName: b.FirstName, LastName: b.LastName,
			Email: b.Email, Address: b.Address,
		},
		Account: accountPart{Number: b.AccountNumber},
	}, nil
}

func checkAmount(m payment.Money) error {
	w, ok := windows()[m.Currency]
	switch {
	case !ok:
		return provider.Reject(payment.ReasonUnsupported, "amount.currency must be INR or USD")
	case m.Minor < w.Min || m.Minor > w.Max:
		return provider.Reject(payment.ReasonAmount, "amount.value must be from %d to %d in %s", w.Min, w.Max, m.Currency)
	}
	return nil
}

func checkFields(key string, b payment.Beneficiary) []string {
	var bad []string
	check := func(field, v string, f format) {
		switch {
		case strings.TrimSpace(v) == "":
			bad = append(bad, field+" is missing")
		case !f.pattern.MatchString(v):
			bad = append(bad, field+" "+f.rule)
		}
	}
	if !keyPattern.MatchString(key) {
		bad = append(bad, fmt.Sprintf("the attempt's key must match %s", keyPattern))
	}
	check("beneficiary.customer_id", b.CustomerID, formatText)
	if ip, err := netip.ParseAddr(b.IPAddress); err != nil || ip.Zone() != "" {
		bad = append(bad, "beneficiary.ip_address must be an IP address")
	}
	check("beneficiary.first_name", b.FirstName, formatText)
	check("beneficiary.last_name", b.LastName, formatText)
	check("beneficiary.email", b.Email, formatEmail)
	check("beneficiary.address", b.Address, formatText)
	check("beneficiary.account_number", b.AccountNumber, formatAccount)
	return bad
}
