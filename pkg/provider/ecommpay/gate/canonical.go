package gate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Order is an order of the canonical text's lines. The platform's own is Natural;
// its published SDKs for other languages have the others.
type Order int

// The orders.
const (
	Natural Order = iota // by path, runs of digits compared as numbers
	ByPath               // by the path's bytes
	ByLine               // by the bytes of path, colon and value
)

// String returns the order's name.
func (o Order) String() string { return [...]string{"natural", "path", "line"}[o] }

// orders lists the orders as Verify tries them.
func orders() []Order { return []Order{Natural, ByPath, ByLine} }

// The members that are not signed, wherever they are.
const (
	nameSignature = "signature"
	nameFrameMode = "frame_mode"
)

// separator joins the lines.
const separator = ";"

// line is one scalar of a message.
type line struct{ path, value string }

func (l line) String() string { return l.path + ":" + l.value }

// Canonical returns the text that is signed.
func (m Message) Canonical() string { return m.CanonicalIn(Natural) }

// CanonicalIn returns the text that is signed where the lines are in order o.
func (m Message) CanonicalIn(o Order) string {
	return join(m.lines(), o)
}

func join(lines []line, o Order) string {
	slices.SortStableFunc(lines, o.compare)
	parts := make([]string, len(lines))
	for i, l := range lines {
		parts[i] = l.String()
	}
	return strings.Join(parts, separator)
}

func (o Order) compare(a, b line) int {
	switch o {
	case Natural:
		return natural(a.path, b.path)
	case ByPath:
		return strings.Compare(a.path, b.path)
	case ByLine:
	}
	return strings.Compare(a.String(), b.String())
}

// Portable tells whether all orders give the same text, as they should for what is
// sent: nobody knows for certain which one the other side has.
func (m Message) Portable() bool {
	lines := m.lines()
	first := join(lines, Natural)
	return join(lines, ByPath) == first && join(lines, ByLine) == first
}

// Ambiguous tells whether a name or a value holds the separator, so that another
// message may have the same canonical text.
func (m Message) Ambiguous() bool {
	return slices.ContainsFunc(m.lines(), func(l line) bool {
		return strings.Contains(l.path, separator) || strings.Contains(l.value, separator)
	})
}

// lines returns the scalars of m, unordered. Empty objects and arrays have none.
func (m Message) lines() []line { return m.Value.lines(nil, "") }

func (v Value) lines(lines []line, path string) []line {
	switch v.kind {
	case Object:
		for _, m := range v.members {
			if m.name != nameSignature && m.name != nameFrameMode {
				lines = m.value.lines(lines, below(path, strings.ReplaceAll(m.name, ":", "::")))
			}
		}
		return lines
	case Array:
		for i, item := range v.items {
			lines = item.lines(lines, below(path, strconv.Itoa(i)))
		}
		return lines
	case Absent, Null, Bool, Number, String:
	}
	return append(lines, line{path, v.signed()})
}

// below returns the path of what is called name at path. A message's own members
// have no parent; their names may be empty all the same.
func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + ":" + name
}

// signed returns what a scalar is in the canonical text.
func (v Value) signed() string {
	switch {
	case v.kind != Bool:
		return v.text
	case v.text == "true":
		return "1"
	}
	return "0"
}

// natural compares a and b byte by byte, but runs of digits as numbers.
func natural(a, b string) int {
	for i, j := 0, 0; ; {
		switch {
		case i == len(a) || j == len(b):
			// Numbers such as 1 and 01 are the same so far; the bytes decide.
			return cmp.Or(cmp.Compare(len(a)-i, len(b)-j), strings.Compare(a, b))
		case digit(a[i]) && digit(b[j]):
			n, m := digits(a[i:]), digits(b[j:])
			if c := compareNumbers(n, m); c != 0 {
				return c
			}
			i, j = i+len(n), j+len(m)
		case a[i] != b[j]:
			return cmp.Compare(a[i], b[j])
		default:
			i, j = i+1, j+1
		}
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// digits returns the digits that s begins with.
func digits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

// compareNumbers compares two runs of digits of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
