package callback

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"

	"github.com/payloom/payloom/pkg/wire"
)

// Card numbers must not be stored, encrypted or not. Providers send them masked; one
// that does not is found by the names of its fields, for one in ten ids of a
// provider has a right check digit by chance. What is encrypted for us is not looked
// into: what it is decrypted to goes no further than its parser.
var cardNames = regexp.MustCompile(`(?i)^(pan|(cc|card|pc)[_-]?(nr|no|num|number)|card|cardnumber)$`)

// cardReason is why a callback is kept without its contents.
const cardReason = "it holds what looks like a card number, so its contents were not kept"

// holdsCard tells whether a field of c holds what may be a card number.
func holdsCard(c wire.StoredCallback) bool {
	return inForm(c.Query) || inJSON(c.Body) || inForm(string(bytes.TrimSpace(c.Body)))
}

func inForm(text string) bool {
	form, _ := url.ParseQuery(text) // what is malformed is left out
	for name, values := range form {
		for _, v := range values {
			if cardNames.MatchString(name) && wire.CardNumberInGroups(v) {
				return true
			}
		}
	}
	return false
}

func inJSON(body []byte) bool {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode(&v) == nil && inValue("", v)
}

// inValue looks through a value of JSON that stands under a name.
func inValue(name string, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if cardNames.MatchString(name) && (key == "number" || key == "value") {
				key = name // {"card": {"number": …}}
			}
			if inValue(key, inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if inValue(name, inner) {
				return true
			}
		}
	case string:
		return cardNames.MatchString(name) && wire.CardNumberInGroups(v)
	case json.Number:
		return cardNames.MatchString(name) && wire.CardNumber(v.String())
	}
	return false
}
