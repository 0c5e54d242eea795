package gate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line that Lines reads, in bytes. A longer one is
// skipped and answered with an error.
const MaxLine = 2 << 20

// lineRequest is one line in. Pointers tell a missing field from an empty one.
type lineRequest struct {
	Op     string  `json:"op"`
	Secret *string `json:"secret"`
	Body   *string `json:"body"`
}

type canonicalReply struct {
	Canonical string `json:"canonical"`
}

type signReply struct {
	Signature string `json:"signature"`
}

type verifyReply struct {
	Valid     bool   `json:"valid"`
	Order     string `json:"order,omitempty"`     // which one fits, where it is not the natural one
	Ambiguous bool   `json:"ambiguous,omitempty"` // the signature fits another message too
}

type errorReply struct {
	Error string `json:"error"`
}

// Lines reads JSON lines of the operations canonical, sign and verify and writes
// one JSON line for each, in order. A line that is wrong or must be refused is
// answered with {"error":"reason"} and does not stop the rest; a reason never
// repeats what the line held, because lines hold secrets. Lines returns only the
// errors of reading and writing.
func Lines(r io.Reader, w io.Writer) error {
	in, out := bufio.NewReader(r), bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return errors.Join(fmt.Errorf("read lines: %w", err), out.Flush())
		}
		if err := enc.Encode(answerLine(line, err)); err != nil {
			return fmt.Errorf("write line: %w", err)
		}
		// Whoever feeds line by line waits for the answer before the next one.
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return fmt.Errorf("write line: %w", err)
			}
		}
	}
}

var errLongLine = fmt.Errorf("line is longer than %d bytes", MaxLine)

// readLine returns the next line without its end, errLongLine after skipping
// one that is too long, or io.EOF when there is nothing more.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > MaxLine {
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
			return nil, errLongLine
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}

func answerLine(line []byte, err error) any {
	if err != nil {
		return errorReply{Error: err.Error()}
	}
	reply, err := runLine(line)
	if err != nil {
		return errorReply{Error: err.Error()}
	}
	return reply
}

func runLine(line []byte) (any, error) {
	var req lineRequest
	if err := json.Unmarshal(line, &req); err != nil {
		return nil, lineError(err)
	}
	switch req.Op {
	case "canonical":
		return req.canonical()
	case "sign":
		return req.sign()
	case "verify":
		return req.verify()
	}
	return nil, errors.New("op must be canonical, sign or verify")
}

// lineError describes a decoding error without the text that caused it.
func lineError(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return fmt.Errorf("%s has the wrong type", wrongType.Field)
	}
	return errors.New("line is not a JSON object")
}

// message returns the line's body, decoded.
func (q lineRequest) message() (Message, error) {
	if q.Body == nil {
		return Message{}, errors.New("body is missing")
	}
	m, err := Parse([]byte(*q.Body))
	switch {
	case errors.Is(err, ErrDuplicate):
		return Message{}, errors.New("body has a member twice")
	case errors.Is(err, ErrTooLarge):
		return Message{}, errors.New("body is too large")
	case err != nil:
		return Message{}, errors.New("body is not a JSON object")
	}
	return m, nil
}

// keyed returns the line's secret and its body.
func (q lineRequest) keyed() (string, Message, error) {
	if q.Secret == nil || *q.Secret == "" {
		return "", Message{}, errors.New("secret is missing")
	}
	m, err := q.message()
	return *q.Secret, m, err
}

func (q lineRequest) canonical() (any, error) {
	m, err := q.message()
	if err != nil {
		return nil, err
	}
	return canonicalReply{m.Canonical()}, nil
}

func (q lineRequest) sign() (any, error) {
	secret, m, err := q.keyed()
	if err != nil {
		return nil, err
	}
	return signReply{m.Signature(secret)}, nil
}

func (q lineRequest) verify() (any, error) {
	secret, m, err := q.keyed()
	if err != nil {
		return nil, err
	}
	match, err := m.Verify(secret)
	switch {
	case errors.Is(err, ErrUnsigned):
		return nil, errors.New("signature is missing")
	case err != nil:
		return verifyReply{}, nil //nolint:nilerr // that it does not match is the answer
	}
	reply := verifyReply{Valid: true, Ambiguous: match.Ambiguous}
	if match.Order != Natural {
		reply.Order = match.Order.String()
	}
	return reply, nil
}
