package paygate

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

type errorReply struct {
	Error string `json:"error"`
}

// Lines reads JSON lines of the operations encrypt, decrypt and mac and writes
// one JSON line for each, in order. A line that is wrong or must be refused is
// answered with {"error":"reason"} and does not stop the rest; a reason never
// repeats what the line held, because lines hold keys. Lines returns only the
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
	case "encrypt":
		return req.encrypt()
	case "decrypt":
		return req.decrypt()
	case "mac":
		return req.mac()
	}
	return nil, errors.New("op must be encrypt, decrypt or mac")
}

// lineError describes a decoding error without the text that caused it.
func lineError(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return fmt.Errorf("%s has the wrong type", wrongType.Field)
	}
	return errors.New("line is not a JSON object")
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
