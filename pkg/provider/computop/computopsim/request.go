package computopsim

import (
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Op is a call a merchant makes, or a notify it gets, as rules name it.
type Op string

// The operations.
const (
	OpInit      Op = "init"
	OpUpdate    Op = "update"
	OpCharge    Op = "charge" // a further payment of a series
	OpCapture   Op = "capture"
	OpCredit    Op = "credit"
	OpReverse   Op = "reverse"
	OpInquire   Op = "inquire"
	OpInquire24 Op = "inquire24"

	OpNotifyAuth    Op = "notify_auth"
	OpNotifyCapture Op = "notify_capture"
	OpNotifyCredit  Op = "notify_credit"
)

// endpoints by lower-case name; amazonapa.aspx serves three operations and is
// told apart by what it gets.
var endpoints = map[string]Op{
	"amazonapa.aspx": OpInit,
	"capture.aspx":   OpCapture,
	"credit.aspx":    OpCredit,
	"reverse.aspx":   OpReverse,
	"inquire.aspx":   OpInquire,
	"inquire24.aspx": OpInquire24,
}

// call is one request, decoded.
type call struct {
	op       Op
	merchant *merchant // nil when the MerchantID is unknown
	outerMID string
	fields   paygate.Message
	refused  *refusal // what was wrong already
	transID  string   // of the payment, for rules
	base     string   // the simulator's address as the caller wrote it
	at       time.Time
}

// get returns the field, by any case of its name.
func (c *call) get(name string) string { return c.fields.Get(name) }

// decode reads a request. It never fails: what cannot be read is a call that
// is refused.
func (s *Simulator) decode(r *http.Request) *call {
	c := &call{op: endpoints[strings.ToLower(path.Base(r.URL.Path))], base: s.baseOf(r), at: s.cfg.Now()}
	raw, err := rawForm(r)
	if err != nil {
		c.refused = failed(catFormat, detData, "BODY NOT READABLE")
		return c
	}
	s.decodeForm(c, raw)
	return c
}

// rawForm returns the body of a POST or the query of a GET.
func rawForm(r *http.Request) ([]byte, error) {
	if r.Method == http.MethodGet {
		return []byte(r.URL.RawQuery), nil
	}
	// One byte more than the limit, so that the codec sees what is too long.
	return io.ReadAll(io.LimitReader(r.Body, paygate.MaxBody+1))
}

func (s *Simulator) decodeForm(c *call, raw []byte) {
	env, _, err := paygate.ParseEnvelope(raw)
	c.outerMID = env.MerchantID
	c.merchant = s.merchants[env.MerchantID]
	switch {
	case err != nil && !errors.Is(err, paygate.ErrNoEnvelope):
		c.refused = failed(catFormat, detData, "FORM NOT READABLE")
	case env.MerchantID == "":
		c.refused = failed(catMissing, detMerchantID, "PARAMETER MISSING: MerchantID")
	case c.merchant == nil:
		c.refused = failed(catInvalid, detMerchantID, "MERCHANT UNKNOWN")
	case errors.Is(err, paygate.ErrNoEnvelope):
		c.refused = failed(catMissing, detData, "PARAMETER MISSING: Data")
	case env.Len == paygate.LenMissing:
		c.refused = failed(catMissing, detLen, "PARAMETER MISSING: Len")
	default:
		s.decipher(c, env)
	}
}

func (s *Simulator) decipher(c *call, env paygate.Envelope) {
	undecipherable := failed(catCipher, detData, "DECRYPTION FAILED")
	// A merchant has one cipher; the dash tells which one was used.
	if dashed := strings.Contains(env.Data, "-"); dashed != (c.merchant.Cipher == paygate.AES) {
		c.refused = undecipherable
		return
	}
	text, err := c.merchant.codec.Open(env)
	if err != nil {
		c.refused = undecipherable
		return
	}
	c.fields = paygate.ParseMessage(text)
	if !readable(c.fields) {
		// Blowfish has no check of its own: a wrong key gives noise.
		c.refused = undecipherable
		return
	}
	c.op = c.operation()
	c.refused = c.authenticate()
	c.transID = s.transIDOf(c)
}

// readable tells fields from noise: at least one of those that every call has.
func readable(m paygate.Message) bool {
	for _, name := range []string{"MerchantID", "PayID", "TransID", "eventToken"} {
		if _, found := m.Lookup(name); found {
			return true
		}
	}
	return false
}

// operation tells the three uses of amazonAPA.aspx apart.
func (c *call) operation() Op {
	if c.op != OpInit {
		return c.op
	}
	if _, token := c.fields.Lookup("eventToken"); token {
		return OpUpdate
	}
	if c.get("RTF") == rtfSubsequent {
		return OpCharge
	}
	return OpInit
}

// authenticate checks the MerchantID inside and the MAC, before any field is
// looked at. Inquiries need no MAC, and the documented update has none; where
// one is sent it must be right.
func (c *call) authenticate() *refusal {
	inner, found := c.fields.Lookup("MerchantID")
	switch {
	case !found && c.op != OpUpdate:
		return failed(catMissing, detMerchantID, "PARAMETER MISSING: MerchantID")
	case found && inner != c.merchant.ID:
		return failed(catInvalid, detMAC, "MAC INVALID")
	}
	mac, found := c.fields.Lookup("MAC")
	if !found {
		if c.op == OpInquire || c.op == OpInquire24 || c.op == OpUpdate {
			return nil
		}
		return failed(catMissing, detMAC, "MAC MISSING")
	}
	want := paygate.RequestMAC(c.merchant.MACKey, c.get("PayID"), c.get("TransID"), c.merchant.ID, c.get("Amount"), c.get("Currency"))
	if !paygate.EqualMAC(mac, want) {
		return failed(catInvalid, detMAC, "MAC INVALID")
	}
	return nil
}

// transIDOf returns the TransID that rules match: the payment's, or the one
// sent when there is no payment yet.
func (s *Simulator) transIDOf(c *call) string {
	if c.op == OpInit || c.op == OpCharge || c.op == OpInquire24 {
		return c.get("TransID")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.book.find(c.merchant, c.get("PayID")); p != nil {
		return p.transID
	}
	return c.get("TransID")
}

func (s *Simulator) baseOf(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.baseURL != "" {
		return s.baseURL
	}
	return simkit.BaseOf(r)
}
