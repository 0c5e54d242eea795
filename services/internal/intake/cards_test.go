package intake

import (
	"strings"
	"testing"
)

func TestRefuseCards_NamesTheField(t *testing.T) {
	t.Parallel()
	v, err := parse([]byte(`{"a":[{"b":"4111111111111111"},4111111111111111],"c":"x","mandate":"TOK4111111111111111"}`))
	if err != nil {
		t.Fatal(err)
	}
	var f Faults
	refuseCards("", v, &f)
	var fields []string
	for _, e := range f.List {
		fields = append(fields, e.Field)
	}
	if strings.Join(fields, " ") != "a[0].b" {
		t.Errorf("fields %v", fields)
	}
}

func TestRefuseCard_AMandateMayHoldDigits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"AMZTOK6200000000000000000": 0, "4111111111111111": 1} {
		var f Faults
		if f.RefuseCard("mandate", text); len(f.List) != want {
			t.Errorf("%s: %v", text, f.List)
		}
	}
}
