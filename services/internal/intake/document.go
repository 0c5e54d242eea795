package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/payloom/payloom/pkg/wire"
)

const (
	maxDepth  = 8   // levels of objects and lists; the API has three
	maxValues = 512 // values in a body, names not counted
)

// shapeError says why a body is no JSON object that could be looked at, as the
// rest of a sentence about it. It does not repeat the body.
type shapeError string

// Error implements error.
func (e shapeError) Error() string { return "body " + string(e) }

// Document is a body that is a JSON object, whatever is in it.
type Document struct{ value value }

// Has tells whether the document has a member called name, of whatever kind.
func (d Document) Has(name string) bool {
	return slices.ContainsFunc(d.value.members, func(m member) bool { return m.name == name })
}

// Text returns the string that is the first member called name; "" when there is
// none, or it is no string.
func (d Document) Text(name string) string {
	for _, m := range d.value.members {
		if m.name == name && m.value.kind == '"' {
			return m.value.text
		}
	}
	return ""
}

// Parse reads one JSON object and nothing after it. The error says why a body is
// none, as the rest of a sentence that begins with "the", and does not repeat it.
func Parse(body []byte) (Document, error) {
	v, err := parse(body)
	return Document{v}, err
}

// value is one JSON value.
type value struct {
	kind     jsontext.Kind
	text     string   // of a string, or a number as it is written
	members  []member // of an object, in their order, duplicates included
	elements []value  // of a list
}

type member struct {
	name  string
	value value
}

// parse reads one JSON object and nothing after it. Every error is a shapeError.
func parse(body []byte) (value, error) {
	// Duplicate names are refused field by field later, not at the first.
	p := parser{d: jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))}
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	if _, err := p.d.ReadToken(); !errors.Is(err, io.EOF) {
		return value{}, shapeError("goes on after the JSON value")
	}
	if v.kind != '{' {
		return value{}, shapeError("is no JSON object")
	}
	return v, nil
}

type parser struct {
	d *jsontext.Decoder
	n int
}

func (p *parser) value(depth int) (value, error) {
	if p.n++; depth > maxDepth || p.n > maxValues {
		return value{}, shapeError(fmt.Sprintf("is deeper than %d levels, or holds more than %d values", maxDepth, maxValues))
	}
	t, err := p.token()
	if err != nil {
		return value{}, err
	}
	v := value{kind: t.Kind()}
	switch v.kind {
	case '{':
		return v, p.object(&v, depth)
	case '[':
		return v, p.list(&v, depth)
	case '"', '0':
		v.text = t.String()
	}
	return v, nil
}

func (p *parser) object(v *value, depth int) error {
	for p.d.PeekKind() != '}' {
		name, err := p.token()
		if err != nil {
			return err
		}
		m := member{name: name.String()}
		if m.value, err = p.value(depth + 1); err != nil {
			return err
		}
		v.members = append(v.members, m)
	}
	_, err := p.token()
	return err
}

func (p *parser) list(v *value, depth int) error {
	for p.d.PeekKind() != ']' {
		e, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		v.elements = append(v.elements, e)
	}
	_, err := p.token()
	return err
}

func (p *parser) token() (jsontext.Token, error) {
	t, err := p.d.ReadToken()
	if err != nil {
		// The library's message may quote what it stumbled over.
		return t, shapeError(fmt.Sprintf("is no JSON in UTF-8, as byte %d shows", p.d.InputOffset()))
	}
	return t, nil
}

// names that are told back to the client: not what somebody put there by mistake.
var names = regexp.MustCompile(`^[ -~]{1,64}$`)

// Shown returns a name that a caller chose, or words in its place when it is not
// fit to be told back.
func Shown(name string) string {
	if !names.MatchString(name) || wire.CardNumberInGroups(name) {
		return "(a name that is not repeated)"
	}
	return name
}

