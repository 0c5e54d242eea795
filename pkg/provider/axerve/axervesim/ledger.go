package axervesim

import (
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Kind is what an effect did with money.
type Kind string

// The kinds. In a unified shop a payment is authorised and captured in one step,
// and that is one charge.
const (
	KindAuthorize Kind = "authorize"
	KindCapture   Kind = "capture"
	KindCharge    Kind = "charge"
	KindRefund    Kind = "refund"
	KindCancel    Kind = "cancel"
	KindMandate   Kind = "mandate" // a token was given out; no money
)

// Entry is one effect in the ledger. Entries are appended when the effect is
// accepted; only Pending of an entry ever changes.
type Entry struct {
	Seq               int       `json:"seq"` // from 1
	Time              time.Time `json:"time"`
	Shop              string    `json:"shop"`
	ShopTransactionID string    `json:"shop_transaction_id"`
	BankTransactionID string    `json:"bank_transaction_id"`
	Kind              Kind      `json:"kind"`
	Amount            int64     `json:"amount"` // minor units
	Currency          string    `json:"currency"`
	SettlementID      string    `json:"settlement_id,omitempty"`
	// Pending: accepted and not executed. A capture waits for the night, a refund
	// for Amazon.
	Pending bool `json:"pending"`
}

// record appends an effect and returns its index.
func (s *Simulator) record(p *payment, kind Kind, amount int64, settlementID string) int {
	s.book.ledger = append(s.book.ledger, Entry{
		Seq: len(s.book.ledger) + 1, Time: s.cfg.Now().UTC(),
		Shop: p.shop.Login, ShopTransactionID: p.shopID, BankTransactionID: p.bankID,
		Kind: kind, Amount: amount, Currency: p.iso, SettlementID: settlementID,
	})
	entry := len(s.book.ledger) - 1
	p.entries = append(p.entries, entry)
	return entry
}

// LedgerFilter selects entries; its zero value selects all.
type LedgerFilter struct {
	Shop              string
	ShopTransactionID string
	BankTransactionID string
	After             int // entries with a greater Seq
	Limit             int // at most so many; 0 for all
}

// Ledger returns a copy of the selected entries, in order.
func (s *Simulator) Ledger(f LedgerFilter) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.book.ledger[min(max(f.After, 0), len(s.book.ledger)):]
	if f.Shop != "" && f.ShopTransactionID != "" {
		// A look at one payment does not read the whole ledger.
		entries = s.entriesOf(f.Shop, f.ShopTransactionID)
	}
	return simkit.Select(entries, f.Limit, f.matches)
}

func (s *Simulator) entriesOf(login, shopID string) []Entry {
	var entries []Entry
	for _, p := range s.book.byShopID[shopKey{login, shopID}] {
		for _, i := range p.entries {
			entries = append(entries, s.book.ledger[i])
		}
	}
	return entries
}

func (f LedgerFilter) matches(e Entry) bool {
	return e.Seq > f.After &&
		(f.Shop == "" || f.Shop == e.Shop) &&
		(f.ShopTransactionID == "" || f.ShopTransactionID == e.ShopTransactionID) &&
		(f.BankTransactionID == "" || f.BankTransactionID == e.BankTransactionID)
}
