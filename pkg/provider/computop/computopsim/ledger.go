package computopsim

import (
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Kind is what an effect did with money.
type Kind string

// The kinds. A sale, authorised and captured in one step, is one charge.
const (
	KindAuthorize Kind = "authorize"
	KindCapture   Kind = "capture"
	KindCharge    Kind = "charge"
	KindRefund    Kind = "refund"
	KindReverse   Kind = "reverse"
)

// Entry is one effect in the ledger. Entries are appended when the effect is
// accepted; only Pending and Void of an entry ever change.
type Entry struct {
	Seq      int       `json:"seq"` // from 1
	Time     time.Time `json:"time"`
	Merchant string    `json:"merchant"`
	PayID    string    `json:"pay_id"`
	TransID  string    `json:"trans_id"`
	XID      string    `json:"xid"`
	Kind     Kind      `json:"kind"`
	Amount   int64     `json:"amount"` // minor units
	Currency string    `json:"currency"`
	ReqID    string    `json:"req_id,omitempty"`
	// Pending: Amazon has accepted the refund or capture and not finished it.
	Pending bool `json:"pending"`
	// Void: the effect did not stay. It failed after it was accepted, or a later
	// reverse undid it.
	Void bool `json:"void"`
}

// record appends an effect and returns its index.
func (s *Simulator) record(p *payment, kind Kind, amount int64, xid, reqID string) int {
	s.book.ledger = append(s.book.ledger, Entry{
		Seq: len(s.book.ledger) + 1, Time: s.cfg.Now().UTC(),
		Merchant: p.merchant.ID, PayID: p.payID, TransID: p.transID, XID: xid,
		Kind: kind, Amount: amount, Currency: p.currency, ReqID: reqID,
	})
	entry := len(s.book.ledger) - 1
	p.entries = append(p.entries, entry)
	return entry
}

// push records an effect as the payment's last step.
func (s *Simulator) push(p *payment, kind Kind, amount int64, xid, reqID string) *step {
	st := &step{kind: kind, amount: amount, xid: xid, entry: s.record(p, kind, amount, xid, reqID)}
	p.steps = append(p.steps, st)
	return st
}

// settle ends an open step.
func (s *Simulator) settle(st *step, stands bool) {
	e := &s.book.ledger[st.entry]
	e.Pending, e.Void = false, !stands
	st.state = stepFinal
	if !stands {
		st.state = stepUndone
	}
}

// hold marks a step as open.
func (s *Simulator) hold(st *step) {
	st.state = stepOpen
	s.book.ledger[st.entry].Pending = true
}

// LedgerFilter selects entries; its zero value selects all.
type LedgerFilter struct {
	Merchant string
	TransID  string
	PayID    string
	After    int // entries with a greater Seq
	Limit    int // at most so many; 0 for all
}

// Ledger returns a copy of the selected entries, in order.
func (s *Simulator) Ledger(f LedgerFilter) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.selected(f); p != nil {
		return f.take(s.entriesOf(p))
	}
	if f.PayID != "" {
		return []Entry{}
	}
	return f.take(s.book.ledger[min(max(f.After, 0), len(s.book.ledger)):])
}

// selected returns the one payment that a filter names, so that a look at one
// payment does not read the whole ledger.
func (s *Simulator) selected(f LedgerFilter) *payment {
	if f.PayID != "" {
		return s.book.byPayID[f.PayID]
	}
	if f.TransID != "" && f.Merchant != "" {
		return s.book.byTransID[transKey{f.Merchant, f.TransID}]
	}
	return nil
}

func (s *Simulator) entriesOf(p *payment) []Entry {
	entries := make([]Entry, 0, len(p.entries))
	for _, i := range p.entries {
		entries = append(entries, s.book.ledger[i])
	}
	return entries
}

func (f LedgerFilter) take(entries []Entry) []Entry {
	return simkit.Select(entries, f.Limit, f.matches)
}

func (f LedgerFilter) matches(e Entry) bool {
	return e.Seq > f.After &&
		(f.Merchant == "" || f.Merchant == e.Merchant) &&
		(f.TransID == "" || f.TransID == e.TransID) &&
		(f.PayID == "" || f.PayID == e.PayID)
}
