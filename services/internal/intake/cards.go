package intake

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
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

// CardNumber tells whether s holds what may be a card number.
func CardNumber(s string) bool { return cardNumber(s, tight) }

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

// written are the fields that hold what a person wrote.
var written = []string{"description", "statement_text", "reason", "beneficiary.first_name", "beneficiary.last_name", "beneficiary.address"}

// RefuseCards reports every string of d that holds what may be a card number.
func (f *Faults) RefuseCards(d Document) { refuseCards("", d.value, f) }

// refuseCards reports every string in v that holds what may be a card number.
func refuseCards(path string, v value, f *Faults) {
	if v.kind == '"' {
		f.RefuseCard(path, v.text)
	}
	for _, m := range v.members {
		at := m.name
		if path != "" {
			at = path + "." + m.name
		}
		refuseCards(at, m.value, f)
	}
	for i, e := range v.elements {
		refuseCards(path+"["+strconv.Itoa(i)+"]", e, f)
	}
}

// RefuseCard reports a field whose text holds what may be a card number.
func (f *Faults) RefuseCard(field, text string) {
	g := tight
	if slices.Contains(written, field) {
		g = loose
	}
	// A wallet's number is a phone number, of at most 15 digits.
	if field == "beneficiary.account_number" && len(text) < 16 {
		return
	}
	// A mandate is a token that the provider made: digits among others are its own.
	if field == "mandate" && strings.Trim(text, "0123456789") != "" {
		return
	}
	if cardNumber(text, g) {
		f.Add(field, "card_number", "looks like a card number, which must not be sent here")
	}
}
