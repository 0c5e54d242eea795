package intake

import (
	"slices"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/wire"
)

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
	is := wire.CardNumber
	if slices.Contains(written, field) {
		is = wire.CardNumberInGroups
	}
	// A wallet's number is a phone number, of at most 15 digits.
	if field == "beneficiary.account_number" && len(text) < 16 {
		return
	}
	// A mandate is a token that the provider made: digits among others are its own.
	if field == "mandate" && strings.Trim(text, "0123456789") != "" {
		return
	}
	if is(text) {
		f.Add(field, "card_number", "looks like a card number, which must not be sent here")
	}
}
