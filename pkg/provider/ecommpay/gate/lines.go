package gate

import (
	"errors"
	"io"

	"github.com/payloom/payloom/pkg/jsonlines"
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

// Lines reads JSON lines of the operations canonical, sign and verify and writes
// one JSON line for each, in order. A line that is wrong or must be refused is
// answered with {"error":"reason"} and does not stop the rest; a reason never
// repeats what the line held, because lines hold secrets. Lines returns only the
// errors of reading and writing.
func Lines(r io.Reader, w io.Writer) error { return jsonlines.Serve(r, w, MaxLine, runLine) }

func runLine(line []byte) (any, error) {
	var req lineRequest
	if err := jsonlines.Decode(line, &req); err != nil {
		return nil, err
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
