package payment

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Currency is an ISO 4217 code in upper case.
type Currency string

// Money is an amount in the minor unit of its currency: 1050 EUR is 10.50 euro,
// 1050 JPY is 1050 yen. The zero value is no money in no currency.
type Money struct {
	Minor    int64
	Currency Currency
}

// ErrMoney is what all errors about amounts and currencies wrap.
var ErrMoney = errors.New("payment: bad amount")

// Known tells whether c is an ISO 4217 currency with a minor unit.
func (c Currency) Known() bool {
	_, ok := c.exponent()
	return ok
}

// Exponent returns the number of decimals of c. Asking for an unknown currency
// is an error that wraps ErrMoney, never a guess of two.
func (c Currency) Exponent() (int, error) {
	if e, ok := c.exponent(); ok {
		return e, nil
	}
	return 0, fmt.Errorf("%w: %q is no ISO 4217 currency", ErrMoney, string(c))
}

func (c Currency) exponent() (int, bool) {
	if len(c) != 3 {
		return 0, false
	}
	for e, codes := range currencies {
		if strings.Contains(codes, string(c)) && strings.Index(codes, string(c))%4 == 0 {
			return e, true
		}
	}
	return 0, false
}

// currencies holds the ISO 4217 codes by number of decimals, four bytes each.
var currencies = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
		"CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR " +
		"ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV " +
		"MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD " +
		"SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ",
	3: "BHD IQD JOD KWD LYD OMR TND ",
	4: "CLF UYW ",
}

// Validate returns an error that wraps ErrMoney unless m is a positive amount
// of a known currency.
func (m Money) Validate() error {
	if _, err := m.Currency.Exponent(); err != nil {
		return err
	}
	if m.Minor <= 0 {
		return fmt.Errorf("%w: %d is not positive", ErrMoney, m.Minor)
	}
	return nil
}

// Decimal writes m in major units with the currency's own number of decimals:
// "10.50" for 1050 EUR, "1050" for 1050 JPY.
func (m Money) Decimal() (string, error) {
	exp, err := m.Currency.Exponent()
	if err != nil {
		return "", err
	}
	if m.Minor < 0 {
		return "", fmt.Errorf("%w: %d is negative", ErrMoney, m.Minor)
	}
	if exp == 0 {
		return strconv.FormatInt(m.Minor, 10), nil
	}
	s := fmt.Sprintf("%0*d", exp+1, m.Minor)
	return s[:len(s)-exp] + "." + s[len(s)-exp:], nil
}

// ParseDecimal reads major units as providers write them, "10.5", "10" or
// "10.50" for 1050 EUR. It refuses signs, more decimals than the currency has,
// and whatever does not fit an int64.
func ParseDecimal(s string, c Currency) (Money, error) {
	exp, err := c.Exponent()
	if err != nil {
		return Money{}, err
	}
	whole, frac, dotted := strings.Cut(s, ".")
	if whole == "" || len(frac) > exp || (dotted && frac == "") || !digits(whole) || !digits(frac) {
		return Money{}, fmt.Errorf("%w: %q is not an amount in %s", ErrMoney, s, c)
	}
	minor, err := strconv.ParseInt(whole+frac+strings.Repeat("0", exp-len(frac)), 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %q is too large", ErrMoney, s)
	}
	return Money{Minor: minor, Currency: c}, nil
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// String writes m for people: "10.50 EUR".
func (m Money) String() string {
	s, err := m.Decimal()
	if err != nil {
		s = strconv.FormatInt(m.Minor, 10)
	}
	return s + " " + string(m.Currency)
}

// sum adds a and b and stays at the largest int64 rather than wrapping: an
// amount that large is refused by every comparison that follows.
func sum(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
