package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func FuzzParse(f *testing.F) {
	v := mustVectors(f)
	for _, s := range v.Sign {
		f.Add([]byte(s.Body))
	}
	for _, c := range v.Verify {
		f.Add([]byte(c.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Parse(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v", err)
			}
			return
		}
		// How it is written does not matter.
		var again bytes.Buffer
		if err := json.Compact(&again, body); err != nil {
			t.Fatalf("read what is no JSON: %v", err)
		}
		n, err := Parse(again.Bytes())
		if err != nil || n.Canonical() != m.Canonical() {
			t.Fatalf("%q became %q, %v", m.Canonical(), n.Canonical(), err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	for _, c := range mustVectors(f).Verify {
		f.Add(c.Secret, []byte(c.Body))
	}
	f.Fuzz(func(t *testing.T, secret string, body []byte) {
		m, match, err := Open(secret, body)
		if err != nil {
			known := errors.Is(err, ErrMalformed) || errors.Is(err, ErrUnsigned) || errors.Is(err, ErrSignature)
			if !known || match != (Match{}) {
				t.Fatalf("%+v beside %v", match, err)
			}
			return
		}
		if got, _ := m.signature(); got != signature(secret, m.CanonicalIn(match.Order)) {
			t.Fatalf("%q accepted", body)
		}
	})
}

func FuzzSeal(f *testing.F) {
	for _, s := range mustVectors(f).Sign {
		f.Add(s.Secret, []byte(s.Body), false)
		f.Add(s.Secret, []byte(s.Body), true)
	}
	f.Fuzz(func(t *testing.T, secret string, body []byte, general bool) {
		place := AtTop
		if general {
			place = InGeneral
		}
		sealed, err := Seal(secret, body, place)
		if err != nil {
			return
		}
		_, match, err := Open(secret, sealed)
		if len(sealed) > MaxBody && errors.Is(err, ErrTooLarge) {
			return
		}
		if err != nil || match != (Match{Place: place}) {
			t.Fatalf("%q: %+v, %v", sealed, match, err)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"op":"sign","secret":"k","body":"{\"a\":1}"}` + "\n"))
	f.Add([]byte(`{"op":"verify","secret":"k","body":"{\"signature\":\"x\"}"}` + "\n{}\n\nx"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := Lines(bytes.NewReader(in), &out); err != nil {
			t.Fatal(err)
		}
		want := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			want++
		}
		if got := bytes.Count(out.Bytes(), []byte("\n")); got != want {
			t.Fatalf("%d lines out for %d in", got, want)
		}
		for line := range bytes.Lines(out.Bytes()) {
			if !json.Valid(line) {
				t.Fatalf("not JSON: %q", line)
			}
		}
	})
}
