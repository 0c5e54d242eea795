package conf

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"time"

	"github.com/caarlos0/env/v11"
)

// Error is one thing that is wrong with the configuration.
type Error struct {
	Var    string // the variable, with every prefix; may be empty for a rule about several
	Reason string // what is wrong with it; shows no Secret and no PII
	Err    error  // the cause, if there is one to compare with
}

// Error returns "VARIABLE reason".
func (e *Error) Error() string {
	if e.Var == "" {
		return e.Reason
	}
	return e.Var + " " + e.Reason
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Invalid returns an *Error for a Validate method. variable is the name in the
// field's env tag; [Load] adds the prefix. The text must not show a Secret.
func Invalid(variable, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Var: variable, Reason: err.Error(), Err: errors.Unwrap(err)}
}

// explain turns an error of caarlos0/env into one that names the variable.
func (v variable) explain(err error, got string) error {
	e := &Error{Var: v.name, Err: err}
	switch {
	case errors.As(err, new(env.VarIsNotSetError)):
		e.Reason, e.Err = "is not set", ErrNotSet
	case errors.As(err, new(env.EmptyVarError)):
		e.Reason, e.Err = "is empty", ErrNotSet
	case isHidden(v.field.Type):
		// The library's message repeats the value.
		e.Reason, e.Err = "is malformed", nil
	case errors.As(err, new(env.ParseError)):
		e.Reason = v.misread(err, got)
	default:
		e.Reason = "cannot be read: " + err.Error()
	}
	return e
}

// ErrNotSet is the cause of the *Error for a variable that is required and missing or empty.
var ErrNotSet = errors.New("not set")

// misread says in the operator's words why a value is of the wrong type.
func (v variable) misread(err error, got string) string {
	if got == "" {
		got = v.field.Tag.Get("envDefault")
	}
	if reflect.PointerTo(v.field.Type).Implements(textType) {
		var parse env.ParseError
		errors.As(err, &parse)
		return fmt.Sprintf("is %q: %v", got, parse.Err)
	}
	return fmt.Sprintf("is %q, not %s", got, article(v.field.Type))
}

// article describes a type within a sentence.
func article(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 500ms, 20s or 5m"
	case reflect.TypeFor[url.URL]():
		return "a URL"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number, or out of range"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0 up, or out of range"
	}
	return typeName(t)
}

// prefixed lists the errors joined in err with prefix before their variables.
func prefixed(prefix string, err error) []error {
	if err == nil {
		return nil
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range list.Unwrap() {
			errs = append(errs, prefixed(prefix, e)...)
		}
		return errs
	}
	var known *Error
	if errors.As(err, &known) && known.Var != "" {
		return []error{&Error{Var: prefix + known.Var, Reason: known.Reason, Err: known.Err}}
	}
	if prefix == "" {
		return []error{&Error{Reason: err.Error(), Err: err}}
	}
	return []error{&Error{Var: prefix + "*", Reason: err.Error(), Err: err}}
}

// distinct drops repetitions: a struct that embeds another inherits its Validate
// and is asked the same question.
func distinct(errs []error) []error {
	seen := make(map[string]bool, len(errs))
	var kept []error
	for _, err := range errs {
		if !seen[err.Error()] {
			kept, seen[err.Error()] = append(kept, err), true
		}
	}
	return kept
}
