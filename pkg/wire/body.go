package wire

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// snapshotField is the number of the field that holds the payment in an event.
const snapshotField = 100

// Body returns a stored event without its snapshot, which is most of it: for
// whoever keeps every event of a payment. It looks at the top level only and
// decodes nothing. data is not changed; the result may share its memory.
func Body(data []byte) ([]byte, error) {
	var body []byte
	rest, kept := data, 0 // data[kept:] up to rest is still to be copied
	for len(rest) > 0 {
		num, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return nil, fmt.Errorf("%w: event: %w", ErrUndecodable, protowire.ParseError(n))
		}
		if num == snapshotField {
			at := len(data) - len(rest)
			body = append(body, data[kept:at]...)
			kept = at + n
		}
		rest = rest[n:]
	}
	if kept == 0 {
		return data, nil
	}
	return append(body, data[kept:]...), nil
}

// DataJSON returns what happened in an event, given its Body, in the JSON of
// proto/payloom/v1 on one line. It holds whatever personal data the event holds
// unsealed.
func DataJSON(body []byte) (json.RawMessage, error) {
	text, _, err := OpenDataJSON(body, nil)
	return text, err
}

// OpenDataJSON is DataJSON with what is sealed opened by the key that find gives.
// closed tells that it was not, as with Record.
func OpenDataJSON(body []byte, find Finder) (text json.RawMessage, closed bool, err error) {
	var m pb.Event
	if err := unmarshal(body, &m, "event"); err != nil {
		return nil, false, err
	}
	c := coder{find: find}
	if closed, err = c.openEvent(&m); err != nil {
		return nil, false, err
	}
	text, err = dataJSON(&m)
	return text, closed, err
}

func dataJSON(m *pb.Event) (json.RawMessage, error) {
	data := whatHappened(m.ProtoReflect())
	if data == nil {
		return nil, fmt.Errorf("%w: event: data is missing or not known", ErrUndecodable)
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("%w: event: %w", ErrUnencodable, err)
	}
	var out bytes.Buffer // protojson varies its white space on purpose
	if err := json.Compact(&out, text); err != nil {
		return nil, fmt.Errorf("%w: event: %w", ErrUnencodable, err)
	}
	return out.Bytes(), nil
}

// whatHappened returns the member of the oneof that is set, or nil.
func whatHappened(m protoreflect.Message) proto.Message {
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("data"))
	if field == nil {
		return nil
	}
	return m.Get(field).Message().Interface()
}
