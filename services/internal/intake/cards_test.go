package intake

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCardNumber(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text         string
		tight, loose bool
	}{
		"sixteen digits":                      {"4111111111111111", true, true},
		"fifteen":                             {"340000000000009", true, true},
		"thirteen":                            {"4222222222222", true, true},
		"nineteen":                            {"6200000000000000000", true, true},
		"within text":                         {"card:4111111111111111.", true, true},
		"among letters":                       {"x4111111111111111y", true, true},
		"in groups":                           {"4111 1111-1111 1111", false, true},
		"in groups that are far apart":        {"4111  1111  1111  1111", false, false},
		"with a blank behind":                 {"4111111111111111 ", true, true},
		"a wrong check digit":                 {"4111111111111112", false, false},
		"twelve digits":                       {"400000000002", false, false},
		"twenty digits":                       {"41111111111111111111", false, false},
		"a time in milliseconds":              {"1700000000000", false, false},
		"zeros":                               {"0000000000000000", false, false},
		"a wallet's order reference":          {"S52-1234567-1234567", false, true},
		"a UUID that looks like one":          {"41111111-1111-4111-8000-000000000000", false, false},
		"a UUID with something behind":        {"41111111-1111-1111-1111-111111111111x4111111111111111", true, true},
		"digits of another script":            {"٤١١١١١١١١١١١١١١١", false, false},
		"nothing":                             {"", false, false},
		"the second of two numbers is a card": {"12345 and 4111111111111111", true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := cardNumber(tt.text, tight); got != tt.tight {
				t.Errorf("tight: %v", got)
			}
			if got := cardNumber(tt.text, loose); got != tt.loose {
				t.Errorf("loose: %v", got)
			}
		})
	}
}

// TestCardNumber_FindsAll writes card numbers in every way that people do.
func TestCardNumber_FindsAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[2-6][0-9]{11,17}`).Draw(t, "digits")
		check := byte('0')
		for ; !isCard(digits + string(check)); check++ {
			if check == '9' {
				t.Fatalf("%s has no check digit", digits)
			}
		}
		card := digits + string(check)
		before := rapid.StringMatching(`([a-z ]*[a-z])?`).Draw(t, "before")
		after := rapid.StringMatching(`([a-z][a-z ]*)?`).Draw(t, "after")
		if !cardNumber(before+card+after, tight) {
			t.Errorf("%s is not found", card)
		}
		sep := rapid.SampledFrom([]string{" ", "-"}).Draw(t, "separator")
		groups := card[:4] + sep + card[4:8] + sep + card[8:12] + sep + card[12:]
		if !cardNumber(before+groups+after, loose) {
			t.Errorf("%s is not found", groups)
		}
	})
}

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
