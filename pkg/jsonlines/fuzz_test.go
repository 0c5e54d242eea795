package jsonlines

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzServe checks that every line in is answered by one line of JSON, in order.
func FuzzServe(f *testing.F) {
	for _, seed := range []string{"", "\n", "{\"n\":1}\n{\"n\":2}", "x\r\n\n", "{\"n\":1}\x00\n", "\xff\xfe\n", "[1]\nnull\n", string(bytes.Repeat([]byte("y"), 99))} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := Serve(bytes.NewReader(in), &out, 64, echo); err != nil {
			t.Fatal(err)
		}
		asked := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && !bytes.HasSuffix(in, []byte("\n")) {
			asked++
		}
		answers := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
		if asked == 0 {
			answers = nil
		}
		if len(answers) != asked && out.Len() > 0 || (out.Len() == 0) != (asked == 0) {
			t.Fatalf("%d lines, answered by %d", asked, len(answers))
		}
		for _, a := range answers {
			if !json.Valid(a) {
				t.Fatalf("answer %q is no JSON", a)
			}
		}
	})
}
