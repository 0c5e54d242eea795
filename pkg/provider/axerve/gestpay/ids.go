package gestpay

import (
	"errors"
	"regexp"
	"strings"
)

// ErrID marks an id that the gateway would not take.
var ErrID = errors.New("gestpay: bad id")

const shopTransactionIDRule = "1 to 32 letters, digits, dashes or underscores"

var shopTransactionID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// errShopTransactionID says the rule.
var errShopTransactionID = errors.New("shopTransactionId: want " + shopTransactionIDRule)

// CheckShopTransactionID holds an id to the rule for Amazon Pay (Axerve
// documentation, Amazon Pay): it must also be new for every attempt, which only
// the caller can know. Errors wrap ErrID.
func CheckShopTransactionID(id string) error {
	if !shopTransactionID.MatchString(id) {
		return errors.Join(ErrID, errShopTransactionID)
	}
	return nil
}

var orderReference = regexp.MustCompile(`^[SP][0-9]{2}-[0-9]{7}-[0-9]{7}$`)

// OrderReference is an Amazon Order Reference Id, such as S02-0319513-4657042.
type OrderReference string

// Valid tells whether the id has the form of one.
func (o OrderReference) Valid() bool { return orderReference.MatchString(string(o)) }

// Sandbox tells whether a valid id comes from Amazon's sandbox: S for sandbox,
// P for live.
func (o OrderReference) Sandbox() bool { return strings.HasPrefix(string(o), "S") }

// languages by ISO 639-1 (API reference, language codes).
var languages = map[string]string{"it": "1", "en": "2", "es": "3", "fr": "4", "de": "5"}

// LanguageID returns the number of a language such as "en" or "en-GB", or "" for
// one that the payment page does not speak.
func LanguageID(language string) string {
	primary, _, _ := strings.Cut(strings.ToLower(language), "-")
	return languages[primary]
}
