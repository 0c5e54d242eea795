package paygate

import (
	"errors"
	"unicode/utf8"
)

// ErrCharset marks text that ISO-8859-1 cannot express, such as the euro sign.
var ErrCharset = errors.New("character outside ISO-8859-1")

func isLatin1(s string) bool {
	for _, r := range s {
		if r > 0xFF {
			return false
		}
	}
	// An invalid byte reads as U+FFFD and was refused above.
	return true
}

func encodeLatin1(s string) ([]byte, error) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return nil, ErrCharset
		}
		b = append(b, byte(r))
	}
	return b, nil
}

// decodeText reads received bytes as ISO-8859-1, unless they are valid UTF-8
// with at least one multi-byte sequence: some senders encode UTF-8, and such a
// sequence is most unlikely to be meant as two Latin letters.
func decodeText(b []byte) string {
	if isASCII(b) || utf8.Valid(b) {
		return string(b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
