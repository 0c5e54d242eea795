package gestpay

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"
)

// ErrRequest marks a request that cannot be sent as it is. Errors name every
// field that is wrong and never its value.
var ErrRequest = errors.New("gestpay: bad request")

// Request is a call as values. Its elements may stand in any order; empty ones
// are left out.
type Request interface {
	Operation() Operation
	Elements() []Node
}

// Build returns the message of a request. Errors wrap ErrRequest.
func Build(v Version, r Request) (Message, error) {
	return BuildElements(v, r.Operation(), r.Elements())
}

// BuildElements is Build for elements by their WSDL names. They are put into the
// WSDL's order; names the operation does not have are refused, because the
// service would drop them without a word.
func BuildElements(v Version, op Operation, elements []Node) (Message, error) {
	if !op.Valid() {
		return Message{}, fmt.Errorf("%w: unknown operation", ErrRequest)
	}
	if v != SOAP11 && v != SOAP12 {
		return Message{}, fmt.Errorf("%w: unknown SOAP version", ErrRequest)
	}
	sent := slices.DeleteFunc(slices.Clone(elements), Node.empty)
	if err := check(op, sent); err != nil {
		return Message{}, err
	}
	payload := Node{Name: string(op)}
	for _, s := range tables[op] {
		for _, e := range sent {
			if e.Name == s.name {
				payload.Children = append(payload.Children, e)
			}
		}
	}
	return v.message(op, payload.in(op.Namespace())), nil
}

// empty tells whether nothing stands in the element at any depth.
func (n Node) empty() bool {
	return n.Text == "" && !slices.ContainsFunc(n.Children, func(c Node) bool { return !c.empty() })
}

// in puts the element and all below it into a namespace, without the empty ones.
func (n Node) in(space string) Node {
	n.Space = space
	children := make([]Node, 0, len(n.Children))
	for _, c := range n.Children {
		if !c.empty() {
			children = append(children, c.in(space))
		}
	}
	n.Children = children
	return n
}

// check reports everything that is wrong with a request, by field.
func check(op Operation, sent []Node) error {
	var errs []error
	bad := func(field, why string) { errs = append(errs, fmt.Errorf("%w: %s: %s", ErrRequest, field, why)) }
	seen := map[string]string{}
	for _, e := range sent {
		if _, twice := seen[e.Name]; twice {
			bad(e.Name, "given twice")
		}
		seen[e.Name] = e.Text
		if !slices.ContainsFunc(tables[op], func(s slot) bool { return s.name == e.Name }) {
			bad(fieldName(e.Name), "no element of "+string(op))
		}
		checkBelow(e, bad)
	}
	for _, s := range tables[op] {
		text, found := seen[s.name]
		s.check(op, text, found, bad)
	}
	if shop, bank := idNames(op); op.follows() || op == OpRead {
		if seen[shop] == "" && seen[bank] == "" {
			bad(shop, "or "+bank+" is needed")
		}
	}
	return errors.Join(errs...)
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)

// fieldName is a name fit to be shown.
func fieldName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return "a name"
}

func checkBelow(n Node, bad func(field, why string)) {
	if !plainName.MatchString(n.Name) {
		bad("a name", "is no XML name")
		return
	}
	if !writable(n.Text) {
		bad(n.Name, "has a character that XML cannot carry")
	}
	for _, c := range n.Children {
		checkBelow(c, bad)
	}
}

var (
	wireAmount = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,2})?$`)
	wireUIC    = regexp.MustCompile(`^[0-9]{1,3}$`)
)

func (s slot) check(op Operation, text string, found bool, bad func(field, why string)) {
	switch {
	case !found && s.must:
		bad(s.name, "is missing")
	case !found:
	case s.max > 0 && utf8.RuneCountInString(text) > s.max:
		bad(s.name, fmt.Sprintf("longer than %d characters", s.max))
	case s.name == "amount" && !wireAmount.MatchString(text):
		bad(s.name, "want digits, at most two of them after a point")
	case s.name == "uicCode" && !wireUIC.MatchString(text):
		bad(s.name, "want the number of the currency, such as 242")
	case s.name == "shopTransactionId" && (op == OpEncrypt || op == OpPay) && !shopTransactionID.MatchString(text):
		bad(s.name, "want "+shopTransactionIDRule)
	}
}
