package payouts

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine is the longest line that is read, in bytes, its end not counted.
const MaxLine = 16 << 10

// Line is one line of input.
type Line struct {
	Number  int    // in the whole input, from 1
	Text    []byte // without its end; nothing of one that is too long
	TooLong bool
}

// Blank tells whether nothing is on the line. Such lines are counted and passed over.
func (l Line) Blank() bool { return !l.TooLong && len(bytes.TrimSpace(l.Text)) == 0 }

// Lines reads lines that end with LF or CRLF, the last one perhaps with nothing. It
// never holds more than one. It is for one goroutine.
type Lines struct {
	in    *bufio.Reader
	next  int
	begun bool
}

// NewLines returns a reader of r's lines. The first one read counts as line first.
func NewLines(r io.Reader, first int) *Lines {
	return &Lines{in: bufio.NewReaderSize(r, MaxLine+2), next: first}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// Next returns the next line; its text is the caller's own. At the end the error is
// io.EOF. What stands before any other error is not a whole line, and is dropped: half
// an account number may be a whole one, too.
func (l *Lines) Next() (Line, error) {
	if !l.begun {
		l.begun = true
		if head, err := l.in.Peek(len(byteOrderMark)); err == nil && bytes.Equal(head, byteOrderMark) {
			_, _ = l.in.Discard(len(byteOrderMark)) // cannot fail: it was peeked at
		}
	}
	line := Line{Number: l.next}
	text, err := l.in.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		line.TooLong = true
		text, err = l.in.ReadSlice('\n')
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return Line{}, err
	case err != nil && len(text) == 0 && !line.TooLong:
		return Line{}, io.EOF
	}
	l.next++
	text = bytes.TrimSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if line.TooLong = line.TooLong || len(text) > MaxLine; !line.TooLong {
		line.Text = bytes.Clone(text)
	}
	return line, nil
}

// Number returns the number of the next line.
func (l *Lines) Number() int { return l.next }

// Renumber has the next line count as line n.
func (l *Lines) Renumber(n int) { l.next = n }
