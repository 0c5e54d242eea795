package jsonlines

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func echo(line []byte) (any, error) {
	var in struct {
		N int `json:"n"`
	}
	if err := Decode(line, &in); err != nil {
		return nil, err
	}
	return map[string]int{"n": in.N}, nil
}

func TestServe(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, want string }{
		"nothing in gives nothing out":       {"", ""},
		"a line without an end counts":       {`{"n":1}`, `{"n":1}` + "\n"},
		"carriage returns are no text":       {"{\"n\":1}\r\n", `{"n":1}` + "\n"},
		"a bad line does not stop the rest":  {"x\n{\"n\":2}\n", `{"error":"line is not a JSON object"}` + "\n" + `{"n":2}` + "\n"},
		"an empty line is a bad line":        {"\n", `{"error":"line is not a JSON object"}` + "\n"},
		"a wrong type is named, not quoted":  {`{"n":"hush"}`, `{"error":"n has the wrong type"}` + "\n"},
		"a long line is skipped and counted": {strings.Repeat("y", 99) + "\n{\"n\":3}\n", `{"error":"line is longer than 20 bytes"}` + "\n" + `{"n":3}` + "\n"},
		"a long line may be the last":        {strings.Repeat("y", 9999), `{"error":"line is longer than 20 bytes"}` + "\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := Serve(strings.NewReader(c.in), &out, 20, echo); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("got %q, want %q", out.String(), c.want)
			}
		})
	}
}

func TestServe_AnswersBeforeTheNextLineComes(t *testing.T) {
	t.Parallel()
	in, feed := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(in, out, 100, echo) }()
	buffer := make([]byte, 100)
	for _, line := range []string{`{"n":1}` + "\n", `{"n":2}` + "\n"} {
		if _, err := io.WriteString(feed, line); err != nil {
			t.Fatal(err)
		}
		n, err := answers.Read(buffer)
		if err != nil || string(buffer[:n]) != line {
			t.Fatalf("got %q, %v; want %q", buffer[:n], err, line)
		}
	}
	_ = feed.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestServe_TellsErrorsOfReadingAndWriting(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if err := Serve(iotest.ErrReader(broken), io.Discard, 100, echo); !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
	reader, gone := io.Pipe()
	_ = reader.CloseWithError(broken)
	if err := Serve(strings.NewReader("{}\n"), gone, 100, echo); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
}
