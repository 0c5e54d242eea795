package wire

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/payloom/payloom/pkg/payment"
)

// EventJSON returns r in the JSON of proto/payloom/v1, on one line, with the
// field names of the proto files. 64-bit numbers are strings there. It holds
// whatever personal data r holds.
func EventJSON(r Record) ([]byte, error) {
	var e coder
	m := e.encodeRecord(r)
	return e.json(m, "event")
}

// CommandJSON returns c in the JSON of proto/payloom/v1, as EventJSON does.
func CommandJSON(c payment.Command) ([]byte, error) {
	var e coder
	m := e.encodeCommand(c)
	return e.json(m, "command")
}

func (c *coder) json(m proto.Message, what string) ([]byte, error) {
	if c.err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnencodable, what, c.err)
	}
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnencodable, what, err)
	}
	var out bytes.Buffer // protojson varies its white space on purpose
	if err := json.Compact(&out, data); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnencodable, what, err)
	}
	return out.Bytes(), nil
}
