package conf

import (
	"errors"
	"os"
	"reflect"

	"github.com/caarlos0/env/v11"
)

// ErrNotAStruct says that the destination of [Load] is no pointer to a struct.
var ErrNotAStruct = errors.New("conf: the destination must be a non-nil pointer to a struct")

// A Validator is a configuration struct, at any depth, that knows rules about
// its fields. [Load] asks it once all variables of the struct were readable.
type Validator interface {
	Validate() error
}

// Load fills dst, a pointer to a struct, from environ; nil means the process's
// own environment. The error lists everything that is wrong, one [*Error] per
// variable, and never shows a Secret or PII. What a field holds before the
// call stays when neither variable nor default is there.
func Load(dst any, environ map[string]string) error {
	root, err := rootOf(dst)
	if err != nil {
		return err
	}
	if environ == nil {
		environ = env.ToMap(os.Environ())
	}
	errs, _ := load(root, environ)
	return errors.Join(distinct(errs)...)
}

func rootOf(dst any) (section, error) {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return section{}, ErrNotAStruct
	}
	return walk(v.Elem(), ""), nil
}

// load reads a section's variables, then its inner sections, then applies its rules.
// readable is false when a variable of the section, or below it, had no usable value.
func load(s section, environ map[string]string) (errs []error, readable bool) {
	readable = true
	for _, v := range s.variables {
		if err := v.load(environ); err != nil {
			errs, readable = append(errs, err), false
		}
	}
	for _, inner := range s.sections {
		innerErrs, ok := load(inner, environ)
		errs, readable = append(errs, innerErrs...), readable && ok
	}
	// Rules applied to values that were not read would accuse the wrong variable.
	if readable {
		errs = append(errs, validate(s)...)
	}
	return errs, readable
}

// load fills one field by the rules of caarlos0/env. It hands the library a
// struct of this field only, because its errors do not tell the variable.
func (v variable) load(environ map[string]string) error {
	alone := v.field
	alone.Anonymous = false
	holder := reflect.New(reflect.StructOf([]reflect.StructField{alone})).Elem()
	holder.Field(0).Set(v.value)
	err := env.ParseWithOptions(holder.Addr().Interface(), env.Options{Environment: environ, Prefix: v.prefix})
	if err != nil {
		return v.explain(err, environ[v.name])
	}
	if err := v.follow(holder.Field(0), environ); err != nil {
		return &Error{Var: v.name, Reason: err.Error(), Err: err}
	}
	v.value.Set(holder.Field(0))
	return nil
}

// follow replaces references to secrets in f, one value or a list of them.
func (v variable) follow(f reflect.Value, environ map[string]string) error {
	if !isHidden(f.Type()) {
		return nil
	}
	switch f.Kind() {
	case reflect.Slice:
		for i := range f.Len() {
			if err := v.follow(f.Index(i), environ); err != nil {
				return err
			}
		}
	case reflect.String:
		return followOne(f, environ)
	}
	return nil
}

func followOne(f reflect.Value, environ map[string]string) error {
	// Value.String on a string kind is the text itself, not the method.
	ref := f.String()
	if !isReference(ref) {
		return nil
	}
	s, err := resolve(ref, func(name string) string { return environ[name] })
	if err != nil {
		return err
	}
	f.SetString(s.Reveal())
	return nil
}

func validate(s section) []error {
	c, ok := s.value.Addr().Interface().(Validator)
	if !ok {
		return nil
	}
	return prefixed(s.prefix, c.Validate())
}
