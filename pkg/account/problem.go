package account

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a file of accounts. It shows no secret
// and no key.
type Problem struct {
	Path  string // of the file
	Line  int    // from 1; 0: the file as a whole
	Field string // such as "merchants[0].accounts[1].endpoint"
	What  string
}

// String returns "path:line: field: what".
func (p Problem) String() string {
	s := p.Path
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, p.Line)
	}
	if p.Field != "" {
		s += ": " + p.Field
	}
	return s + ": " + p.What
}

// Invalid is the error of a file that cannot be used: all that is wrong with it,
// in the order of the file.
type Invalid struct{ Problems []Problem }

// Error lists the problems, one per line.
func (e *Invalid) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
