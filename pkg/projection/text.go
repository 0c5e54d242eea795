package projection

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Postgres stores no NUL in text and none in JSON. Providers have been seen to
// send one; it is shown as U+FFFD rather than cost the row.

const nul = "\x00"

func clean[S ~string](s S) string {
	if strings.Contains(string(s), nul) {
		return strings.ReplaceAll(string(s), nul, "\uFFFD")
	}
	return string(s)
}

// document returns v as JSON for a jsonb column, or nil for a NULL.
func document(v any, there bool) *string {
	if !there {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil // our own structs of strings always marshal
	}
	if bytes.Contains(text, []byte(`\u0000`)) {
		text = withoutNUL(text)
	}
	s := string(text)
	return &s
}

// withoutNUL replaces NULs in all strings of a JSON text. A backslash before
// u0000 may itself be escaped, so the text is read, not searched.
func withoutNUL(text []byte) []byte {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return text
	}
	again, err := json.Marshal(cleaned(v))
	if err != nil {
		return text
	}
	return again
}

func cleaned(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleaned(v[i])
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[clean(k)] = cleaned(e)
		}
		return out
	}
	return v
}

// moment returns nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
