package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// vectors is testdata/ecommpay.json: messages made by two independent
// implementations. Secrets, ids and amounts in it are invented.
type vectors struct {
	Sign        []signVector        `json:"sign"`
	Verify      []verifyVector      `json:"verify"`
	Portability []portabilityVector `json:"portability"`
}

type signVector struct {
	ID             string `json:"id"`
	Secret         string `json:"secret"`
	Body           string `json:"body"`
	Canonical      string `json:"canonical"`
	Signature      string `json:"signature"`
	SignedBody     string `json:"signed_body"`
	OrderSensitive bool   `json:"order_sensitive"`
}

type verifyVector struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	Body   string `json:"body"`
	Expect string `json:"expect"`
}

type portabilityVector struct {
	ID       string `json:"id"`
	Secret   string `json:"secret"`
	Body     string `json:"body"`
	Variants map[string]struct {
		Canonical string `json:"canonical"`
		Signature string `json:"signature"`
	} `json:"variants"`
}

func mustVectors(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/ecommpay.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Sign) != 17 || len(v.Verify) != 29 || len(v.Portability) != 6 {
		t.Fatalf("vectors: %d sign, %d verify, %d portability", len(v.Sign), len(v.Verify), len(v.Portability))
	}
	return v
}

func mustParse(t testing.TB, body string) Message {
	t.Helper()
	m, err := Parse([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return m
}

func TestVectors_Sign(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Sign {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			m := mustParse(t, v.Body)
			if got := m.Canonical(); got != v.Canonical {
				t.Errorf("canonical\n%s\nwant\n%s", got, v.Canonical)
			}
			if got := m.Signature(v.Secret); got != v.Signature {
				t.Errorf("signature %s, want %s", got, v.Signature)
			}
			if m.Portable() == v.OrderSensitive {
				t.Errorf("portable %v, order sensitive %v", m.Portable(), v.OrderSensitive)
			}
			if m.Ambiguous() {
				t.Error("ambiguous")
			}
		})
	}
}

func TestVectors_Seal(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, v := range mustVectors(t).Sign {
		if v.SignedBody == "" {
			continue
		}
		tried++
		place := AtTop
		if strings.HasPrefix(v.Body, `{"general"`) {
			place = InGeneral
		}
		got, err := Seal(v.Secret, []byte(v.Body), place)
		if err != nil || string(got) != v.SignedBody {
			t.Errorf("%s: %v\n%s\nwant\n%s", v.ID, err, got, v.SignedBody)
		}
		if _, match, err := Open(v.Secret, got); err != nil || match != (Match{Place: place}) {
			t.Errorf("%s: %+v, %v", v.ID, match, err)
		}
	}
	if tried != 7 {
		t.Errorf("%d sealed", tried)
	}
}

func TestVectors_Verify(t *testing.T) {
	t.Parallel()
	want := map[string]error{
		"valid": nil, "ambiguous": nil, "invalid": ErrSignature, "missing_signature": ErrUnsigned, "malformed": ErrMalformed,
	}
	for _, v := range mustVectors(t).Verify {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			_, match, err := Open(v.Secret, []byte(v.Body))
			if !errors.Is(err, want[v.Expect]) {
				t.Errorf("error %v, want %v", err, want[v.Expect])
			}
			if match.Ambiguous != (v.Expect == "ambiguous") || match.Order != Natural {
				t.Errorf("match %+v for %s", match, v.Expect)
			}
			// The same through the command's lines.
			got := mustLine(t, lineRequest{Op: "verify", Secret: &v.Secret, Body: &v.Body})
			if got := outcomeOf(got); got != v.Expect {
				t.Errorf("line says %s, want %s", got, v.Expect)
			}
		})
	}
}

// mustLine returns the answer of Lines to one line.
func mustLine(t testing.TB, q lineRequest) map[string]any {
	t.Helper()
	in, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Lines(bytes.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", out.Bytes(), err)
	}
	return answer
}

// outcomeOf puts an answer to verify into the vectors' words.
func outcomeOf(answer map[string]any) string {
	switch {
	case answer["error"] == "signature is missing":
		return "missing_signature"
	case answer["error"] != nil:
		return "malformed"
	case answer["ambiguous"] == true && answer["valid"] == true:
		return "ambiguous"
	case answer["valid"] == true:
		return "valid"
	}
	return "invalid"
}

// What the SDKs disagree about. The first of each pair is what this package makes;
// of the others it accepts those that differ in nothing but the order.
func TestVectors_Portability(t *testing.T) {
	t.Parallel()
	ours := map[string]string{
		"uint64-number": "literal", "floats": "literal", "signature-inside-array": "dropped",
		"array-over-ten-orders": "natural", "digit-suffix-orders": "path", "colon-escape": "all_levels",
	}
	accepted := map[string]map[string]Order{
		"array-over-ten-orders": {"natural": Natural, "bytes": ByPath, "line": ByLine},
		"digit-suffix-orders":   {"path": Natural, "line": ByLine},
	}
	for _, v := range mustVectors(t).Portability {
		m := mustParse(t, v.Body)
		if got, want := m.Canonical(), v.Variants[ours[v.ID]].Canonical; got != want {
			t.Errorf("%s: canonical %q, want %q", v.ID, got, want)
		}
		for name, variant := range v.Variants {
			signed := strings.TrimSuffix(v.Body, "}") + `,"signature":"` + variant.Signature + `"}`
			_, match, err := Open(v.Secret, []byte(signed))
			order, known := accepted[v.ID][name]
			switch {
			case name == ours[v.ID], known:
				if err != nil || match.Order != order {
					t.Errorf("%s, %s: order %s, %v", v.ID, name, match.Order, err)
				}
			case !errors.Is(err, ErrSignature):
				t.Errorf("%s, %s: %v", v.ID, name, err)
			}
		}
	}
}

// The documented decline example lacks a brace. As printed it is no JSON; with the
// brace restored, and a signature of its own, it is accepted.
func TestDocumentedDecline_BraceRestored(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/decline_as_printed.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(raw); !errors.Is(err, ErrMalformed) {
		t.Fatalf("as printed: %v", err)
	}
	before, _, found := strings.Cut(string(raw), `"signature"`)
	if !found {
		t.Fatal("the example has no signature")
	}
	restored := strings.TrimRight(before, " \r\n\t,") + "}}"
	body, err := Seal("invented-secret", []byte(restored), AtTop)
	if err != nil {
		t.Fatal(err)
	}
	m, match, err := Open("invented-secret", body)
	if err != nil || match != (Match{}) {
		t.Fatalf("restored: %+v, %v", match, err)
	}
	if status, _ := m.Get("payment", "status").Text(); status != "decline" {
		t.Errorf("status %q", status)
	}
}
