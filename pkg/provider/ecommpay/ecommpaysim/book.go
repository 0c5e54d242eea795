package ecommpaysim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Stage is where a payout stands.
type Stage string

// The stages.
const (
	StageProcessing Stage = "processing"
	StageSuccess    Stage = "success"
	StageDeclined   Stage = "declined"
	StagePartial    Stage = "partial"
	StageReversed   Stage = "reversed"
	StageRefused    Stage = "refused" // accepted, and never registered
)

// book holds every payout, with an index for each way to ask for one. The
// simulator's lock guards it.
type book struct {
	payments map[paymentKey]*payment // that are registered
	requests map[requestKey]*payment // that were accepted
	counts   map[paymentKey]int      // requests by payment_id
	order    []*payment              // in order of arrival
	ledger   []Entry
}

type paymentKey struct {
	project int64
	id      string
}

type requestKey struct {
	project int64
	id      string
}

func newBook() book {
	return book{payments: map[paymentKey]*payment{}, requests: map[requestKey]*payment{}, counts: map[paymentKey]int{}}
}

// payment is all the platform knows of one payout. The simulator's lock guards it.
type payment struct {
	project     *Project
	id          string
	requestID   string
	amount      int64 // minor units
	currency    string
	account     string
	customerID  string
	callbackURL string
	created     time.Time

	stage   Stage
	status  string // payment.status
	fault   string // code of the refusal
	ops     []*operation
	baseID  uint64
	entry   int   // index in the ledger
	entries []int // all of them
	last    *notice
	held    []*notice // kept back by a reordering fault
}

func (p *payment) key() paymentKey { return paymentKey{p.project.ID, p.id} }

// operation is one thing done about a payout.
type operation struct {
	id       uint64
	kind     string
	status   string
	code     string
	provider string // the wallet's own id
	created  time.Time
	at       time.Time
}

const (
	kindPayout   = "payout"
	kindReversal = "payout reversal"
)

// begin adds an operation to p.
func (s *Simulator) begin(p *payment, kind string) *operation {
	now := s.cfg.Now().UTC()
	op := &operation{
		id: p.baseID + uint64(len(p.ops)), kind: kind, status: "processing", code: codeProcessing, created: now, at: now,
	}
	p.ops = append(p.ops, op)
	return op
}

// finish ends an operation.
func (s *Simulator) finish(op *operation, status, code string) {
	op.status, op.code, op.at = status, code, s.cfg.Now().UTC()
	if status == "success" {
		op.provider = strconv.FormatUint(s.seed.Number("provider", strconv.FormatUint(op.id, 10))%1e9, 10)
	}
}

func (p *payment) lastOp() *operation { return p.ops[len(p.ops)-1] }

// ErrNoPayment says that nobody has heard of a payout.
var ErrNoPayment = fmt.Errorf("ecommpaysim: no such payout: %w", simkit.ErrNotFound)

// lookup returns a payout, of any project when that is 0: the registered one, or
// else the latest that was refused. The caller holds the lock.
func (s *Simulator) lookup(project int64, id string) (*payment, error) {
	if p := s.book.payments[paymentKey{project, id}]; p != nil {
		return p, nil
	}
	var found *payment
	for _, p := range s.book.order {
		if p.id != id || project != 0 && p.project.ID != project {
			continue
		}
		if found = p; s.book.payments[p.key()] == p {
			return p, nil
		}
	}
	if found == nil {
		return nil, ErrNoPayment
	}
	return found, nil
}
