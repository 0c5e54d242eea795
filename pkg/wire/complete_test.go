package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// notOnTheWire are the string types of package payment with constants that have
// no enum: names that stay text, and what never leaves a process.
var notOnTheWire = []string{"EventType", "Finding", "Provider", "Trigger"}

// TestEnums_HoldEveryConstant fails when a constant is added to package payment
// and not to the tables here, or to the proto files and not to the tables.
func TestEnums_HoldEveryConstant(t *testing.T) {
	t.Parallel()
	declared := mustConstants(t, "../payment/*.go", "callback.go")
	for _, name := range notOnTheWire {
		delete(declared, name)
	}
	checkEnum(t, declared, kinds)
	checkEnum(t, declared, methods)
	checkEnum(t, declared, captureModes)
	checkEnum(t, declared, cycles)
	checkEnum(t, declared, sources)
	checkEnum(t, declared, statuses)
	checkEnum(t, declared, opStatuses)
	checkEnum(t, declared, actionTypes)
	checkEnum(t, declared, states)
	checkEnum(t, declared, reasons)
	checkEnum(t, declared, breakKinds)
	checkEnum(t, declared, figures)
	checkEnum(t, declared, breakStatuses)
	checkEnum(t, declared, callbackKinds)
	checkEnum(t, declared, verdicts)
	for name := range declared {
		t.Errorf("constants of type %s have no table", name)
	}
}

// checkEnum compares e with the constants of its Go type and with the values of
// its proto type, and takes the former off declared.
func checkEnum[G ~string, P interface {
	~int32
	Descriptor() protoreflect.EnumDescriptor
}](t *testing.T, declared map[string][]string, e enum[G, P]) {
	t.Helper()
	var got []string
	for g := range e.numbers {
		got = append(got, string(g))
	}
	slices.Sort(got)
	name := reflect.TypeFor[G]().Name()
	if diff := cmp.Diff(declared[name], got); diff != "" {
		t.Errorf("%s (-constants +table):\n%s", name, diff)
	}
	delete(declared, name)

	var p P
	values := p.Descriptor().Values()
	for i := range values.Len() {
		n := values.Get(i).Number()
		if _, ok := e.names[P(n)]; !ok && n != 0 {
			t.Errorf("%s is not in the table", values.Get(i).Name())
		}
	}
	if len(e.names) != len(e.numbers) {
		t.Errorf("%s: %d names, %d numbers", name, len(e.names), len(e.numbers))
	}
}

// mustConstants returns the values of all string constants in the files by type,
// sorted.
func mustConstants(t *testing.T, patterns ...string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			addConstants(t, out, f)
		}
	}
	for _, values := range out {
		slices.Sort(values)
	}
	return out
}

func addConstants(t *testing.T, out map[string][]string, f *ast.File) {
	t.Helper()
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			addConstant(t, out, spec)
		}
	}
}

func addConstant(t *testing.T, out map[string][]string, spec ast.Spec) {
	t.Helper()
	v, ok := spec.(*ast.ValueSpec)
	if !ok || len(v.Values) != 1 {
		return
	}
	typ, typed := v.Type.(*ast.Ident)
	lit, literal := v.Values[0].(*ast.BasicLit)
	if !typed || !literal || lit.Kind != token.STRING {
		return
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	out[typ.Name] = append(out[typ.Name], s)
}

// TestData_HoldsEveryEventType fails when an event type is added to package
// payment and not to the generators of these tests, which every test of a round
// trip goes through, or to the proto files only.
func TestData_HoldsEveryEventType(t *testing.T) {
	t.Parallel()
	want := slices.Sorted(slices.Values(payment.EventTypes()))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(eventData()))); diff != "" {
		t.Errorf("(-payment +generators):\n%s", diff)
	}
	declared := mustConstants(t, "../payment/*.go")["EventType"]
	if len(declared) != len(want) {
		t.Errorf("payment.EventTypes lists %d of %d", len(want), len(declared))
	}
	fields := (&pb.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("data").Fields()
	if fields.Len() != len(want) {
		t.Errorf("%d types of data in event.proto, want %d", fields.Len(), len(want))
	}
}
