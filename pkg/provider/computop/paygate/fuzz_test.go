package paygate

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func FuzzOpen(f *testing.F) {
	v := mustVectors(f)
	for _, b := range v.Blowfish {
		f.Add(b.Key, b.Len, b.DataHex)
	}
	for _, a := range v.AES {
		f.Add(a.Key, a.Len, a.Data)
	}
	for _, c := range v.Reject {
		if env, _, err := ParseEnvelope([]byte(c.WireBody)); err == nil {
			f.Add(c.Key, env.Len, env.Data)
		}
	}
	f.Fuzz(func(t *testing.T, key string, length int, data string) {
		text, err := Open(key, Envelope{Len: length, Data: data})
		if err != nil && err != ErrUndecipherable { //nolint:errorlint // exactly this error
			t.Fatalf("error %v", err)
		}
		if err != nil && text != "" {
			t.Fatalf("text %q beside an error", text)
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	v := mustVectors(f)
	for _, b := range v.Blowfish {
		f.Add([]byte(b.WireBody))
	}
	for _, c := range append(v.Accept, v.Reject...) {
		f.Add([]byte(c.WireBody))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		env, _, err := ParseEnvelope(body)
		if err != nil {
			return
		}
		again, _, err := ParseEnvelope([]byte(env.Form().Encode()))
		if err != nil || again != env {
			t.Fatalf("%+v became %+v, %v", env, again, err)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	v := mustVectors(f)
	for _, b := range v.Blowfish {
		f.Add(b.Plaintext)
	}
	for _, c := range v.Accept {
		f.Add(c.Plaintext)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := ParseMessage(text)
		for _, field := range m {
			if field.Name == "" || strings.ContainsAny(field.Name, "=&") || strings.Contains(field.Value, "&") {
				t.Fatalf("field %+v", field)
			}
		}
		for name := range m.Map() {
			if name != strings.ToLower(name) {
				t.Fatalf("name %q", name)
			}
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"op":"mac","key":"k","fields":["a","b"]}` + "\n"))
	f.Add([]byte(`{"op":"decrypt","key":"abcde","len":7,"data":"81e75287e9bafd5d"}` + "\n{}\n\nx"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := Lines(bytes.NewReader(in), &out); err != nil {
			t.Fatal(err)
		}
		want := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			want++
		}
		lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
		if out.Len() == 0 {
			lines = nil
		}
		if len(lines) != want {
			t.Fatalf("%d lines out for %d in", len(lines), want)
		}
		for _, line := range lines {
			if !json.Valid(line) {
				t.Fatalf("not JSON: %q", line)
			}
		}
	})
}
