package wire

import (
	"crypto/sha256"
	"fmt"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// Record is an event as it stands on EVENTS.
type Record struct {
	Event payment.Event
	After payment.Payment // what the payment has become by Event
	Prev  []byte          // Hash of the payment's previous event; empty for the first
	// Closed is set when personal data is missing because it is sealed: its key is
	// destroyed, or nobody asked for it.
	Closed bool
	// Sealed is the personal data of After as it is stored: for whoever keeps it
	// without reading it, and opens it later by OpenPersonal.
	Sealed []byte
}

// Hash returns the SHA-256 of a stored event: what the next one holds as Prev.
func Hash(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

// MarshalRecord returns r as it stands on EVENTS. It refuses an event without
// what every event has, and an After that is not the Event's. Text that is not
// UTF-8 is stored with U+FFFD for the bytes that do not fit: what happened must be
// storable however the provider wrote it.
func MarshalRecord(r Record) ([]byte, error) {
	var e coder
	m := e.encodeRecord(r)
	return e.marshalScrubbed(m, "event")
}

// SealRecord is MarshalRecord with the personal data sealed by k, or left out when
// k is nil.
func SealRecord(r Record, k *seal.Key) ([]byte, error) {
	var e coder
	m := e.encodeRecord(r)
	e.sealEvent(m, k)
	return e.marshalScrubbed(m, "event")
}

// UnmarshalRecord reads what MarshalRecord and SealRecord wrote, and leaves sealed
// what is sealed.
func UnmarshalRecord(data []byte) (Record, error) { return OpenRecord(data, nil) }

// OpenRecord is UnmarshalRecord with what is sealed opened by the keys that find
// gives. An error of find other than seal.ErrDestroyed is returned.
func OpenRecord(data []byte, find Finder) (Record, error) {
	var m pb.Event
	if err := unmarshal(data, &m, "event"); err != nil {
		return Record{}, err
	}
	d := coder{find: find}
	sealed := d.stored(m.GetSnapshot().GetSealed())
	closed, err := d.openEvent(&m)
	if err != nil {
		return Record{}, fmt.Errorf("event: %w", err)
	}
	r := d.decodeRecord(&m)
	if err := d.poison("event"); err != nil {
		return Record{}, err
	}
	r.Closed, r.Sealed = closed, sealed
	return r, nil
}

func (c *coder) encodeRecord(r Record) *pb.Event {
	c.checkRecord(r)
	m := &pb.Event{
		SchemaVersion: schemaVersion,
		Id:            r.Event.ID,
		PaymentId:     string(r.Event.Payment),
		Merchant:      string(r.Event.Merchant),
		Provider:      string(r.Event.Provider),
		Version:       r.Event.Version,
		CommandId:     string(r.Event.Command),
		At:            c.encodeTime(r.Event.At),
		Source:        sources.encode(c, r.Event.Source),
		PrevHash:      r.Prev,
		Snapshot:      c.encodePayment(r.After),
	}
	c.encodeData(m, r.Event.Data)
	return m
}

func (c *coder) decodeRecord(m *pb.Event) Record {
	c.version(m.GetSchemaVersion())
	c.demand(m.GetSnapshot() != nil, "snapshot")
	r := Record{
		Event: payment.Event{
			ID:       m.GetId(),
			Payment:  payment.ID(m.GetPaymentId()),
			Merchant: payment.Merchant(m.GetMerchant()),
			Provider: payment.Provider(m.GetProvider()),
			Version:  m.GetVersion(),
			Command:  payment.CommandID(m.GetCommandId()),
			At:       c.decodeTime(m.GetAt()),
			Source:   sources.decode(c, m.GetSource()),
			Data:     c.decodeData(m),
		},
		After: c.decodePayment(m.GetSnapshot()),
		Prev:  m.GetPrevHash(),
	}
	c.checkRecord(r)
	return r
}

// checkRecord fails unless r has what every record has. It is asked before
// writing as well as after reading, so that nothing is written that will not be
// read.
func (c *coder) checkRecord(r Record) {
	c.demand(r.Event.ID != "", "id")
	c.demand(r.Event.Payment != "", "payment_id")
	c.demand(r.Event.Merchant != "", "merchant")
	c.demand(r.Event.Provider != "", "provider")
	c.demand(r.Event.Version != 0, "version")
	c.demand(!r.Event.At.IsZero(), "at")
	c.demand(r.Event.Data != nil, "data")
	if n := len(r.Prev); n != 0 && n != sha256.Size {
		c.fail("prev_hash has %d bytes", n)
	}
	if r.After.ID != r.Event.Payment || r.After.Merchant != r.Event.Merchant || r.After.Version != r.Event.Version {
		c.fail("the snapshot is of another payment or version")
	}
}
