package account

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// reader walks a YAML document and collects what is wrong with it, so that a
// person hears of everything at once.
type reader struct {
	path     string
	problems []Problem
}

func (r *reader) report(line int, field, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.path, line, field, fmt.Sprintf(format, args...)})
}

// document returns the one document of a file, or nil after a report.
func (r *reader) document(text []byte) ast.Node {
	// Duplicate keys are ours to report: the parser would stop at the first.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) != 1 {
		r.report(0, "", "must hold one YAML document, holds %d", len(bodies))
		return nil
	}
	return bodies[0]
}

// syntax reports an error of the YAML library without the source it would show.
func (r *reader) syntax(err error) {
	line, what := describe(err)
	r.report(line, "", "is no YAML: %s", what)
}

func describe(err error) (line int, what string) {
	e, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return 0, err.Error()
	}
	if t := e.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	return line, e.GetMessage()
}

// entry is one value of the document and where it stands.
type entry struct {
	node  ast.Node // nil: missing
	line  int
	field string
}

// mapping is a mapping of the document. The zero value, which stands for one
// that is missing, has no entries and reports nothing.
type mapping struct {
	entry
	r       *reader
	entries []named
	asked   []string
}

type named struct {
	name string
	entry
}

// mapping reads e as a mapping and reports keys that are there twice.
func (r *reader) mapping(e entry) mapping {
	m := mapping{entry: e, r: r}
	var values []*ast.MappingValueNode
	switch n := e.node.(type) {
	case nil:
		return m
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.report(e.line, e.field, "must be a mapping")
		m.node = nil
		return m
	}
	for _, v := range values {
		m.add(v)
	}
	return m
}

func (m *mapping) add(v *ast.MappingValueNode) {
	name := v.Key.GetToken().Value
	e := entry{node: v.Value, line: v.Key.GetToken().Position.Line, field: join(m.field, name)}
	if _, twice := m.find(name); twice {
		m.r.report(e.line, e.field, "is there twice")
		return
	}
	m.entries = append(m.entries, named{name, e})
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

func (m *mapping) find(name string) (entry, bool) {
	i := slices.IndexFunc(m.entries, func(n named) bool { return n.name == name })
	if i < 0 {
		return entry{line: m.line, field: join(m.field, name)}, false
	}
	return m.entries[i].entry, true
}

// get returns the entry called name; one that is null counts as missing.
func (m *mapping) get(name string) (entry, bool) {
	m.asked = append(m.asked, name)
	e, ok := m.find(name)
	if !ok {
		return e, false
	}
	if _, null := e.node.(*ast.NullNode); null {
		e.node = nil
		return e, false
	}
	return e, true
}

// text returns the scalar called name as it is written, and reports one that is
// missing or no scalar.
func (m *mapping) text(name string) (string, entry) {
	e, ok := m.get(name)
	if !ok {
		if m.node != nil {
			m.r.report(e.line, e.field, "is missing")
		}
		return "", e
	}
	s, ok := scalar(e.node)
	if !ok {
		m.r.report(e.line, e.field, "must be text")
		return "", entry{line: e.line, field: e.field}
	}
	return s, e
}

// flag returns the boolean called name; a missing one is false.
func (m *mapping) flag(name string) bool {
	e, ok := m.get(name)
	if !ok {
		return false
	}
	b, ok := e.node.(*ast.BoolNode)
	if !ok {
		m.r.report(e.line, e.field, "must be true or false")
		return false
	}
	return b.Value
}

// list returns the elements of the list called name; a missing one has none.
func (m *mapping) list(name string) []entry {
	e, ok := m.get(name)
	if !ok {
		return nil
	}
	return m.r.list(e)
}

func (r *reader) list(e entry) []entry {
	seq, ok := e.node.(*ast.SequenceNode)
	if !ok {
		r.report(e.line, e.field, "must be a list")
		return nil
	}
	var list []entry
	for i, n := range seq.Values {
		list = append(list, entry{n, lineOf(n, e.line), e.field + "[" + strconv.Itoa(i) + "]"})
	}
	return list
}

// some returns the elements of the list called name, and reports one that is
// missing or empty.
func (m *mapping) some(name string) []entry {
	e, ok := m.get(name)
	if !ok {
		if m.node != nil {
			m.r.report(e.line, e.field, "is missing")
		}
		return nil
	}
	return m.r.some(e)
}

func (r *reader) some(e entry) []entry {
	if seq, ok := e.node.(*ast.SequenceNode); ok && len(seq.Values) == 0 {
		r.report(e.line, e.field, "must not be empty")
		return nil
	}
	return r.list(e)
}

// lineOf returns where n begins. A mapping's own token is the colon after its
// first key, which may stand lower.
func lineOf(n ast.Node, otherwise int) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		n = v.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return otherwise
}

// finish reports the keys that nobody asked for.
func (m *mapping) finish() {
	for _, n := range m.entries {
		if !slices.Contains(m.asked, n.name) {
			m.r.report(n.line, n.field, "is not known here")
		}
	}
}

// scalar returns a scalar as it is written: 007 stays 007.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// plain reports what would make the document mean more than it shows.
func (r *reader) plain(n ast.Node) {
	ast.Walk(visitor{r}, n)
}

type visitor struct{ r *reader }

// Visit implements ast.Visitor.
func (v visitor) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		v.r.report(lineOf(n, 0), "", "anchors, aliases, merge keys and tags are not taken: write it out")
		return nil
	}
	return v
}
