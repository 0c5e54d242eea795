// Package jsonlines answers lines of JSON with lines of JSON: one line out for
// each line in, in order, whatever the line holds. The codecs' commands are made
// of it.
package jsonlines

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Serve reads lines and writes what answer makes of each as one line of JSON. An
// error of answer becomes {"error":"reason"} and does not stop the rest, nor
// does a line longer than maxLine bytes, which is skipped. Serve returns only
// the errors of reading and writing.
func Serve(r io.Reader, w io.Writer, maxLine int, answer func(line []byte) (any, error)) error {
	in, out := &reader{in: bufio.NewReader(r), most: maxLine}, bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil && !errors.Is(err, errLong) {
			return errors.Join(fmt.Errorf("read lines: %w", err), out.Flush())
		}
		if err := enc.Encode(reply(line, err, answer)); err != nil {
			return fmt.Errorf("write line: %w", err)
		}
		// Whoever feeds line by line waits for the answer before the next one.
		if in.in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return fmt.Errorf("write line: %w", err)
			}
		}
	}
}

func reply(line []byte, err error, answer func([]byte) (any, error)) any {
	var out any
	if err == nil {
		out, err = answer(line)
	}
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	return out
}

// Decode reads a line into a struct. Its errors describe what is wrong without
// the text that caused it, because lines may hold secrets.
func Decode(line []byte, into any) error {
	err := json.Unmarshal(line, into)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Errorf("%s has the wrong type", wrongType.Field)
	}
	return errors.New("line is not a JSON object")
}

// errLong marks a line that was skipped; the message is made by tooLong.
var errLong = errors.New("line is too long")

type tooLong int

func (t tooLong) Error() string { return fmt.Sprintf("line is longer than %d bytes", int(t)) }

func (t tooLong) Is(target error) bool { return target == errLong }

type reader struct {
	in   *bufio.Reader
	most int
}

// next returns the next line without its end, an error that is errLong after
// skipping one that is too long, or io.EOF when there is nothing more.
func (r *reader) next() ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.in.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > r.most {
			line, long = nil, true
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0 && !long:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case long:
			return nil, tooLong(r.most)
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}
