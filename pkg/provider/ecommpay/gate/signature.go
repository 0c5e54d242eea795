package gate

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"slices"
)

// Place is where in a message the signature stands.
type Place int

// The places. Nowhere else is looked for it.
const (
	AtTop     Place = iota // the member signature of the message itself
	InGeneral              // the member signature of its member general
)

// String returns the place's path.
func (p Place) String() string { return [...]string{"signature", "general.signature"}[p] }

// The errors of signatures.
var (
	// ErrUnsigned means that a message has no signature in either place.
	ErrUnsigned = errors.New("gate: signature is missing")
	// ErrSignature means that a message's signature is not that of its content
	// under the secret.
	ErrSignature = errors.New("gate: signature does not match")
	// ErrSigned means that a message that is to be signed has a signature.
	ErrSigned = errors.New("gate: it is signed already")
	// ErrPlace means that a message has no object general to hold the signature.
	ErrPlace = errors.New("gate: no object general")
	// ErrAmbiguous means that a name or a value holds a semicolon.
	ErrAmbiguous = errors.New("gate: a semicolon in a name or a value")
	// ErrUnportable means that readers of this message would disagree about the
	// order of what is signed.
	ErrUnportable = errors.New("gate: names whose order depends on the reader")
)

// Signature returns the signature of m under secret, which is used as the text it
// is: 88 characters of base64.
func (m Message) Signature(secret string) string { return signature(secret, m.Canonical()) }

func signature(secret, canonical string) string {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write([]byte(canonical))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Match says how a message was found to be genuine.
type Match struct {
	Place Place
	// Order is the order under which the signature fits. Any but Natural is worth
	// telling an operator about.
	Order Order
	// Ambiguous is set when a name or a value holds a semicolon. Then the signature
	// fits another message too, and this one must not change anything by itself.
	Ambiguous bool
}

// Verify returns how m was signed under secret, or ErrUnsigned or ErrSignature.
// It takes the same time wherever a wrong signature differs.
func (m Message) Verify(secret string) (Match, error) {
	got, place := m.signature()
	if got == "" {
		return Match{}, ErrUnsigned
	}
	lines := m.lines()
	for _, o := range orders() {
		if hmac.Equal([]byte(got), []byte(signature(secret, join(lines, o)))) {
			return Match{Place: place, Order: o, Ambiguous: m.Ambiguous()}, nil
		}
	}
	return Match{}, ErrSignature
}

// signature returns the signature that m carries, "" when there is none. One that
// is no text, or empty, is none.
func (m Message) signature() (string, Place) {
	for place, v := range []Value{AtTop: m.Get(nameSignature), InGeneral: m.Get("general", nameSignature)} {
		if v.kind == String && v.text != "" {
			return v.text, Place(place)
		}
	}
	return "", AtTop
}

// Signed returns m's body with its signature under secret inserted as the last
// member of place; the rest stays as it is, byte for byte. Errors are ErrSigned
// and ErrPlace.
func (m Message) Signed(secret string, place Place) ([]byte, error) {
	into := m.Value
	if place == InGeneral {
		into = m.Get("general")
	}
	switch {
	case into.kind != Object:
		return nil, ErrPlace
	case m.Get(nameSignature).kind != Absent, m.Get("general", nameSignature).kind != Absent:
		return nil, ErrSigned
	}
	text := `"` + nameSignature + `":"` + m.Signature(secret) + `"`
	if len(into.members) > 0 {
		text = "," + text
	}
	return slices.Insert(slices.Clone(m.body), into.end, []byte(text)...), nil
}

// Seal returns body with its signature in place, if it is fit to be sent: other
// errors than those of Parse and Signed are ErrAmbiguous and ErrUnportable.
func Seal(secret string, body []byte, place Place) ([]byte, error) {
	m, err := Parse(body)
	switch {
	case err != nil:
		return nil, err
	case m.Ambiguous():
		return nil, ErrAmbiguous
	case !m.Portable():
		return nil, ErrUnportable
	}
	return m.Signed(secret, place)
}

// Open decodes a signed body and verifies it under secret. Errors are those of
// Parse and Verify.
func Open(secret string, body []byte) (Message, Match, error) {
	m, err := Parse(body)
	if err != nil {
		return Message{}, Match{}, err
	}
	match, err := m.Verify(secret)
	if err != nil {
		return Message{}, Match{}, err
	}
	return m, match, nil
}
