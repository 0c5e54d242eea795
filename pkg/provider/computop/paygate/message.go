package paygate

import (
	"errors"
	"fmt"
	"strings"
)

// ErrField is the reason of every refusal to encode a message: a name or a
// value that the format cannot carry. Errors name the field, never the value.
var ErrField = errors.New("paygate: field cannot be encoded")

// Field is one name and its raw value. Paygate knows no escaping: what stands
// here is what travels.
type Field struct{ Name, Value string }

// Message is an ordered list of fields. Paygate matches names without regard
// to case and promises no order.
type Message []Field

// NewMessage returns a message of the given names and values, which alternate.
// A name without a value gets the empty one.
func NewMessage(pairs ...string) Message {
	m := make(Message, 0, (len(pairs)+1)/2)
	for i := 0; i < len(pairs); i += 2 {
		value := ""
		if i+1 < len(pairs) {
			value = pairs[i+1]
		}
		m.Add(pairs[i], value)
	}
	return m
}

// Add appends a field. An empty value is kept here and left out by Encode.
func (m *Message) Add(name, value string) {
	*m = append(*m, Field{Name: name, Value: value})
}

// Get returns the value of the first field with that name in any case, or "".
func (m Message) Get(name string) string {
	value, _ := m.Lookup(name)
	return value
}

// Lookup is Get that also tells whether the field is there at all.
func (m Message) Lookup(name string) (value string, found bool) {
	for _, f := range m {
		if strings.EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return "", false
}

// Map returns the fields by lower-case name; of several the first wins.
func (m Message) Map() map[string]string {
	fields := make(map[string]string, len(m))
	for _, f := range m {
		name := strings.ToLower(f.Name)
		if _, taken := fields[name]; !taken {
			fields[name] = f.Value
		}
	}
	return fields
}

// String returns the plaintext, "name=value&name=value", without the fields
// whose value is empty. It checks nothing; Encode does.
func (m Message) String() string {
	var b strings.Builder
	for _, f := range m {
		if f.Value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(f.Name)
		b.WriteByte('=')
		b.WriteString(f.Value)
	}
	return b.String()
}

// Encode returns the plaintext in ISO-8859-1. Fields with an empty value are
// left out, because Paygate answers an empty optional parameter with category
// 015. It refuses, with ErrField, what would change the meaning of the text:
// "&", CR, LF and NUL, a second field of the same name, and characters that
// ISO-8859-1 does not have.
func (m Message) Encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	text, err := encodeLatin1(m.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrField, err)
	}
	return text, nil
}

func (m Message) check() error {
	seen := make(map[string]bool, len(m))
	for _, f := range m {
		if f.Value == "" {
			continue
		}
		if f.Name == "" || strings.ContainsAny(f.Name, "=&\r\n\x00") {
			return fmt.Errorf("%w: bad name %q", ErrField, f.Name)
		}
		if strings.ContainsAny(f.Value, "&\r\n\x00") {
			return fmt.Errorf("%w: %s holds an ampersand or a control character", ErrField, f.Name)
		}
		if !isLatin1(f.Value) {
			return fmt.Errorf("%w: %s: %w", ErrField, f.Name, ErrCharset)
		}
		// Currency and currency are one parameter to Paygate.
		key := strings.ToLower(f.Name)
		if seen[key] {
			return fmt.Errorf("%w: %s twice", ErrField, f.Name)
		}
		seen[key] = true
	}
	return nil
}

// ParseMessage splits a decrypted plaintext on "&" and each part on its first
// "=". Nothing is unescaped: values such as base64 hold "+", "/", "%" and "="
// as they are. Parts without a name or without "=" are dropped. Blanks and
// NULs at the end of the last value are padding and are cut.
func ParseMessage(plaintext string) Message {
	plaintext = strings.TrimRight(plaintext, " \x00")
	m := make(Message, 0, strings.Count(plaintext, "&")+1)
	for part := range strings.SplitSeq(plaintext, "&") {
		name, value, found := strings.Cut(part, "=")
		if found && name != "" {
			m.Add(name, value)
		}
	}
	return m
}
