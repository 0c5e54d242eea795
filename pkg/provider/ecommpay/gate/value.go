package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"
)

// Limits of what Parse reads.
const (
	MaxBody  = 1 << 20 // bytes
	MaxDepth = 64      // objects and arrays within each other
)

// The errors of Parse. All of them wrap ErrMalformed.
var (
	// ErrMalformed means that a body is not one JSON object.
	ErrMalformed = errors.New("gate: not a JSON object")
	// ErrDuplicate means that an object has a member twice: which of the two
	// counts would depend on who reads it.
	ErrDuplicate = fmt.Errorf("%w: a member is there twice", ErrMalformed)
	// ErrTooLarge means that a body exceeds its limit or MaxDepth.
	ErrTooLarge = fmt.Errorf("%w: too large", ErrMalformed)
)

// Kind is what a value is in JSON.
type Kind int

// The kinds. The zero Value is Absent.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Value is a decoded JSON value. The zero Value stands for one that is not there;
// its methods may be called.
type Value struct {
	kind    Kind
	text    string // of a scalar: decoded string, digits as written, true or false
	members []member
	items   []Value
	end     int // offset of an object's closing brace
}

type member struct {
	name  string
	value Value
}

// Kind returns what v is.
func (v Value) Kind() Kind { return v.kind }

// Get returns the member at path, or the zero Value.
func (v Value) Get(path ...string) Value {
	for _, name := range path {
		v = v.member(name)
	}
	return v
}

func (v Value) member(name string) Value {
	for _, m := range v.members {
		if m.name == name {
			return m.value
		}
	}
	return Value{}
}

// Members yields an object's members, in the order of the body.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, m := range v.members {
			if !yield(m.name, m.value) {
				return
			}
		}
	}
}

// Items returns the elements of an array. They must not be changed.
func (v Value) Items() []Value { return v.items }

// Text returns a string's text or a number's digits, and whether v is one of the
// two. The signature does not tell them apart, so a reader must not either.
func (v Value) Text() (string, bool) {
	return v.text, v.kind == String || v.kind == Number
}

// Int returns a whole number, whether it was written as a number or as a string,
// and whether v is one.
func (v Value) Int() (int64, bool) {
	text, ok := v.Text()
	if !ok || len(text) > len("-9223372036854775808") {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	// One number has one text: "+1", "-0" and "01" are none.
	return n, err == nil && strconv.FormatInt(n, 10) == text
}

// Message is a decoded body.
type Message struct {
	Value
	body []byte
}

// Parse decodes a body, which must be one JSON object in UTF-8. Numbers stay as
// they are written. Errors wrap ErrMalformed.
func Parse(body []byte) (Message, error) { return ParseUpTo(MaxBody, body) }

// ParseUpTo is Parse with a limit of its own, in bytes, in place of MaxBody.
func ParseUpTo(most int, body []byte) (Message, error) {
	switch {
	case len(body) > most:
		return Message{}, ErrTooLarge
	case !utf8.Valid(body) || !json.Valid(body):
		return Message{}, ErrMalformed
	}
	p := parser{dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	v, err := p.value(0)
	if err != nil {
		return Message{}, err
	}
	if v.kind != Object {
		return Message{}, ErrMalformed
	}
	return Message{v, bytes.Clone(body)}, nil
}

type parser struct{ dec *json.Decoder }

func (p parser) value(depth int) (Value, error) {
	token, err := p.dec.Token()
	if err != nil {
		return Value{}, ErrMalformed
	}
	switch t := token.(type) {
	case json.Delim:
		if depth == MaxDepth {
			return Value{}, ErrTooLarge
		}
		if t == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case string:
		return Value{kind: String, text: t}, nil
	case json.Number:
		return Value{kind: Number, text: t.String()}, nil
	case bool:
		return Value{kind: Bool, text: strconv.FormatBool(t)}, nil
	}
	return Value{kind: Null}, nil
}

func (p parser) object(depth int) (Value, error) {
	v := Value{kind: Object}
	seen := map[string]bool{}
	for p.dec.More() {
		token, err := p.dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return Value{}, ErrMalformed
		}
		if seen[name] {
			return Value{}, ErrDuplicate
		}
		seen[name] = true
		inner, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.members = append(v.members, member{name, inner})
	}
	if _, err := p.dec.Token(); err != nil {
		return Value{}, ErrMalformed
	}
	v.end = int(p.dec.InputOffset()) - 1
	return v, nil
}

func (p parser) array(depth int) (Value, error) {
	v := Value{kind: Array}
	for p.dec.More() {
		item, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.items = append(v.items, item)
	}
	if _, err := p.dec.Token(); err != nil {
		return Value{}, ErrMalformed
	}
	return v, nil
}
