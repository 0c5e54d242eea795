package conf

import (
	"encoding"
	"reflect"
	"strings"
)

// variable is one field that is filled from the environment.
type variable struct {
	name   string // with every prefix
	prefix string // what stands before the name in the tag
	field  reflect.StructField
	value  reflect.Value // settable
}

// section is one struct of the configuration, the outermost included.
type section struct {
	prefix    string
	value     reflect.Value // addressable
	variables []variable
	sections  []section
}

// walk describes the struct v and everything below it.
func walk(v reflect.Value, prefix string) section {
	s := section{prefix: prefix, value: v}
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		if !field.IsExported() {
			continue
		}
		if name := variableName(field); name != "" {
			s.variables = append(s.variables, variable{prefix + name, prefix, field, value})
			continue
		}
		if inner, ok := innerStruct(value); ok {
			s.sections = append(s.sections, walk(inner, prefix+field.Tag.Get("envPrefix")))
		}
	}
	return s
}

// variableName returns the name in the env tag, "" for none and for "-".
func variableName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// innerStruct returns the struct that v is or points to. A nil pointer is an
// optional part that the program did not ask for.
func innerStruct(v reflect.Value) (reflect.Value, bool) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return v, v.Kind() == reflect.Struct
}

// all returns the variables of s and of every section below it, in the order of the source.
func (s section) all() []variable {
	vars := s.variables
	for _, inner := range s.sections {
		vars = append(vars[:len(vars):len(vars)], inner.all()...)
	}
	return vars
}

// hasOption reports whether the env tag carries an option such as "required".
func (v variable) hasOption(option string) bool {
	_, options, _ := strings.Cut(v.field.Tag.Get("env"), ",")
	for o := range strings.SplitSeq(options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

var (
	secretType = reflect.TypeFor[Secret]()
	piiType    = reflect.TypeFor[PII]()
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isHidden reports whether values of t must not appear in a message.
func isHidden(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Pointer:
		return isHidden(t.Elem())
	case reflect.Map:
		return isHidden(t.Elem()) || isHidden(t.Key())
	}
	return t == secretType || t == piiType
}
