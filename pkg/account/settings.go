package account

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// settings are a provider's own, as they stand in the file.
type settings struct {
	path  string
	entry entry
}

// settings reads e, which must be a mapping that says the same to every reader:
// no duplicate keys, no numbers that look like text.
func (s *schema) settings(e entry) settings {
	if e.node != nil && !isMapping(e.node) {
		s.report(e.line, e.field, "must be a mapping")
	}
	s.unambiguous(e)
	return settings{s.path, e}
}

func isMapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

func (s *schema) unambiguous(e entry) {
	if isMapping(e.node) {
		m := s.mapping(e)
		for _, n := range m.entries {
			s.unambiguous(n.entry)
		}
	}
	switch n := e.node.(type) {
	case *ast.SequenceNode:
		for _, item := range s.list(e) {
			s.unambiguous(item)
		}
	case *ast.IntegerNode:
		s.canonical(e, n.Value)
	case *ast.FloatNode:
		s.canonical(e, n.Value)
	}
}

// canonical reports a number that is written otherwise than it reads: YAML takes
// the merchant id 007 for seven.
func (s *schema) canonical(e entry, value any) {
	if text, _ := scalar(e.node); text != fmt.Sprint(value) {
		s.report(e.line, e.field, "reads as the number %v: put it in quotes if it is text", value)
	}
}

// Setting returns the setting at name as it is written, and "" when there is
// none or it is no scalar. Dots lead into mappings: "button.store_id".
func (a *Account) Setting(name string) string {
	at := a.settings.entry
	for part := range strings.SplitSeq(name, ".") {
		m := (&reader{}).mapping(at)
		found, ok := m.find(part)
		if !ok {
			return ""
		}
		at = found
	}
	text, _ := scalar(at.node)
	return text
}

// DecodeSettings fills dst, a pointer to a struct with yaml tags, from the
// account's settings. Settings that dst has no field for are refused. The error
// is a Problem's text: it names file, line and what is wrong.
func (a *Account) DecodeSettings(dst any) error {
	if a.settings.entry.node == nil {
		return nil
	}
	// Into a fresh value: dst stays as it is when the settings are wrong.
	v := reflect.ValueOf(dst)
	fresh := reflect.New(v.Type().Elem())
	fresh.Elem().Set(v.Elem())
	if err := yaml.NodeToValue(a.settings.entry.node, fresh.Interface(), yaml.Strict()); err != nil {
		line, what := describe(err)
		return &Invalid{[]Problem{{a.settings.path, line, a.settings.entry.field, what}}}
	}
	v.Elem().Set(fresh.Elem())
	return nil
}

// Problem returns a problem of one of the account's settings, for checks of a
// provider's own.
func (a *Account) Problem(setting, format string, args ...any) Problem {
	p := Problem{Path: a.settings.path, Line: a.Line, Field: join(a.settings.entry.field, setting), What: fmt.Sprintf(format, args...)}
	m := (&reader{}).mapping(a.settings.entry)
	if e, ok := m.find(setting); ok {
		p.Line = e.line
	}
	return p
}
