package paygate

import (
	"errors"
	"io"

	"github.com/payloom/payloom/pkg/jsonlines"
)

// MaxLine is the longest line that Lines reads, in bytes. A longer one is
// skipped and answered with an error.
const MaxLine = 1 << 20

// lineRequest is one line in. Pointers tell a missing field from an empty one.
type lineRequest struct {
	Op        string    `json:"op"`
	Cipher    Cipher    `json:"cipher"`
	Key       *string   `json:"key"`
	Plaintext *string   `json:"plaintext"`
	Len       *int      `json:"len"`
	Data      *string   `json:"data"`
	Fields    *[]string `json:"fields"`
}

type encryptReply struct {
	Len  int    `json:"len"`
	Data string `json:"data"`
}

type decryptReply struct {
	Plaintext string            `json:"plaintext"`
	Fields    map[string]string `json:"fields"`
}

type macReply struct {
	MAC string `json:"mac"`
}

// Lines reads JSON lines of the operations encrypt, decrypt and mac and writes
// one JSON line for each, in order. A line that is wrong or must be refused is
// answered with {"error":"reason"} and does not stop the rest; a reason never
// repeats what the line held, because lines hold keys. Lines returns only the
// errors of reading and writing.
func Lines(r io.Reader, w io.Writer) error {
	return jsonlines.Serve(r, w, MaxLine, runLine)
}

func runLine(line []byte) (any, error) {
	var req lineRequest
	if err := jsonlines.Decode(line, &req); err != nil {
		return nil, err
	}
	switch req.Op {
	case "encrypt":
		return req.encrypt()
	case "decrypt":
		return req.decrypt()
	case "mac":
		return req.mac()
	}
	return nil, errors.New("op must be encrypt, decrypt or mac")
}

func (q lineRequest) encrypt() (any, error) {
	if q.Cipher != Blowfish && q.Cipher != AES {
		return nil, errors.New("cipher must be blowfish or aes")
	}
	if q.Key == nil || *q.Key == "" {
		return nil, errors.New("key is missing")
	}
	if q.Plaintext == nil {
		return nil, errors.New("plaintext is missing")
	}
	env, err := Encrypt(q.Cipher, *q.Key, *q.Plaintext)
	switch {
	case errors.Is(err, ErrKey):
		return nil, errors.New("key does not fit the cipher")
	case errors.Is(err, ErrCharset):
		return nil, errors.New("plaintext has a " + ErrCharset.Error())
	case errors.Is(err, ErrField):
		return nil, errors.New("plaintext has a control character")
	case err != nil:
		return nil, errors.New("cannot encrypt")
	}
	return encryptReply{Len: env.Len, Data: env.Data}, nil
}

func (q lineRequest) decrypt() (any, error) {
	if q.Key == nil || *q.Key == "" {
		return nil, errors.New("key is missing")
	}
	if q.Data == nil {
		return nil, errors.New("data is missing")
	}
	env := Envelope{Len: LenMissing, Data: *q.Data}
	if q.Len != nil {
		if *q.Len < 0 {
			return nil, errors.New("len is negative")
		}
		env.Len = *q.Len
	}
	text, err := Open(*q.Key, env)
	if err != nil {
		return nil, errors.New("undecipherable")
	}
	return decryptReply{Plaintext: text, Fields: ParseMessage(text).Map()}, nil
}

func (q lineRequest) mac() (any, error) {
	if q.Key == nil || *q.Key == "" {
		return nil, errors.New("key is missing")
	}
	if q.Fields == nil {
		return nil, errors.New("fields is missing")
	}
	for _, value := range *q.Fields {
		if !isLatin1(value) {
			return nil, errors.New("fields has a " + ErrCharset.Error())
		}
	}
	return macReply{MAC: MAC(*q.Key, *q.Fields...)}, nil
}
