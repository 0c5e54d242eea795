package payouts_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/services/internal/payouts"
)

// shorten says lines in short.
func shorten(l payouts.Line) string {
	switch {
	case l.TooLong:
		return fmt.Sprint(l.Number, " too long")
	case len(l.Text) > 20:
		return fmt.Sprint(l.Number, " ", len(l.Text), " bytes")
	}
	return fmt.Sprint(l.Number, " ", string(l.Text))
}

func readAll(l *payouts.Lines) ([]string, error) {
	var all []string
	for {
		line, err := l.Next()
		if err != nil {
			return all, err
		}
		all = append(all, shorten(line))
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing":                        {"", nil},
		"only a byte order mark":         {"\ufeff", nil},
		"only an end":                    {"\n", []string{"1 "}},
		"a last line without an end":     {"a\nb", []string{"1 a", "2 b"}},
		"CRLF, and a lone CR at the end": {"a\r\nb\r", []string{"1 a", "2 b"}},
		"a CR within":                    {"a\rb\n", []string{"1 a\rb"}},
		"a byte order mark":              {"\ufeffa\n\ufeffb", []string{"1 a", "2 \ufeffb"}},
		"as long as may be":              {x(16<<10) + "\n" + x(16<<10) + "\r\n" + x(16<<10), []string{"1 16384 bytes", "2 16384 bytes", "3 16384 bytes"}},
		"longer by one":                  {x(16<<10+1) + "\nb\n" + x(16<<10+1), []string{"1 too long", "2 b", "3 too long"}},
		"much longer":                    {x(1<<20) + "\nb", []string{"1 too long", "2 b"}},
	}
	for name, tt := range tests {
		for how, r := range map[string]io.Reader{
			"at once": strings.NewReader(tt.text), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.text)), "end with data": iotest.DataErrReader(strings.NewReader(tt.text)),
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				got, err := readAll(payouts.NewLines(r, 1))
				if d := cmp.Diff(tt.want, got); d != "" || !errors.Is(err, io.EOF) {
					t.Errorf("error %v: %s", err, d)
				}
			})
		}
	}
}

// TestLines_BreakOff sees that half a line is none when the rest could not be read.
func TestLines_BreakOff(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a", "a\nb", "a\nb\nccc", strings.Repeat("x", 20<<10)} {
		broken := io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))
		got, err := readAll(payouts.NewLines(broken, 1))
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != strings.Count(text, "\n") {
			t.Errorf("%.10q: lines %v, error %v", text, got, err)
		}
	}
}

func TestLines_Numbers(t *testing.T) {
	t.Parallel()
	l := payouts.NewLines(strings.NewReader("header\na\nb\n"), 1)
	if _, err := l.Next(); err != nil || l.Number() != 2 {
		t.Errorf("the next line is %d, error %v", l.Number(), err)
	}
	l.Renumber(7)
	got, _ := readAll(l)
	if d := cmp.Diff([]string{"7 a", "8 b"}, got); d != "" || l.Number() != 9 {
		t.Errorf("the next line is %d: %s", l.Number(), d)
	}
}

// FuzzLines reads anything: no line is lost, made up, or longer than allowed.
func FuzzLines(f *testing.F) {
	for _, text := range []string{"", "a\nb", "\ufeffa\r\n\r\nb\r", "\n\n\n", strings.Repeat("x", 17<<10) + "\ny"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, n := payouts.NewLines(bytes.NewReader(text), 1), 0
		want := bytes.Split(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1]
		}
		for ; ; n++ {
			line, err := l.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || n >= len(want) || line.Number != n+1 {
				t.Fatalf("line %d of %d: %+v, error %v", n+1, len(want), line.Number, err)
			}
			text := bytes.TrimSuffix(want[n], []byte("\r"))
			if line.TooLong != (len(text) > payouts.MaxLine) || !line.TooLong && !bytes.Equal(line.Text, text) {
				t.Fatalf("line %d has %d bytes, want %d", n+1, len(line.Text), len(text))
			}
		}
		if n != len(want) {
			t.Fatalf("%d lines, want %d", n, len(want))
		}
	})
}
