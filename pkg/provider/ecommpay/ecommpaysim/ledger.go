package ecommpaysim

import (
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Kind is what an effect did with money.
type Kind string

// The kinds.
const (
	KindPayout   Kind = "payout"
	KindReversal Kind = "reversal"
)

// Entry is one effect in the ledger. Entries are appended when the effect is
// accepted; only Pending and Void of an entry ever change.
type Entry struct {
	Seq         int       `json:"seq"` // from 1
	Time        time.Time `json:"time"`
	Project     int64     `json:"project"`
	PaymentID   string    `json:"payment_id"`
	OperationID string    `json:"operation_id"`
	Kind        Kind      `json:"kind"`
	Amount      int64     `json:"amount"` // minor units
	Currency    string    `json:"currency"`
	// Pending: the payout is registered, and the wallet has not answered yet.
	Pending bool `json:"pending"`
	// Void: the payout was declined, or a part of it took its place.
	Void bool `json:"void"`
}

// record appends an effect.
func (s *Simulator) record(p *payment, kind Kind, amount int64, op *operation) *Entry {
	s.book.ledger = append(s.book.ledger, Entry{
		Seq: len(s.book.ledger) + 1, Time: s.cfg.Now().UTC(), Project: p.project.ID, PaymentID: p.id,
		OperationID: strconv.FormatUint(op.id, 10), Kind: kind, Amount: amount, Currency: p.currency,
	})
	p.entries = append(p.entries, len(s.book.ledger)-1)
	return &s.book.ledger[len(s.book.ledger)-1]
}

// settle ends the pending effect of p.
func (s *Simulator) settle(p *payment, stands bool) {
	e := &s.book.ledger[p.entry]
	e.Pending, e.Void = false, !stands
}

// LedgerFilter selects entries; its zero value selects all.
type LedgerFilter struct {
	Project   int64
	PaymentID string
	After     int // entries with a greater Seq
	Limit     int // at most so many; 0 for all
}

// Ledger returns a copy of the selected entries, in order.
func (s *Simulator) Ledger(f LedgerFilter) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.book.payments[paymentKey{f.Project, f.PaymentID}]; p != nil {
		// One payout is not searched for in the whole ledger.
		entries := make([]Entry, 0, len(p.entries))
		for _, i := range p.entries {
			entries = append(entries, s.book.ledger[i])
		}
		return f.take(entries)
	}
	return f.take(s.book.ledger[min(max(f.After, 0), len(s.book.ledger)):])
}

func (f LedgerFilter) take(entries []Entry) []Entry {
	return simkit.Select(entries, f.Limit, f.matches)
}

func (f LedgerFilter) matches(e Entry) bool {
	return e.Seq > f.After && (f.Project == 0 || f.Project == e.Project) && (f.PaymentID == "" || f.PaymentID == e.PaymentID)
}
