package conf

import (
	"fmt"
	"io"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

const (
	shownSecret = "[secret]"
	shownPII    = "[redacted]"
)

// Secret is a value that grants something: a key, a password, a token. It prints
// as [secret] however it is formatted, marshalled or logged; only [Secret.Reveal]
// gives it away. Two places stay open, as Go calls no method there: an unexported
// struct field under fmt, and a map's key under encoding/json. Keep a Secret in
// an exported field, or in a variable of its own.
type Secret string

// Reveal returns the value itself. Call it where the value is used, and nowhere else.
func (s Secret) Reveal() string { return string(s) }

// String returns "[secret]".
func (Secret) String() string { return shownSecret }

// GoString returns "[secret]".
func (Secret) GoString() string { return shownSecret }

// Format writes "[secret]" for every verb, %x and %q included.
func (Secret) Format(f fmt.State, _ rune) { writeShown(f, shownSecret) }

// MarshalText returns "[secret]"; it serves XML and YAML too.
func (Secret) MarshalText() ([]byte, error) { return []byte(shownSecret), nil }

// MarshalJSON returns the JSON string "[secret]".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + shownSecret + `"`), nil }

// MarshalLogObject makes zap.Any and zap.Object harmless.
func (Secret) MarshalLogObject(e zapcore.ObjectEncoder) error { return addShown(e, shownSecret) }

// LogValue makes log/slog harmless.
func (Secret) LogValue() slog.Value { return slog.StringValue(shownSecret) }

// PII is a value about a person: a name, an address, a bank account. It prints
// as [redacted] in the same ways as [Secret].
type PII string

// Reveal returns the value itself. Call it where the value is used, and nowhere else.
func (p PII) Reveal() string { return string(p) }

// String returns "[redacted]".
func (PII) String() string { return shownPII }

// GoString returns "[redacted]".
func (PII) GoString() string { return shownPII }

// Format writes "[redacted]" for every verb, %x and %q included.
func (PII) Format(f fmt.State, _ rune) { writeShown(f, shownPII) }

// MarshalText returns "[redacted]"; it serves XML and YAML too.
func (PII) MarshalText() ([]byte, error) { return []byte(shownPII), nil }

// MarshalJSON returns the JSON string "[redacted]".
func (PII) MarshalJSON() ([]byte, error) { return []byte(`"` + shownPII + `"`), nil }

// MarshalLogObject makes zap.Any and zap.Object harmless.
func (PII) MarshalLogObject(e zapcore.ObjectEncoder) error { return addShown(e, shownPII) }

// LogValue makes log/slog harmless.
func (PII) LogValue() slog.Value { return slog.StringValue(shownPII) }

func writeShown(w io.Writer, shown string) {
	// A fmt.State collects into memory; it has no error to tell of.
	_, _ = io.WriteString(w, shown)
}

func addShown(e zapcore.ObjectEncoder, shown string) error {
	e.AddString("value", shown)
	return nil
}
