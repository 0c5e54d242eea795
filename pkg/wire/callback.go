package wire

import (
	"fmt"
	"net/http"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// CallbackKind says who brought a callback.
type CallbackKind string

// The kinds of callback.
const (
	FromServer       CallbackKind = "server"  // the provider's server
	FromBuyerBrowser CallbackKind = "browser" // the buyer's browser; proves nothing about money
)

// Verdict is what the receiver found out before it stored a callback.
type Verdict string

// The verdicts.
const (
	Accepted    Verdict = "accepted"    // authentic and understood
	Unverified  Verdict = "unverified"  // only the provider can vouch for it
	Quarantined Verdict = "quarantined" // authentic, but makes no sense or does not belong here
)

// StoredCallback is a provider's message as it came in, stored before it is
// answered and interpreted after. Header, Query and Body may hold personal data.
type StoredCallback struct {
	ID       string // unique; the last token of its subject
	Provider payment.Provider
	Merchant payment.Merchant
	Account  string // the merchant's account at the provider that Endpoint belongs to
	Endpoint string // key of the endpoint it came to
	Kind     CallbackKind
	Page     string // the shop's page the browser was sent to; empty for a server

	Method     string
	Header     http.Header
	Body       []byte
	Query      string // raw, without the question mark
	ReceivedAt time.Time

	Verdict Verdict
	Reason  string     // why it is not accepted; holds no personal data
	Payment payment.ID // empty while nobody knows
	Dedup   string     // the same for repeats of one message

	// Closed is set when Header, Body and Query are missing because they are sealed:
	// the key is destroyed, or nobody asked for them.
	Closed bool
}

// MarshalCallback returns s as it stands on CALLBACKS. Header, body and query are
// stored byte by byte.
func MarshalCallback(s StoredCallback) ([]byte, error) {
	var e coder
	m := e.encodeCallback(s)
	return e.marshalScrubbed(m, "callback")
}

// SealCallback is MarshalCallback with header, body and query sealed by k, or left
// out when k is nil.
func SealCallback(s StoredCallback, k *seal.Key) ([]byte, error) {
	var e coder
	m := e.encodeCallback(s)
	e.sealCallback(m, k)
	return e.marshalScrubbed(m, "callback")
}

// UnmarshalCallback reads what MarshalCallback and SealCallback wrote, and leaves
// sealed what is sealed.
func UnmarshalCallback(data []byte) (StoredCallback, error) { return OpenCallback(data, nil) }

// OpenCallback is UnmarshalCallback with what is sealed opened by the key that find
// gives. An error of find other than seal.ErrDestroyed is returned.
func OpenCallback(data []byte, find Finder) (StoredCallback, error) {
	var m pb.StoredCallback
	if err := unmarshal(data, &m, "callback"); err != nil {
		return StoredCallback{}, err
	}
	d := coder{find: find}
	closed, err := d.openCallback(&m)
	if err != nil {
		return StoredCallback{}, fmt.Errorf("callback: %w", err)
	}
	s := d.decodeCallback(&m)
	if err := d.poison("callback"); err != nil {
		return StoredCallback{}, err
	}
	s.Closed = closed
	return s, nil
}

func (c *coder) encodeCallback(s StoredCallback) *pb.StoredCallback {
	c.checkCallback(s)
	return &pb.StoredCallback{
		SchemaVersion: schemaVersion,
		Id:            s.ID,
		Provider:      string(s.Provider),
		Merchant:      string(s.Merchant),
		Account:       s.Account,
		Endpoint:      s.Endpoint,
		Kind:          callbackKinds.encode(c, s.Kind),
		Page:          s.Page,
		Method:        s.Method,
		Header:        encodeHeader(s.Header),
		Body:          s.Body,
		Query:         []byte(s.Query),
		ReceivedAt:    c.encodeTime(s.ReceivedAt),
		Verdict:       verdicts.encode(c, s.Verdict),
		Reason:        s.Reason,
		PaymentId:     string(s.Payment),
		Dedup:         s.Dedup,
	}
}

func (c *coder) decodeCallback(m *pb.StoredCallback) StoredCallback {
	c.version(m.GetSchemaVersion())
	s := StoredCallback{
		ID:         m.GetId(),
		Provider:   payment.Provider(m.GetProvider()),
		Merchant:   payment.Merchant(m.GetMerchant()),
		Account:    m.GetAccount(),
		Endpoint:   m.GetEndpoint(),
		Kind:       callbackKinds.decode(c, m.GetKind()),
		Page:       m.GetPage(),
		Method:     m.GetMethod(),
		Header:     decodeHeader(m.GetHeader()),
		Body:       m.GetBody(),
		Query:      string(m.GetQuery()),
		ReceivedAt: c.decodeTime(m.GetReceivedAt()),
		Verdict:    verdicts.decode(c, m.GetVerdict()),
		Reason:     m.GetReason(),
		Payment:    payment.ID(m.GetPaymentId()),
		Dedup:      m.GetDedup(),
	}
	c.checkCallback(s)
	return s
}

// checkCallback fails unless s has what every stored callback has.
func (c *coder) checkCallback(s StoredCallback) {
	c.demand(s.ID != "", "id")
	c.demand(s.Provider != "", "provider")
	c.demand(s.Merchant != "", "merchant")
	c.demand(!s.ReceivedAt.IsZero(), "received_at")
}

func encodeHeader(h map[string][]string) map[string]*pb.HeaderValues {
	if len(h) == 0 {
		return nil
	}
	out := make(map[string]*pb.HeaderValues, len(h))
	for name, values := range h {
		v := &pb.HeaderValues{Values: make([][]byte, len(values))}
		for i, s := range values {
			v.Values[i] = []byte(s)
		}
		out[name] = v
	}
	return out
}

func decodeHeader(m map[string]*pb.HeaderValues) map[string][]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string][]string, len(m))
	for name, v := range m {
		values := make([]string, len(v.GetValues()))
		for i, b := range v.GetValues() {
			values[i] = string(b)
		}
		out[name] = values
	}
	return out
}
