package wire

import (
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// ErrUndecodable is what all errors of Unmarshal functions wrap. Trying again
// does not help: the message is poison.
var ErrUndecodable = errors.New("wire: undecodable")

// ErrUnencodable is what all errors of Marshal functions wrap: the value has no
// form on the wire, and reading it back would fail.
var ErrUnencodable = errors.New("wire: unencodable")

// schemaVersion is the version of all messages that this package writes and the
// only one that it reads.
const schemaVersion = 1

// coder keeps the first thing that went wrong, in either direction, so that the
// translations read as lists of fields.
type coder struct {
	err  error
	find Finder // of the keys that open what is sealed; nil: leave it sealed
}

func (c *coder) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

// demand fails unless ok.
func (c *coder) demand(ok bool, what string) {
	if !ok {
		c.fail("%s is missing", what)
	}
}

func (c *coder) version(v uint32) {
	if v != schemaVersion {
		c.fail("schema version %d, known is %d", v, schemaVersion)
	}
}

// known fails when m holds fields that this version of the schema does not have.
func (c *coder) known(m proto.Message, what string) {
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		c.fail("%s holds a field that is not known", what)
	}
}

// encodeInt returns v, or the nearest value that fits.
func (c *coder) encodeInt(v int) int32 {
	if v > math.MaxInt32 || v < math.MinInt32 {
		c.fail("%d does not fit 32 bits", v)
		return int32(min(max(v, math.MinInt32), math.MaxInt32))
	}
	return int32(v)
}

// encodeTime returns nil for the zero time.
func (c *coder) encodeTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	ts := timestamppb.New(t)
	if err := ts.CheckValid(); err != nil {
		c.fail("a time is out of range")
	}
	return ts
}

// decodeTime returns the zero time for nil, UTC otherwise.
func (c *coder) decodeTime(ts *timestamppb.Timestamp) time.Time {
	if ts == nil {
		return time.Time{}
	}
	if err := ts.CheckValid(); err != nil {
		c.fail("a time is out of range")
		return time.Time{}
	}
	return ts.AsTime()
}

// deterministic sorts maps; all else is in the order of field numbers anyway.
var deterministic = proto.MarshalOptions{Deterministic: true}

// marshal ends the encoding of m by c.
func (c *coder) marshal(m proto.Message, what string) ([]byte, error) {
	if c.err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnencodable, what, c.err)
	}
	data, err := deterministic.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnencodable, what, err)
	}
	return data, nil
}

// poison returns c's error as that of an Unmarshal function.
func (c *coder) poison(what string) error {
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s: %w", ErrUndecodable, what, c.err)
}

// unmarshal begins the decoding of data into m.
func unmarshal(data []byte, m proto.Message, what string) error {
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUndecodable, what, err)
	}
	return nil
}
