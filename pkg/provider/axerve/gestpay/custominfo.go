package gestpay

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// customSeparator stands between two pairs of customInfo.
const customSeparator = "*P1*"

// Lengths of customInfo, in characters (API reference).
const (
	maxCustomInfo  = 1000
	maxCustomValue = 300
)

// ErrCustomInfo marks custom data that cannot be sent.
var ErrCustomInfo = errors.New("gestpay: bad customInfo")

// FormatCustomInfo writes pairs as K=V*P1*K=V, in the order of their keys, with
// the values percent-encoded: the gateway refuses most punctuation in them.
// Every key must have been declared in the shop's back office. Errors wrap
// ErrCustomInfo.
func FormatCustomInfo(pairs map[string]string) (string, error) {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		if !plainName.MatchString(key) {
			return "", fmt.Errorf("%w: a key is not made of letters, digits, dots, dashes and underscores", ErrCustomInfo)
		}
		value := percentEncode(pairs[key], "")
		if len(value) > maxCustomValue {
			return "", fmt.Errorf("%w: %s: longer than %d characters", ErrCustomInfo, key, maxCustomValue)
		}
		parts = append(parts, key+"="+value)
	}
	text := strings.Join(parts, customSeparator)
	if utf8.RuneCountInString(text) > maxCustomInfo {
		return "", fmt.Errorf("%w: longer than %d characters", ErrCustomInfo, maxCustomInfo)
	}
	return text, nil
}

// ParseCustomInfo splits K=V*P1*K=V. Keys come back in upper case whatever was
// sent, so they are compared in upper case. Values stay as they are; see
// DecodeCustomInfo.
func ParseCustomInfo(text string) map[string]string {
	pairs := map[string]string{}
	for part := range strings.SplitSeq(text, customSeparator) {
		key, value, found := strings.Cut(part, "=")
		if found && key != "" {
			pairs[strings.ToUpper(key)] = value
		}
	}
	return pairs
}

// DecodeCustomInfo returns the pairs with percent-encoding undone. A value that
// is not validly encoded stays as it is.
func DecodeCustomInfo(pairs map[string]string) map[string]string {
	decoded := make(map[string]string, len(pairs))
	for key, value := range pairs {
		decoded[key] = value
		if text, err := url.PathUnescape(value); err == nil {
			decoded[key] = text
		}
	}
	return decoded
}

// customInfo reads the element in either shape: one string from Decrypt, child
// elements from callPagamS2S.
func customInfo(n Node) map[string]string {
	if len(n.Children) == 0 {
		return ParseCustomInfo(n.value())
	}
	pairs := map[string]string{}
	for _, c := range n.Children {
		pairs[strings.ToUpper(c.Name)] = c.value()
	}
	return pairs
}

// forbidden are the characters the gateway refuses inside values (API reference,
// Encrypt), without the space that its own examples send in names.
const forbidden = `&§()*<>,;:/[]?=%~°`

// maxBuyerName is in characters.
const maxBuyerName = 50

// CleanBuyerName makes a name fit to be sent: forbidden characters become
// spaces, runs of spaces one, and the end is cut off after 50 characters.
func CleanBuyerName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError || strings.ContainsRune(forbidden, r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(name, "--", " "))
	runes := []rune(strings.Join(strings.Fields(name), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), maxBuyerName)]))
}
