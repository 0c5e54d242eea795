package computop

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// format is one of Paygate's data formats: a class of characters and a number of
// them. Paygate refuses requests with a violation, so it is checked before.
type format struct {
	notation string // as in Paygate's tables: ans..30
	class    *regexp.Regexp
	min, max int
}

// printable are the characters of ISO-8859-1 that a value can hold. The
// ampersand would end it.
const printable = `\x20-\x25\x27-\x7E\x{A0}-\x{FF}`

var (
	classLetters   = regexp.MustCompile(`^[A-Za-z]*$`)
	classNames     = regexp.MustCompile(`^[A-Za-z_,]*$`)
	classUpper     = regexp.MustCompile(`^[A-Z]*$`)
	classDigits    = regexp.MustCompile(`^[0-9]*$`)
	classAlphanum  = regexp.MustCompile(`^[0-9A-Za-z]*$`)
	classHexDigits = regexp.MustCompile(`^[0-9a-fA-F]*$`)
	classText      = regexp.MustCompile(`^[` + printable + `]*$`)
	classWords     = regexp.MustCompile(`^[A-Za-z ]*$`)
	classKeys      = regexp.MustCompile(`^[0-9A-Za-z._-]*$`)
)

func upTo(name string, class *regexp.Regexp, n int) format {
	return format{fmt.Sprintf("%s..%d", name, n), class, 1, n}
}

func exactly(name string, class *regexp.Regexp, n int) format {
	return format{fmt.Sprintf("%s%d", name, n), class, n, n}
}

func formatA(n int) format   { return upTo("a", classLetters, n) }
func formatN(n int) format   { return upTo("n", classDigits, n) }
func formatAN(n int) format  { return upTo("an", classAlphanum, n) }
func formatANS(n int) format { return upTo("ans", classText, n) }

// formatKey is ans, held to what needs no care in any place a key travels through.
func formatKey(n int) format { return upTo("ans", classKeys, n) }

// fits tells whether v has the format. Characters are counted; in ISO-8859-1
// each is one byte.
func (f format) fits(v string) bool {
	count := utf8.RuneCountInString(v)
	return count >= f.min && count <= f.max && f.class.MatchString(v)
}

// condition is the CND column of Paygate's tables.
type condition string

// The conditions.
const (
	must condition = "M"
	may  condition = "O"
	when condition = "C" // by a rule that the code around the table knows
)

// parameter is one row of a request's table.
type parameter struct {
	name   string
	format format
	cnd    condition
	field  string // of the command, for whoever has to put it right; may be empty
}

// table is a request's parameters in the order they are sent.
type table []parameter

// message returns the table's parameters with their values. The error is
// Rejected and lists every field that Paygate would refuse; it shows no value.
// A value for a parameter that the table does not have is a mistake of ours.
func (t table) message(values map[string]string) (paygate.Message, error) {
	m := make(paygate.Message, 0, len(t))
	var bad []string
	for _, p := range t {
		v := values[p.name]
		switch {
		case v == "" && p.cnd == must:
			bad = append(bad, p.label()+" is missing")
		case v != "" && !p.format.fits(v):
			bad = append(bad, p.label()+" does not have the format "+p.format.notation+" in ISO-8859-1 without ampersand")
		case v != "":
			m.Add(p.name, v)
		}
	}
	if len(bad) > 0 {
		return nil, provider.Reject(payment.ReasonInvalid, "%s", strings.Join(bad, "; "))
	}
	return m, nil
}

func (p parameter) label() string {
	if p.field == "" {
		return p.name
	}
	return p.field + " (" + p.name + ")"
}
