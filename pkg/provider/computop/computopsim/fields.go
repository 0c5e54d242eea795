package computopsim

import (
	"regexp"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// class is a character class of the provider's format notation.
type class string

const (
	letters  class = "a"   // alphabetical
	digits   class = "n"   // numeric
	alphanum class = "an"  // alphanumeric
	special  class = "ans" // alphanumeric with special characters
	hexMAC   class = "mac"
)

var classes = map[class]*regexp.Regexp{
	letters:  regexp.MustCompile(`^[A-Za-z]*$`),
	digits:   regexp.MustCompile(`^[0-9]*$`),
	alphanum: regexp.MustCompile(`^[0-9A-Za-z]*$`),
	special:  regexp.MustCompile(`^[\x20-\x25\x27-\x7E\x{A0}-\x{FF}]*$`),
	hexMAC:   regexp.MustCompile(`^[0-9A-Fa-f]*$`),
}

// field is one row of a request table.
type field struct {
	name      string
	class     class
	max       int // characters
	exact     bool
	mandatory bool
	values    []string // when only these are allowed
	detail    string   // the number by which codes name this parameter
}

// check returns the first thing wrong with m by the table, or nil.
func check(m paygate.Message, table []field) *refusal {
	if r := checkRepeats(m); r != nil {
		return r
	}
	for _, f := range table {
		value, found := m.Lookup(f.name)
		if r := f.check(value, found); r != nil {
			return r
		}
	}
	return nil
}

// checkRepeats refuses one parameter with two values. Names differ only by
// case for one parameter: Currency and currency are the same.
func checkRepeats(m paygate.Message) *refusal {
	seen := make(map[string]string, len(m))
	for _, f := range m {
		key := strings.ToLower(f.Name)
		if before, twice := seen[key]; twice && before != f.Value {
			return failed(catInvalid, detNone, "TWO VALUES: "+f.Name)
		}
		seen[key] = f.Value
	}
	return nil
}

func (f field) check(value string, found bool) *refusal {
	switch {
	case !found && f.mandatory:
		return failed(catMissing, f.detail, "PARAMETER MISSING: "+f.name)
	case !found:
		return nil
	case value == "":
		return failed(catEmpty, f.detail, "PARAMETER EMPTY: "+f.name)
	case len(f.values) > 0 && !slices.Contains(f.values, value):
		return failed(catUnknown, f.detail, "UNKNOWN VALUE: "+f.name)
	case len(f.values) > 0:
		return nil
	case runes(value) > f.max:
		return failed(catLong, f.detail, "PARAMETER TOO LONG: "+f.name)
	case !classes[f.class].MatchString(value), f.exact && runes(value) != f.max:
		return failed(catFormat, f.detail, "PARAMETER FORMAT: "+f.name)
	}
	return nil
}

func runes(s string) int { return len([]rune(s)) }
