package wire

import (
	"regexp"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// Card numbers have 13 to 19 digits, begin with 2 to 6 and end with a check
// digit (ISO/IEC 7812-1). They must not get into Payloom at all, so that it stays
// out of the scope of card data.

// grouping says what may stand between the digits of a card number.
type grouping string

const (
	tight grouping = ""   // nothing: ids have hyphens of their own
	loose grouping = " -" // a blank or a hyphen: text that a person wrote
)

// uuids have digits and hyphens that look like anything once in a while.
var uuids = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// CardNumber tells whether s holds what may be a card number, written together.
// One in ten numbers of that length has a right check digit by chance, so it is for
// texts that people and their programs choose, not for a provider's ids.
func CardNumber(s string) bool { return cardNumber(s, tight) }

// CardNumberInGroups is CardNumber for text that a person wrote: blanks and hyphens
// may stand between the digits.
func CardNumberInGroups(s string) bool { return cardNumber(s, loose) }

// cardNumber tells whether s holds what may be a card number.
func cardNumber(s string, g grouping) bool {
	if uuids.MatchString(s) {
		return false
	}
	for _, run := range runs(s, g) {
		if isCard(run) {
			return true
		}
	}
	return false
}

// runs returns the runs of digits in s, single separators left out.
func runs(s string, g grouping) []string {
	var all []string
	var run []byte
	for i := range len(s) {
		c := s[i]
		between := len(run) > 0 && strings.IndexByte(string(g), c) >= 0 && i+1 < len(s) && isDigit(s[i+1])
		switch {
		case isDigit(c):
			run = append(run, c)
		case !between && len(run) > 0:
			all, run = append(all, string(run)), nil
		}
	}
	return append(all, string(run))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isCard(digits string) bool {
	if len(digits) < 13 || len(digits) > 19 || digits[0] < '2' || digits[0] > '6' {
		return false
	}
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}

// cardFields returns the fields of c that hold what may be a card number. A wallet's
// number, which is a phone number, and names that providers drew are none.
func cardFields(c payment.Command) []string {
	var found []string
	look := func(field, text string, is func(string) bool) {
		if is(text) {
			found = append(found, field)
		}
	}
	look("req_id", string(c.ReqID), CardNumber)
	look("payment_id", string(c.Payment), CardNumber)
	look("account", c.Account, CardNumber)
	look("reference", c.Reference, CardNumber)
	look("description", c.Description, CardNumberInGroups)
	look("statement_text", c.StatementText, CardNumberInGroups)
	if a := c.Authorization; a != nil {
		look("authorization.order_ref", a.OrderRef, CardNumber)
		look("authorization.mandate", a.Mandate, wholly)
		look("authorization.return_urls.success", a.Return.Success, CardNumber)
		look("authorization.return_urls.failure", a.Return.Failure, CardNumber)
		look("authorization.return_urls.cancel", a.Return.Cancel, CardNumber)
		look("authorization.return_urls.review", a.Return.Review, CardNumber)
	}
	if b := c.Beneficiary; b != nil {
		look("beneficiary.customer_id", b.CustomerID, CardNumber)
		look("beneficiary.first_name", b.FirstName, CardNumberInGroups)
		look("beneficiary.last_name", b.LastName, CardNumberInGroups)
		look("beneficiary.email", b.Email, CardNumber)
		look("beneficiary.address", b.Address, CardNumberInGroups)
	}
	return found
}

// wholly is CardNumber for a token that a provider drew: digits among others are its
// own.
func wholly(s string) bool { return strings.Trim(s, "0123456789") == "" && CardNumber(s) }
