package wire

import (
	"time"

	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// DeadLetter is a message that a service could not handle and will not be given
// again, with all that sending it once more takes.
type DeadLetter struct {
	Service string // which gave it up
	Reason  string // why; holds no personal data
	At      time.Time

	Stream     string // where it came from
	Sequence   uint64 // in Stream
	Subject    string
	Deliveries uint64 // how often it was delivered

	Headers map[string][]string
	Body    []byte
}

// MarshalDeadLetter returns d as it stands on DEAD_LETTERS. Body and the values
// of Headers are stored byte by byte.
func MarshalDeadLetter(d DeadLetter) ([]byte, error) {
	var e coder
	e.checkDeadLetter(d)
	return e.marshalScrubbed(&pb.DeadLetter{
		SchemaVersion: schemaVersion,
		Service:       d.Service,
		Reason:        d.Reason,
		At:            e.encodeTime(d.At),
		Stream:        d.Stream,
		Sequence:      d.Sequence,
		Subject:       d.Subject,
		Deliveries:    d.Deliveries,
		Headers:       encodeHeader(d.Headers),
		Body:          d.Body,
	}, "dead letter")
}

// UnmarshalDeadLetter reads what MarshalDeadLetter wrote.
func UnmarshalDeadLetter(data []byte) (DeadLetter, error) {
	var m pb.DeadLetter
	if err := unmarshal(data, &m, "dead letter"); err != nil {
		return DeadLetter{}, err
	}
	var c coder
	d := c.decodeDeadLetter(&m)
	if err := c.poison("dead letter"); err != nil {
		return DeadLetter{}, err
	}
	return d, nil
}

func (c *coder) decodeDeadLetter(m *pb.DeadLetter) DeadLetter {
	c.version(m.GetSchemaVersion())
	d := DeadLetter{
		Service:    m.GetService(),
		Reason:     m.GetReason(),
		At:         c.decodeTime(m.GetAt()),
		Stream:     m.GetStream(),
		Sequence:   m.GetSequence(),
		Subject:    m.GetSubject(),
		Deliveries: m.GetDeliveries(),
		Headers:    decodeHeader(m.GetHeaders()),
		Body:       m.GetBody(),
	}
	c.checkDeadLetter(d)
	return d
}

// checkDeadLetter fails unless d says who gave up what, and when.
func (c *coder) checkDeadLetter(d DeadLetter) {
	c.demand(d.Service != "", "service")
	c.demand(!d.At.IsZero(), "at")
	c.demand(d.Stream != "", "stream")
	c.demand(d.Subject != "", "subject")
}
