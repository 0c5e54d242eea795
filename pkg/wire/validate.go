package wire

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"buf.build/go/protovalidate"

	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// FieldError says what is wrong with one field of a command. It holds no value
// of a field.
type FieldError struct {
	Field  string `json:"field"`  // path in the names of the proto files: amount.value
	Code   string `json:"code"`   // stable; for programs: required, format, too_long, …
	Detail string `json:"detail"` // for people
}

// FieldErrors are all that is wrong with a command, in the order of its rules.
type FieldErrors []FieldError

// Invalid is the error of a command that must not be executed as written.
type Invalid struct{ Fields FieldErrors }

// Error lists the fields and what is wrong with them.
func (e *Invalid) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + ": " + f.Detail
	}
	return "invalid command: " + strings.Join(parts, "; ")
}

// validator is compiled once; the rules are in the proto files.
var validator = sync.OnceValues(func() (protovalidate.Validator, error) {
	return protovalidate.New(protovalidate.WithMessages(&pb.Command{}), protovalidate.WithDisableLazy())
})

// Validate returns an *Invalid that names every field of c that breaks a rule of
// proto/payloom/v1, and some that no rule there can express: the command's id is
// derived, currencies exist. What only a provider can refuse is not its matter.
func Validate(c payment.Command) error {
	if c.Closed {
		return &Invalid{Fields: FieldErrors{{"sealed", "erased", "its personal data was erased, so it cannot be carried out as it was asked for"}}}
	}
	v, err := validator()
	if err != nil {
		return fmt.Errorf("wire: the rules do not compile: %w", err)
	}
	fields, err := violations(v.Validate(forRules(c)))
	if err != nil {
		return err
	}
	if fields = append(fields, unsaid(c, fields)...); len(fields) > 0 {
		return &Invalid{Fields: fields}
	}
	return nil
}

// maxScope is one more than the rules allow: that there are more need not be said
// of each.
const maxScope = 17

// forRules returns c as the rules see it. What cannot be encoded is nothing that
// the rules allow.
func forRules(c payment.Command) *pb.Command {
	var e coder
	m := e.encodeCommand(c)
	if a := m.GetAuthorization(); len(a.GetScope()) > maxScope {
		a.Scope = a.Scope[:maxScope]
	}
	return m
}

// violations turns what protovalidate says into our words. Any other error is
// returned as it is.
func violations(err error) (FieldErrors, error) {
	var invalid *protovalidate.ValidationError
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &invalid):
		return nil, fmt.Errorf("wire: the rules cannot be evaluated: %w", err)
	}
	fields := make(FieldErrors, len(invalid.Violations))
	for i, v := range invalid.Violations {
		fields[i] = fieldError(v)
	}
	return fields, nil
}

// rule is our name for a standard rule of protovalidate, with our words where its
// own say nothing to the caller.
type rule struct{ code, detail string }

// rules holds the standard rules that the proto files use.
var rules = map[string]rule{
	"required":           {"required", "is required"},
	"string.min_len":     {"required", "is required"}, // all of ours are of one character
	"string.ip_empty":    {"required", "is required"},
	"string.email_empty": {"required", "is required"},
	"enum.not_in":        {"required", "is required"}, // 0 is the only value that is not allowed
	"enum.defined_only":  {"unknown_value", "is none of the known values"},
	"uint32.const":       {"unknown_value", ""},
	"string.max_len":     {"too_long", ""},
	"repeated.max_items": {"too_long", ""},
	"repeated.unique":    {"repeated", ""},
	"string.pattern":     {"format", ""}, // formats has the words
	"string.ip":          {"format", ""},
	"string.email":       {"format", ""},
	"int64.gte":          {"out_of_range", ""},
}

// formats says the patterns of the proto files in words.
var formats = map[string]string{
	`^[A-Z]{3}$`:                "must be an ISO 4217 code in upper case",
	`^([A-Z]{3})?$`:             "must be an ISO 4217 code in upper case",
	`^([A-Z]{2})?$`:             "must be two letters in upper case",
	`^([a-z]{2}(_[A-Z]{2})?)?$`: "must be a language such as en or en_GB",
	`^[a-z2-7]{26}$`:            "must be 26 characters of a-z and 2-7",
	`^[a-z0-9_-]{1,32}$`:        "must be 1 to 32 characters of a-z, 0-9, _ and -",
	`^[a-z0-9]{1,32}$`:          "must be 1 to 32 characters of a-z and 0-9",
	`^[A-Za-z0-9_-]{1,64}$`:     "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -",
	`^[A-Za-z0-9._-]{0,64}$`:    "must be at most 64 characters of A-Z, a-z, 0-9, ., _ and -",
	`^[A-Za-z0-9_.:-]{1,64}$`:   "must be 1 to 64 characters of A-Z, a-z, 0-9, _, ., : and -",
	`^[!-~]{1,255}$`:            "must be 1 to 255 visible ASCII characters",
	`^[!-~]{0,256}$`:            "must be at most 256 visible ASCII characters",
	`^[0-9]{10,15}$`:            "must be 10 to 15 digits",
	`^[^\p{Cc}\x{FFFD}]*$`:      "must be one line of UTF-8 text without control characters",
}

// fieldError splits the id of a rule of ours: on a message it is the path of the
// field, a dot and the code; on a field it is the code.
func fieldError(v *protovalidate.Violation) FieldError {
	f := FieldError{
		Field:  protovalidate.FieldPathString(v.Proto.GetField()),
		Code:   v.Proto.GetRuleId(),
		Detail: v.Proto.GetMessage(),
	}
	if r, ok := rules[f.Code]; ok {
		f.Code, f.Detail = r.code, cmp.Or(r.detail, formats[v.RuleValue.String()], f.Detail)
	} else if at := strings.LastIndexByte(f.Code, '.'); at >= 0 {
		f.Field = strings.TrimPrefix(f.Field+"."+f.Code[:at], ".")
		f.Code = f.Code[at+1:]
	}
	return f
}

// unsaid returns what is wrong with c that the proto files cannot say, of fields
// that they find nothing wrong with.
func unsaid(c payment.Command, found FieldErrors) FieldErrors {
	var out FieldErrors
	if c.ID != payment.DeriveCommandID(c.Merchant, c.ReqID) {
		out = append(out, FieldError{"command_id", "not_derived", "must be derived from merchant and req_id"})
	}
	for _, f := range currencies(c) {
		if f.code != "" && !f.code.Known() {
			out = append(out, FieldError{f.path, "unknown_value", "is no ISO 4217 currency"})
		}
	}
	for _, field := range cardFields(c) {
		out = append(out, FieldError{field, "card_number", "looks like a card number, which must not be sent here"})
	}
	return slices.DeleteFunc(out, func(f FieldError) bool { return found.has(f.Field) })
}

func (e FieldErrors) has(field string) bool {
	return slices.ContainsFunc(e, func(f FieldError) bool { return f.Field == field })
}

type currencyField struct {
	path string
	code payment.Currency
}

// currencies returns the fields of c that hold one.
func currencies(c payment.Command) []currencyField {
	fields := []currencyField{{"amount.currency", c.Amount.Currency}}
	if a := c.Authorization; a != nil {
		fields = append(fields, currencyField{"authorization.local_currency", a.LocalCurrency})
		if a.Recurring != nil {
			fields = append(fields, currencyField{"authorization.recurring.amount.currency", a.Recurring.Amount.Currency})
		}
	}
	return fields
}
