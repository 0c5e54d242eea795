package verify

import (
	"reflect"
	"regexp"
	"strings"
	"time"
)

// card is what looks like a card number, where it stands, and the word that it is
// part of.
type card struct{ where, digits, token string }

// cardPattern finds 13 to 19 digits together, or in the groups that are printed on
// a card.
var cardPattern = regexp.MustCompile(`[0-9]{13,19}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{1,7}|3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5}`)

// issued are the first digits of cards that are issued (ISO/IEC 7812): a number
// that begins otherwise is a time or a counter.
var issued = regexp.MustCompile(`^(4|5[0-8]|2[2-7]|3[04-9]|6[0-9]|8[16]|9792)`)

// cardsIn returns what looks like a card number in text.
func cardsIn(where, text string) []card {
	var all []card
	for _, at := range cardPattern.FindAllStringIndex(text, -1) {
		if wordy(text, at[0]-1) || wordy(text, at[1]) || fraction(text, at[0]) {
			continue // part of a longer name, or of a number
		}
		digits := strings.NewReplacer(" ", "", "-", "").Replace(text[at[0]:at[1]])
		if issued.MatchString(digits) && luhn(digits) {
			all = append(all, card{where, digits, token(text, at[0], at[1])})
		}
	}
	return all
}

// wordy tells whether the byte at i makes what stands beside it part of a name.
func wordy(text string, i int) bool {
	if i < 0 || i >= len(text) {
		return false
	}
	c := text[i]
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// fraction tells whether what begins at i stands behind a decimal point.
func fraction(text string, i int) bool {
	return i > 1 && text[i-1] == '.' && text[i-2] >= '0' && text[i-2] <= '9'
}

// token returns the name that text[from:to] is part of.
func token(text string, from, to int) string {
	part := func(i int) bool {
		return wordy(text, i) || i >= 0 && i < len(text) && strings.IndexByte("-.:/", text[i]) >= 0
	}
	for part(from - 1) {
		from--
	}
	for part(to) {
		to++
	}
	return text[from:to]
}

// luhn tells whether the check digit is right.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return sum%10 == 0
}

// eachText calls f with every text in v, bytes included.
func eachText(v any, f func(string)) { walk(reflect.ValueOf(v), f) }

func walk(v reflect.Value, f func(string)) {
	switch v.Kind() {
	case reflect.String:
		f(v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), f)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			walk(v.Field(i), f)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.Kind() == reflect.Slice {
				f(string(v.Bytes()))
			}
			return
		}
		for i := range v.Len() {
			walk(v.Index(i), f)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			walk(k, f)
			walk(v.MapIndex(k), f)
		}
	default: // numbers and the like are no text
	}
}
