package gestpay

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// uicByISO are the currencies by their numbers at the former Ufficio Italiano dei
// Cambi, which the SOAP services use instead of ISO 4217 (API reference, currency
// codes). 978 is the euro's ISO number and means nothing here.
var uicByISO = map[string]string{
	"EUR": "242", "USD": "1", "GBP": "2", "CHF": "3",
	"DKK": "7", "NOK": "8", "SEK": "9", "JPY": "71",
	"PLN": "237", "CZK": "223", "HUF": "153", "RON": "270",
	"BGN": "262", "TRY": "267", "ISK": "62", "ILS": "203",
	"AUD": "109", "CAD": "12", "NZD": "113", "HKD": "103",
	"SGD": "124", "CNY": "144", "INR": "31", "KRW": "119",
	"BRL": "234", "MXN": "222", "ARS": "216", "AED": "187",
	"SAR": "75", "QAR": "189", "UAH": "241", "RUB": "244",
}

var isoByUIC = reverse(uicByISO)

func reverse(m map[string]string) map[string]string {
	back := make(map[string]string, len(m))
	for k, v := range m {
		back[v] = k
	}
	return back
}

// UICCode returns the number of an ISO 4217 currency, such as "242" for "EUR".
func UICCode(iso string) (string, bool) {
	uic, found := uicByISO[iso]
	return uic, found
}

// ISOCurrency returns the ISO 4217 letters of a UIC number, such as "EUR" for
// "242".
func ISOCurrency(uic string) (string, bool) {
	iso, found := isoByUIC[strings.TrimSpace(uic)]
	return iso, found
}

// ErrAmount marks an amount that cannot be sent or was not understood.
var ErrAmount = errors.New("gestpay: bad amount")

// maxAmount is the length of an amount on the wire, in characters (API
// reference), which makes 999999.99 the most.
const maxAmount = 9

// Money is an amount as the services take it.
type Money struct {
	UICCode string
	Amount  string
}

// NewMoney returns an amount of minor units for a request. Errors wrap ErrAmount.
func NewMoney(minor int64, iso string) (Money, error) {
	uic, found := UICCode(iso)
	if !found {
		return Money{}, fmt.Errorf("%w: currency without a UIC code", ErrAmount)
	}
	text, err := FormatAmount(minor, iso)
	return Money{UICCode: uic, Amount: text}, err
}

// decimals is the number of digits after the point by ISO 4217, for the
// currencies that have a UIC code.
func decimals(iso string) int {
	switch iso {
	case "JPY", "KRW", "ISK":
		return 0
	}
	return 2
}

// FormatAmount writes minor units with a point and the currency's decimals. It
// refuses, with ErrAmount, what is not positive and what needs more than nine
// characters.
func FormatAmount(minor int64, iso string) (string, error) {
	if minor <= 0 {
		return "", fmt.Errorf("%w: must be positive", ErrAmount)
	}
	text := strconv.FormatInt(minor, 10)
	if places := decimals(iso); places > 0 {
		for len(text) <= places {
			text = "0" + text
		}
		text = text[:len(text)-places] + "." + text[len(text)-places:]
	}
	if len(text) > maxAmount {
		return "", fmt.Errorf("%w: longer than %d characters", ErrAmount, maxAmount)
	}
	return text, nil
}

var amountText = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,2})?$`)

// ParseAmount reads an amount of the service into minor units. Any number of
// decimals from none to two may stand there: 50, 49.9 and 49.90 are all seen.
// Errors wrap ErrAmount.
func ParseAmount(text, iso string) (int64, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxAmount || !amountText.MatchString(text) {
		return 0, fmt.Errorf("%w: want digits, at most two of them after a point", ErrAmount)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	places := decimals(iso)
	for len(fraction) < places {
		fraction += "0"
	}
	if strings.Trim(fraction[places:], "0") != "" {
		return 0, fmt.Errorf("%w: the currency has no decimals", ErrAmount)
	}
	// At most nine digits: no overflow.
	return strconv.ParseInt(whole+fraction[:places], 10, 64)
}
