package paygate

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const (
	testKey    = "qT7#mZ2!vK9_pL4x"
	testAESKey = "k1Z8_aes256key!!0123abcdEFGH5678"
)

func TestMessage_Encode_Refusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		message Message
		charset bool
	}{
		"an ampersand in a value":          {message: NewMessage("OrderDesc", "salt & pepper")},
		"a line feed in a value":           {message: NewMessage("OrderDesc", "a\nb")},
		"a carriage return in a value":     {message: NewMessage("OrderDesc", "a\rb")},
		"a NUL in a value":                 {message: NewMessage("OrderDesc", "a\x00b")},
		"a euro sign":                      {message: NewMessage("OrderDesc", "10 €"), charset: true},
		"an invalid UTF-8 byte":            {message: NewMessage("OrderDesc", "\xff"), charset: true},
		"a name with an equals sign":       {message: NewMessage("a=b", "1")},
		"an empty name":                    {message: NewMessage("", "1")},
		"one name twice":                   {message: NewMessage("Currency", "EUR", "currency", "EUR")},
		"a name outside the character set": {message: NewMessage("naïve€", "1"), charset: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.message.Encode()
			if !errors.Is(err, ErrField) || errors.Is(err, ErrCharset) != c.charset {
				t.Errorf("Encode: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "pepper") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

func TestMessage_Encode_OmitsEmpty(t *testing.T) {
	t.Parallel()
	got, err := NewMessage("MerchantID", "m", "refnr", "", "TransID", "t=1", "odd").Encode()
	if err != nil || string(got) != "MerchantID=m&TransID=t=1" {
		t.Errorf("Encode: %q, %v", got, err)
	}
}

func TestParseMessage(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		want Message
	}{
		"nothing":                            {"", Message{}},
		"text without fields":                {"hello", Message{}},
		"base64 stays as it is":              {"s=aGk+/w==&p=%41", NewMessage("s", "aGk+/w==", "p", "%41")},
		"padding on the last value only":     {"a=1 &b=2 \x00 ", NewMessage("a", "1 ", "b", "2")},
		"empty parts and names are dropped":  {"&&=x&a=&", NewMessage("a", "")},
		"order and repetition are preserved": {"b=1&a=2&B=3", NewMessage("b", "1", "a", "2", "B", "3")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, ParseMessage(c.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
	m := ParseMessage("B=1&b=2&A=3")
	if diff := cmp.Diff(map[string]string{"b": "1", "a": "3"}, m.Map()); diff != "" {
		t.Error(diff)
	}
}

func TestSealOpen_RoundTrip(t *testing.T) {
	t.Parallel()
	m := NewMessage("MerchantID", "shop", "OrderDesc", "Rückgabe Größe 42, café à Paris")
	for cipher, key := range map[Cipher]string{Blowfish: testKey, AES: testAESKey} {
		env, err := Seal(cipher, key, "shop", m)
		if err != nil {
			t.Fatal(err)
		}
		if env.MerchantID != "shop" || env.Len != utf8.RuneCountInString(m.String()) || env.Data != strings.ToLower(env.Data) {
			t.Errorf("%s: %+v", cipher, env)
		}
		if got, err := Open(key, env); err != nil || got != m.String() {
			t.Errorf("%s: %q, %v", cipher, got, err)
		}
	}
}

func TestSeal_AES_FreshVector(t *testing.T) {
	t.Parallel()
	m := NewMessage("a", "1")
	first, _ := Seal(AES, testAESKey, "", m)
	second, err := Seal(AES, testAESKey, "", m)
	if err != nil || first.Data == second.Data {
		t.Errorf("two seals of one message are equal: %v", err)
	}
}

func TestOpen_PrefersUTF8(t *testing.T) {
	t.Parallel()
	utf8Text := "d=Grüße"
	env, err := Encrypt(Blowfish, testKey, latin1View(utf8Text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Open(testKey, env); err != nil || got != utf8Text {
		t.Errorf("opened %q, %v; want %q", got, err, utf8Text)
	}
}

// latin1View spells the bytes of s as ISO-8859-1 characters, so that encoding
// them yields the bytes of s again.
func latin1View(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func TestOpen_PKCS5Padding(t *testing.T) {
	t.Parallel()
	env, err := EncryptStyle(Blowfish, testKey, "a=12345", Style{Pad: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Open(testKey, env); err != nil || got != "a=12345" {
		t.Errorf("opened %q, %v", got, err)
	}
}

func TestOpen_Refusals(t *testing.T) {
	t.Parallel()
	sealed, err := Seal(AES, testAESKey, "", NewMessage("a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		key string
		env Envelope
	}{
		"a key for no cipher":         {"", Envelope{Len: 0, Data: ""}},
		"odd hex":                     {testKey, Envelope{Len: 1, Data: "abc"}},
		"half a block":                {testKey, Envelope{Len: 1, Data: "abcdabcd"}},
		"Len beyond the text":         {testKey, Envelope{Len: 9, Data: "81e75287e9bafd5d"}},
		"AES with a key for Blowfish": {"short", sealed},
		"AES with another key":        {"0000000000000000", sealed},
		"AES without a vector":        {testAESKey, Envelope{Data: "-" + sealed.Data[33:]}},
		"AES without text":            {testAESKey, Envelope{Data: sealed.Data[:33]}},
		"two dashes":                  {testAESKey, Envelope{Data: sealed.Data + "-00"}},
		"AES cut":                     {testAESKey, Envelope{Data: sealed.Data[:len(sealed.Data)-2]}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Open(c.key, c.env)
			if err != ErrUndecipherable || got != "" { //nolint:errorlint // exactly this error and nothing around it
				t.Errorf("Open: %q, %v", got, err)
			}
		})
	}
}

func TestEncrypt_Refusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cipher         Cipher
		key, plaintext string
		style          Style
		want           error
	}{
		"an unknown cipher":       {"rot13", testKey, "a=1", Style{}, ErrCipher},
		"an empty key":            {Blowfish, "", "a=1", Style{}, ErrKey},
		"a key too long":          {Blowfish, strings.Repeat("k", 57), "a=1", Style{}, ErrKey},
		"an AES key of 15 bytes":  {AES, testKey[:15], "a=1", Style{}, ErrKey},
		"a key with a euro sign":  {Blowfish, "€", "a=1", Style{}, ErrKey},
		"a short vector":          {AES, testKey, "a=1", Style{IV: []byte("short")}, ErrKey},
		"a line feed in the text": {Blowfish, testKey, "a=1\n", Style{}, ErrField},
		"a euro sign in the text": {Blowfish, testKey, "a=€", Style{}, ErrCharset},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := EncryptStyle(c.cipher, c.key, c.plaintext, c.style); !errors.Is(err, c.want) {
				t.Errorf("Encrypt: %v, want %v", err, c.want)
			}
		})
	}
	if err := CheckKey(AES, testKey); err != nil {
		t.Errorf("CheckKey: %v", err)
	}
	if err := CheckKey(AES, "short"); !errors.Is(err, ErrKey) {
		t.Errorf("CheckKey: %v", err)
	}
}

func TestParseEnvelope(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body   string
		want   Envelope
		extras url.Values
		err    error
	}{
		"any case and order":     {"DATA=ab&len=1&merchantid=m", Envelope{"m", 1, "ab"}, url.Values{}, nil},
		"no Len":                 {"Data=ab", Envelope{"", LenMissing, "ab"}, url.Values{}, nil},
		"extras":                 {"Len=1&Data=ab&Custom=x%7Cy", Envelope{"", 1, "ab"}, url.Values{"Custom": {"x|y"}}, nil},
		"a line end after it":    {"Len=1&Data=ab\r\n", Envelope{"", 1, "ab"}, url.Values{}, nil},
		"a plain answer":         {"mid=m&Code=21000000", Envelope{"", LenMissing, ""}, url.Values{"mid": {"m"}, "Code": {"21000000"}}, ErrNoEnvelope},
		"nothing":                {"", Envelope{"", LenMissing, ""}, url.Values{}, ErrNoEnvelope},
		"Data twice":             {"Data=ab&Len=1&data=cd", Envelope{"", LenMissing, ""}, nil, ErrMalformed},
		"Len with a sign":        {"Data=ab&Len=-1", Envelope{"", LenMissing, ""}, nil, ErrMalformed},
		"Len beyond all numbers": {"Data=ab&Len=99999999999", Envelope{"", LenMissing, ""}, nil, ErrMalformed},
		"a broken escape":        {"Data=%zz", Envelope{}, nil, ErrMalformed},
		"more than the limit":    {"Data=" + strings.Repeat("a", MaxBody), Envelope{}, nil, ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, extras, err := ParseEnvelope([]byte(c.body))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil && !errors.Is(err, ErrNoEnvelope) {
				return
			}
			if diff := cmp.Diff(c.want, env); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.extras, extras); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEqualMAC(t *testing.T) {
	t.Parallel()
	mac := RequestMAC("key", "", "t", "m", "100", "EUR")
	for name, c := range map[string]struct {
		other string
		want  bool
	}{
		"itself":            {mac, true},
		"in upper case":     {strings.ToUpper(mac), true},
		"another":           {NotifyMAC("key", "", "t", "m", "OK", "00000000"), false},
		"cut":               {mac[:62], false},
		"nothing":           {"", false},
		"no hex, same size": {strings.Repeat("z", 64), false},
	} {
		if got := EqualMAC(mac, c.other); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if EqualMAC("", "") {
		t.Error("two missing MACs are equal")
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[Code]struct {
		ok                         bool
		severity, category, detail string
	}{
		"00000000": {true, "0", "000", "0000"},
		"62520985": {false, "6", "252", "0985"},
		"00000001": {false, "0", "000", "0001"},
		"0":        {false, "", "", ""},
		"":         {false, "", "", ""},
	} {
		if code.OK() != want.ok || code.Severity() != want.severity ||
			code.Category() != want.category || code.Detail() != want.detail {
			t.Errorf("%q: %v %q %q %q", code, code.OK(), code.Severity(), code.Category(), code.Detail())
		}
	}
}
