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
	v, err := validator()
	if err != nil {
		return fmt.Errorf("wire: the rules do not compile: %w", err)
	}
	var e coder // its error is one of the rules', too
	fields, err := violations(v.Validate(e.encodeCommand(c)))
	if err != nil {
		return err
	}
	if fields = append(fields, unsaid(c, fields)...); len(fields) > 0 {
		return &Invalid{Fields: fields}
	}
	return nil
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
	"string.pattern":     {"format", ""},
	"string.ip":          {"format", ""},
	"string.email":       {"format", ""},
	"int64.gte":          {"out_of_range", ""},
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
		f.Code, f.Detail = r.code, cmp.Or(r.detail, f.Detail)
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
