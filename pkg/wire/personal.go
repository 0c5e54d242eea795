package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// Personal data is what the split functions below take out of a message. What was
// taken is a message of the same type; merged into what is left it gives the whole.
// A message that held something keeps its place: an empty buyer still says that the
// provider told of one, so that what the events add up to is the same without.
// Names that people and machines gave to payments, operations and mandates are no
// personal data here; see docs/privacy.md.

// Finder returns the data key of that id, or seal.ErrDestroyed.
type Finder func(id string) (*seal.Key, error)

// HasPersonal tells whether c holds personal data.
func HasPersonal(c payment.Command) bool {
	return c.Description != "" || c.StatementText != "" || c.Beneficiary != nil ||
		(c.Authorization != nil && c.Authorization.Return != payment.ReturnURLs{})
}

// HasPersonal tells whether r holds personal data.
func (r Record) HasPersonal() bool {
	switch d := r.Event.Data.(type) {
	case payment.AttemptStarted:
		if d.Terms != nil && d.Terms.Return != (payment.ReturnURLs{}) {
			return true
		}
	case payment.BuyerDetailsReceived:
		if holds(&d.Buyer) {
			return true
		}
	}
	return r.After.Terms.Return != payment.ReturnURLs{} || holds(r.After.Buyer)
}

// holds tells whether there is anything in b.
func holds(b *payment.Buyer) bool {
	return b != nil && (b.Name != "" || b.Email != "" || b.Phone != "" || b.Instrument != "" || b.Shipping != nil || b.Billing != nil)
}

// splitCommand takes the personal data out of m: nil when there is none.
func splitCommand(m *pb.Command) *pb.Command {
	out := &pb.Command{Description: m.Description, StatementText: m.StatementText}
	m.Description, m.StatementText = "", ""
	if urls := m.GetAuthorization().GetReturnUrls(); urls != nil {
		out.Authorization = &pb.Authorization{ReturnUrls: urls}
		m.Authorization.ReturnUrls = nil
	}
	if m.Beneficiary != nil {
		out.Beneficiary, m.Beneficiary = m.Beneficiary, &pb.Beneficiary{}
	}
	return orNil(out)
}

// splitEvent takes the personal data out of what happened.
func splitEvent(m *pb.Event) *pb.Event {
	out := &pb.Event{}
	switch d := m.GetData().(type) {
	case *pb.Event_AttemptStarted:
		if t := splitTerms(d.AttemptStarted.GetTerms()); t != nil {
			out.Data = &pb.Event_AttemptStarted{AttemptStarted: &pb.AttemptStarted{Terms: t}}
		}
	case *pb.Event_BuyerDetailsReceived:
		if b := d.BuyerDetailsReceived.GetBuyer(); orNil(b) != nil {
			out.Data = &pb.Event_BuyerDetailsReceived{BuyerDetailsReceived: &pb.BuyerDetailsReceived{Buyer: b}}
			d.BuyerDetailsReceived.Buyer = &pb.Buyer{}
		}
	}
	return orNil(out)
}

// splitPayment takes the personal data out of a snapshot.
func splitPayment(m *pb.Payment) *pb.Payment {
	out := &pb.Payment{Terms: splitTerms(m.GetTerms())}
	if orNil(m.GetBuyer()) != nil {
		out.Buyer, m.Buyer = m.Buyer, &pb.Buyer{}
	}
	return orNil(out)
}

func splitTerms(m *pb.Terms) *pb.Terms {
	if m.GetReturnUrls() == nil {
		return nil
	}
	out := &pb.Terms{ReturnUrls: m.ReturnUrls}
	m.ReturnUrls = nil
	return out
}

// splitCallback takes out what came in.
func splitCallback(m *pb.StoredCallback) *pb.StoredCallback {
	out := &pb.StoredCallback{Header: m.Header, Body: m.Body, Query: m.Query}
	m.Header, m.Body, m.Query = nil, nil, nil
	return orNil(out)
}

// orNil returns nil for a message without content.
func orNil[M proto.Message](m M) M {
	var none M
	if !m.ProtoReflect().IsValid() || proto.Size(m) == 0 {
		return none
	}
	return m
}

// The places that sealed text is bound to.

func commandPlace(m *pb.Command) string {
	return place("command", m.GetMerchant(), m.GetPaymentId(), m.GetCommandId())
}