// object is a JSON object that is being read. Whatever is not asked for is
// unknown; the zero value, which stands for one that is missing, has no members.
type object struct {
	path    string
	present bool
	members []member
	asked   []string
	faults  *Faults
}

func newObject(path string, v value, f *Faults) *object {
	o := &object{path: path, present: true, faults: f}
	for _, m := range v.members {
		if o.has(m.name) {
			f.Add(o.at(Shown(m.name)), "duplicate", "is there twice")
			continue
		}
		o.members = append(o.members, m)
	}
	return o
}

func (o *object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// get returns a member of kind k, and reports one of another kind. null counts
// as another kind: leave out what is not meant.
func (o *object) get(name string, k jsontext.Kind, what string) (value, bool) {
	o.asked = append(o.asked, name)
	for _, m := range o.members {
		if m.name != name {
			continue
		}
		if m.value.kind != k {
			o.faults.Add(o.at(name), "type", "must be %s", what)
			return value{}, false
		}
		return m.value, true
	}
	return value{}, false
}

// text returns a string; a missing one is empty.
func (o *object) text(name string) string {
	v, _ := o.get(name, '"', "a string")
	return v.text
}

// choice returns a string that must be one of list, if it is there.
func choice[T ~string](o *object, name string, list ...T) T {
	v, ok := o.get(name, '"', "a string")
	if !ok {
		return ""
	}
	if !slices.Contains(list, T(v.text)) {
		o.faults.Add(o.at(name), "unknown_value", "must be one of %s", OneOf(list))
		return ""
	}
	return T(v.text)
}

// has tells whether there is a member called name, of whatever kind.
func (o *object) has(name string) bool {
	return slices.ContainsFunc(o.members, func(m member) bool { return m.name == name })
}

// required reports that a member is missing.
func (o *object) required(name string) {
	if !o.has(name) {
		o.faults.Add(o.at(name), "required", "is required")
	}
}

// integers are written as such: 1, not 1.0 or 1e0, which other readers of the
// same text may take for something else.
var integers = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// integer returns a whole number from 0 to most; a missing one is 0.
func (o *object) integer(name string, most int64) int64 {
	const what = "a whole number, written without fraction or exponent"
	v, ok := o.get(name, '0', what)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	switch {
	case !integers.MatchString(v.text):
		o.faults.Add(o.at(name), "type", "must be %s", what)
		return 0
	case n < 0:
		o.faults.Add(o.at(name), "out_of_range", "must not be negative")
		return 0
	case err != nil || n > most:
		o.faults.Add(o.at(name), "out_of_range", "is too large")
		return 0
	}
	return n
}

// flag returns a boolean; a missing one is false.
func (o *object) flag(name string) bool {
	o.asked = append(o.asked, name)
	for _, m := range o.members {
		if m.name == name && m.value.kind != 't' && m.value.kind != 'f' {
			o.faults.Add(o.at(name), "type", "must be true or false")
		}
		if m.name == name {
			return m.value.kind == 't'
		}
	}
	return false
}

// texts returns a list of strings; a missing one is empty.
func (o *object) texts(name string) []string {
	v, _ := o.get(name, '[', "a list of strings")
	var out []string
	for i, e := range v.elements {
		if e.kind != '"' {
			o.faults.Add(o.at(name)+"["+strconv.Itoa(i)+"]", "type", "must be a string")
		}
		out = append(out, e.text)
	}
	return out
}

// object returns an object, and whether it is there.
func (o *object) object(name string) (*object, bool) {
	v, ok := o.get(name, '{', "an object")
	if !ok {
		return &object{path: o.at(name), faults: o.faults}, false
	}
	return newObject(o.at(name), v, o.faults), true
}

// finish reports the members that nobody asked for.
func (o *object) finish() {
	for _, m := range o.members {
		if !slices.Contains(o.asked, m.name) {
			o.faults.Add(o.at(Shown(m.name)), "unknown", "is not known here")
		}
	}
}
