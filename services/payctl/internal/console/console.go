// Package console is how payctl speaks to people and to programs: tables and
// colours on a terminal, plain text elsewhere, JSON when asked for, progress bars
// on standard error and only where a person sees them.
package console

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Console is where a command prints. Note may be called concurrently.
type Console struct {
	Out  io.Writer
	Err  io.Writer
	JSON bool // the caller wants JSON, and nothing else on Out

	outColor bool
	errColor bool // Err is a terminal, too
	mu       *sync.Mutex
}

// New returns a console on the given streams, with colours where they are terminals
// and the environment variable NO_COLOR is unset.
func New(out, err io.Writer, asJSON bool) *Console {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	return &Console{
		Out: out, Err: err, JSON: asJSON, mu: &sync.Mutex{},
		outColor: !plain && isTerminal(out), errColor: !plain && isTerminal(err),
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Object prints v as indented JSON.
func (c *Console) Object(v any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Line prints v as one line of JSON.
func (c *Console) Line(v any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Printf prints for people on Out.
func (c *Console) Printf(format string, args ...any) { fmt.Fprintf(c.Out, format, args...) }

// Note prints a remark on Err, a line of its own.
func (c *Console) Note(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.Err, c.errPaint(Dim, text))
}

// Style is how text looks on a terminal.
type Style string

// The styles, as ANSI sequences.
const (
	Plain  Style = ""
	Bold   Style = "\x1b[1m"
	Dim    Style = "\x1b[2m"
	Red    Style = "\x1b[31m"
	Green  Style = "\x1b[32m"
	Yellow Style = "\x1b[33m"
	Cyan   Style = "\x1b[36m"

	reset = "\x1b[0m"
)

// Paint returns text in a style, for Out.
func (c *Console) Paint(s Style, text string) string { return paint(c.outColor, s, text) }

func (c *Console) errPaint(s Style, text string) string { return paint(c.errColor, s, text) }

func paint(colors bool, s Style, text string) string {
	if !colors || s == Plain || text == "" {
		return text
	}
	return string(s) + text + reset
}

// Fail prints an error on Err, the way every command ends that fails.
func (c *Console) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.Err, "%s %v\n", c.errPaint(Red, "payctl:"), err)
}
