package paygate

import (
	"crypto/aes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// LenMissing is the Len of an envelope that came without one.
const LenMissing = -1

// Limits of what is looked at before anything is authenticated.
const (
	// MaxBody is the longest body or query that ParseEnvelope takes, in bytes.
	MaxBody = 64 << 10
	// maxLenDigits keeps Len inside an int on every machine.
	maxLenDigits = 9
)

// ErrNoEnvelope says that a body holds no Data at all. Some calls answer in
// plain text; ParseEnvelope returns those fields beside the error, and they
// are not authenticated by anything.
var ErrNoEnvelope = errors.New("paygate: no Data in the body")

// ErrMalformed says that a body is not a form with one usable Len and Data.
var ErrMalformed = errors.New("paygate: malformed body")

// Envelope is what travels: an encrypted message, its length in bytes before
// padding, and on requests the MerchantID in plain text.
type Envelope struct {
	MerchantID string
	Len        int    // bytes of plaintext; LenMissing when absent
	Data       string // hex, or hex-hex for AES
}

// Style is how an envelope is written where the two sides differ. The zero
// value is what a merchant sends.
type Style struct {
	Pad   byte   // Blowfish padding: NUL in requests, a space in Paygate's answers
	Upper bool   // upper-case hex, as Paygate answers
	IV    []byte // AES initialisation vector, 16 bytes; random when nil
}

// Seal encodes and encrypts a message as a merchant does.
func Seal(c Cipher, key, merchantID string, m Message) (Envelope, error) {
	codec, err := NewCodec(key)
	if err != nil {
		return Envelope{}, err
	}
	return codec.Seal(c, merchantID, m, Style{})
}

// Seal encodes and encrypts a message.
func (c *Codec) Seal(which Cipher, merchantID string, m Message, s Style) (Envelope, error) {
	text, err := m.Encode()
	if err != nil {
		return Envelope{}, err
	}
	env, err := c.encrypt(which, text, s)
	env.MerchantID = merchantID
	return env, err
}

// Encrypt encrypts a plaintext as it is, in the style of a merchant.
func Encrypt(c Cipher, key, plaintext string) (Envelope, error) {
	return EncryptStyle(c, key, plaintext, Style{})
}

// EncryptStyle is Encrypt in another style. It refuses CR, LF and NUL, which
// no message may hold, and characters outside ISO-8859-1.
func EncryptStyle(c Cipher, key, plaintext string, s Style) (Envelope, error) {
	codec, err := NewCodec(key)
	if err != nil {
		return Envelope{}, err
	}
	return codec.Encrypt(c, plaintext, s)
}

// Encrypt is EncryptStyle with a prepared key.
func (c *Codec) Encrypt(which Cipher, plaintext string, s Style) (Envelope, error) {
	if strings.ContainsAny(plaintext, "\r\n\x00") {
		return Envelope{}, fmt.Errorf("%w: control character", ErrField)
	}
	text, err := encodeLatin1(plaintext)
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrField, err)
	}
	return c.encrypt(which, text, s)
}

func (c *Codec) encrypt(which Cipher, text []byte, s Style) (Envelope, error) {
	if err := c.supports(which); err != nil {
		return Envelope{}, err
	}
	env := Envelope{Len: len(text)}
	if which == Blowfish {
		env.Data = hex.EncodeToString(c.encryptBlowfish(text, s.Pad))
	} else {
		iv, err := s.vector()
		if err != nil {
			return Envelope{}, err
		}
		env.Data = hex.EncodeToString(iv) + "-" + hex.EncodeToString(c.encryptAES(text, iv))
	}
	if s.Upper {
		env.Data = strings.ToUpper(env.Data)
	}
	return env, nil
}

func (s Style) vector() ([]byte, error) {
	if s.IV == nil {
		iv := make([]byte, aes.BlockSize)
		_, err := rand.Read(iv)
		return iv, err
	}
	if len(s.IV) != aes.BlockSize {
		return nil, fmt.Errorf("%w: initialisation vector of %d bytes", ErrKey, len(s.IV))
	}
	return s.IV, nil
}

// Open decrypts an envelope. A dash in Data means AES. Its only error is
// ErrUndecipherable. What it returns is not authenticated: compare the MAC
// where the message carries one.
func Open(key string, e Envelope) (plaintext string, err error) {
	codec, err := NewCodec(key)
	if err != nil {
		return "", ErrUndecipherable
	}
	return codec.Open(e)
}

// Open is the function Open with a prepared key.
func (c *Codec) Open(e Envelope) (plaintext string, err error) {
	var text []byte
	if iv, data, dashed := strings.Cut(e.Data, "-"); dashed {
		text, err = c.decryptAES(iv, data)
	} else {
		text, err = c.decryptBlowfish(e.Data, e.Len)
	}
	if err != nil {
		return "", err
	}
	return decodeText(text), nil
}

// Form returns the outer fields as a form. MerchantID is left out when empty,
// Len when missing: answers and notifies carry neither or only one.
func (e Envelope) Form() url.Values {
	form := url.Values{"Data": {e.Data}}
	if e.MerchantID != "" {
		form.Set("MerchantID", e.MerchantID)
	}
	if e.Len >= 0 {
		form.Set("Len", strconv.Itoa(e.Len))
	}
	return form
}

// ParseEnvelope reads a request, an answer, a notify or the query of a browser
// return. Outer names may come in any case. Extras are all other fields by
// their names as sent; they are not encrypted and prove nothing.
func ParseEnvelope(body []byte) (Envelope, url.Values, error) {
	if len(body) > MaxBody {
		return Envelope{}, nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxBody)
	}
	form, err := url.ParseQuery(strings.Trim(string(body), " \t\r\n\x00"))
	if err != nil {
		return Envelope{}, nil, ErrMalformed
	}
	return envelopeOf(form)
}

func envelopeOf(form url.Values) (Envelope, url.Values, error) {
	env, extras := Envelope{Len: LenMissing}, url.Values{}
	outer := map[string]string{}
	for name, values := range form {
		key := strings.ToLower(name)
		if key != "merchantid" && key != "len" && key != "data" {
			extras[name] = values
			continue
		}
		// Two different values would let sender and receiver read two messages.
		if _, twice := outer[key]; twice || len(values) != 1 {
			return env, nil, fmt.Errorf("%w: %s twice", ErrMalformed, key)
		}
		outer[key] = values[0]
	}
	env.MerchantID, env.Data = outer["merchantid"], strings.TrimSpace(outer["data"])
	if text, sent := outer["len"]; sent {
		n, err := parseLen(text)
		if err != nil {
			return env, nil, err
		}
		env.Len = n
	}
	if env.Data == "" {
		return env, extras, ErrNoEnvelope
	}
	return env, extras, nil
}

func parseLen(text string) (int, error) {
	text = strings.TrimSpace(text)
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || len(text) > maxLenDigits {
		return LenMissing, fmt.Errorf("%w: Len is not a number", ErrMalformed)
	}
	return int(n), nil
}
