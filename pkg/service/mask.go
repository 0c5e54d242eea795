package service

import "io"

// Card numbers have 13 to 19 digits, the last of which is a check digit
// (ISO/IEC 7812-1, annex B: the Luhn formula).
const (
	minCardDigits = 13
	maxCardDigits = 19
)

// maskingWriter replaces every digit of what looks like a card number with '*'.
// It stands behind the encoder, so that it sees messages, errors, objects and
// reflected values alike. Each Write is looked at on its own: the log encoder
// writes whole lines.
type maskingWriter struct {
	to   io.Writer
	json bool // look only into JSON strings, so that numbers stay numbers
}

func masked(w io.Writer) io.Writer     { return &maskingWriter{to: w} }
func maskedJSON(w io.Writer) io.Writer { return &maskingWriter{to: w, json: true} }

// Write passes p on with card numbers masked; p itself is left alone.
func (m *maskingWriter) Write(p []byte) (int, error) {
	line := append([]byte(nil), p...)
	if m.json {
		maskStrings(line)
	} else {
		maskCards(line)
	}
	return m.to.Write(line)
}

// maskStrings masks within the string literals of JSON text.
func maskStrings(line []byte) {
	start, inside := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"' && inside:
			maskCards(line[start:i])
			inside = false
		case c == '"':
			start, inside = i+1, true
		case c == '\\' && inside:
			maskCards(line[start:i])
			// The digits of \u0031 are not digits of the text.
			i += escapeLength(line[i:]) - 1
			start = i + 1
		}
	}
}

// escapeLength is the length of the JSON escape that rest begins with.
func escapeLength(rest []byte) int {
	if len(rest) > 1 && rest[1] == 'u' {
		return 6
	}
	return 2
}

// maskCards masks in text. A number is looked for first among digits that stand
// together, then among groups parted by single blanks or hyphens.
func maskCards(text []byte) {
	maskRuns(text, func(byte) bool { return false })
	maskRuns(text, func(c byte) bool { return c == ' ' || c == '-' })
}

// maskRuns masks each run of digits and single separators that is a card number.
func maskRuns(text []byte, separator func(byte) bool) {
	for i := 0; i < len(text); i++ {
		if !isDigit(text[i]) {
			continue
		}
		end := runEnd(text, i, separator)
		if isCard(text[i:end]) {
			hide(text[i:end])
		}
		i = end
	}
}

// runEnd returns where the run that begins at i ends.
func runEnd(text []byte, i int, separator func(byte) bool) int {
	for i++; i < len(text); i++ {
		between := separator(text[i]) && i+1 < len(text) && isDigit(text[i+1])
		if !isDigit(text[i]) && !between {
			break
		}
	}
	return i
}

// isCard reports whether the digits in run are as many as a card's and pass the Luhn formula.
func isCard(run []byte) bool {
	n, sum := 0, 0
	for i := len(run) - 1; i >= 0; i-- {
		if !isDigit(run[i]) {
			continue
		}
		d := int(run[i] - '0')
		if n%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
		n++
	}
	return n >= minCardDigits && n <= maxCardDigits && sum%10 == 0 && sum > 0
}

func hide(run []byte) {
	for i, c := range run {
		if isDigit(c) {
			run[i] = '*'
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
