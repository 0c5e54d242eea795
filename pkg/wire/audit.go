package wire

import (
	"crypto/sha256"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// AuditResult says how far an action of an operator went.
type AuditResult string

// The results.
const (
	Intended    AuditResult = "intended" // about to be carried out
	AuditDone   AuditResult = "done"
	AuditFailed AuditResult = "failed" // not carried out, or not as far as is known
)

// AuditRecord says what a person did, or was about to do. It holds no personal data
// but the operator's id.
type AuditRecord struct {
	ID      string // unique; drawn by the writer
	Intent  string // of a result: the ID of the intent; empty in an intent
	Service string // through which service or tool
	Actor   string // an operator's id
	Action  string // such as dead.replay
	At      time.Time
	Result  AuditResult
	Prev    []byte // Hash of the service's previous record; empty for the first

	// What it is about, as far as it is about such things.
	Merchant payment.Merchant
	Payment  payment.ID
	Command  payment.CommandID
	Provider payment.Provider
	Stream   string // of a message, as is Sequence
	Sequence uint64
	Object   string // what else

	Old      string
	New      string
	Reason   string // the operator's words
	Evidence string // what the operator goes by
	Detail   string // what came of it
}

// MarshalAudit returns r as it stands on AUDIT.
func MarshalAudit(r AuditRecord) ([]byte, error) {
	var c coder
	c.checkAudit(r)
	return c.marshalScrubbed(&pb.AuditRecord{
		SchemaVersion: schemaVersion,
		Id:            r.ID,
		Intent:        r.Intent,
		Service:       r.Service,
		Actor:         r.Actor,
		Action:        r.Action,
		At:            c.encodeTime(r.At),
		Result:        auditResults.encode(&c, r.Result),
		PrevHash:      r.Prev,
		Merchant:      string(r.Merchant),
		PaymentId:     string(r.Payment),
		CommandId:     string(r.Command),
		Provider:      string(r.Provider),
		Stream:        r.Stream,
		Sequence:      r.Sequence,
		Object:        r.Object,
		Old:           r.Old,
		New:           r.New,
		Reason:        r.Reason,
		Evidence:      r.Evidence,
		Detail:        r.Detail,
	}, "audit record")
}

// UnmarshalAudit reads what MarshalAudit wrote.
func UnmarshalAudit(data []byte) (AuditRecord, error) {
	var m pb.AuditRecord
	if err := unmarshal(data, &m, "audit record"); err != nil {
		return AuditRecord{}, err
	}
	var c coder
	r := c.decodeAudit(&m)
	if err := c.poison("audit record"); err != nil {
		return AuditRecord{}, err
	}
	return r, nil
}

func (c *coder) decodeAudit(m *pb.AuditRecord) AuditRecord {
	c.version(m.GetSchemaVersion())
	r := AuditRecord{
		ID:       m.GetId(),
		Intent:   m.GetIntent(),
		Service:  m.GetService(),
		Actor:    m.GetActor(),
		Action:   m.GetAction(),
		At:       c.decodeTime(m.GetAt()),
		Result:   auditResults.decode(c, m.GetResult()),
		Prev:     m.GetPrevHash(),
		Merchant: payment.Merchant(m.GetMerchant()),
		Payment:  payment.ID(m.GetPaymentId()),
		Command:  payment.CommandID(m.GetCommandId()),
		Provider: payment.Provider(m.GetProvider()),
		Stream:   m.GetStream(),
		Sequence: m.GetSequence(),
		Object:   m.GetObject(),
		Old:      m.GetOld(),
		New:      m.GetNew(),
		Reason:   m.GetReason(),
		Evidence: m.GetEvidence(),
		Detail:   m.GetDetail(),
	}
	c.checkAudit(r)
	return r
}

// checkAudit fails unless r says who did what, and when. A result names its
// intent, and an intent none.
func (c *coder) checkAudit(r AuditRecord) {
	c.demand(r.ID != "", "id")
	c.demand(r.Service != "", "service")
	c.demand(r.Actor != "", "actor")
	c.demand(r.Action != "", "action")
	c.demand(!r.At.IsZero(), "at")
	if (r.Result == Intended) != (r.Intent == "") {
		c.fail("a record that is %s names the intent %q", r.Result, r.Intent)
	}
	if n := len(r.Prev); n != 0 && n != sha256.Size {
		c.fail("prev_hash has %d bytes", n)
	}
}