func eventPlace(m *pb.Event) string {
	return place("event", m.GetMerchant(), m.GetPaymentId(), strconv.FormatUint(m.GetVersion(), 10))
}

func snapshotPlace(m *pb.Payment) string {
	return place("snapshot", m.GetMerchant(), m.GetPaymentId(), strconv.FormatUint(m.GetVersion(), 10))
}

func callbackPlace(m *pb.StoredCallback) string {
	return place("callback", m.GetProvider(), m.GetMerchant(), m.GetId())
}

func place(parts ...string) string { return strings.Join(parts, "\x00") }

func (c *coder) sealCommand(m *pb.Command, k *seal.Key) {
	if part := splitCommand(m); part != nil {
		m.Sealed = c.seal(part, commandPlace(m), k)
	}
}

func (c *coder) sealEvent(m *pb.Event, k *seal.Key) {
	if part := splitEvent(m); part != nil {
		m.Sealed = c.seal(part, eventPlace(m), k)
	}
	if part := splitPayment(m.GetSnapshot()); part != nil {
		m.Snapshot.Sealed = c.seal(part, snapshotPlace(m.Snapshot), k)
	}
}

func (c *coder) sealCallback(m *pb.StoredCallback, k *seal.Key) {
	if part := splitCallback(m); part != nil {
		m.Sealed = c.seal(part, callbackPlace(m), k)
	}
}

// seal returns part as only the holder of k can read it; nil without a key.
func (c *coder) seal(part proto.Message, at string, k *seal.Key) *pb.Sealed {
	if k == nil {
		return nil
	}
	data, err := c.marshalScrubbed(part, "personal data")
	if err != nil {
		c.fail("%w", err)
		return nil
	}
	return &pb.Sealed{KeyId: k.ID(), Data: k.Seal(data, at)}
}

func (c *coder) openCommand(m *pb.Command) (closed bool, err error) {
	return c.open(m, m.GetSealed(), commandPlace(m))
}

func (c *coder) openEvent(m *pb.Event) (closed bool, err error) {
	happened, err := c.open(m, m.GetSealed(), eventPlace(m))
	if err != nil || m.GetSnapshot() == nil {
		return happened, err
	}
	snapshot, err := c.open(m.Snapshot, m.GetSnapshot().GetSealed(), snapshotPlace(m.GetSnapshot()))
	return happened || snapshot, err
}

func (c *coder) openCallback(m *pb.StoredCallback) (closed bool, err error) {
	return c.open(m, m.GetSealed(), callbackPlace(m))
}

// open merges what is sealed in m into it. closed tells that it could not, because
// the key is destroyed or was not asked for. What does not open under the right key
// was not written by us: it is poison.
func (c *coder) open(m proto.Message, s *pb.Sealed, at string) (closed bool, err error) {
	if s == nil {
		return false, nil
	}
	if c.find == nil {
		return true, nil
	}
	k, err := c.find(s.GetKeyId())
	if errors.Is(err, seal.ErrDestroyed) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	text, err := k.Open(s.GetData(), at)
	if err == nil {
		err = proto.UnmarshalOptions{Merge: true}.Unmarshal(text, m)
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrUndecodable, err)
	}
	return false, nil
}

// stored returns s as it can be kept, nil when nothing is sealed.
func (c *coder) stored(s *pb.Sealed) []byte {
	if s == nil {
		return nil
	}
	data, err := deterministic.Marshal(s)
	if err != nil {
		c.fail("sealed: %w", err)
	}
	return data
}

// OpenPersonal returns the buyer of the payment that a Record's Sealed is of, after
// that version; nil when the provider told of none. It returns seal.ErrDestroyed
// when the key is.
func OpenPersonal(sealed []byte, m payment.Merchant, id payment.ID, version uint64, find Finder) (*payment.Buyer, error) {
	p := pb.Payment{Merchant: string(m), PaymentId: string(id), Version: version, Sealed: &pb.Sealed{}}
	if err := unmarshal(sealed, p.Sealed, "sealed"); err != nil {
		return nil, err
	}
	c := coder{find: find}
	closed, err := c.open(&p, p.Sealed, snapshotPlace(&p))
	if err != nil {
		return nil, err
	}
	if closed {
		return nil, seal.ErrDestroyed
	}
	return decodeBuyer(p.GetBuyer()), nil
}
