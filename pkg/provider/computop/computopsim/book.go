package computopsim

import (
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// book holds every payment, with an index for each way to ask for one. The
// simulator's lock guards it.
type book struct {
	byPayID      map[string]*payment
	byTransID    map[transKey]*payment
	bySession    map[string]*payment
	byPermission map[string]*payment
	payments     []*payment // in order of arrival
	actions      map[reqKey]action
	ledger       []Entry
}

type transKey struct{ merchant, transID string }

type reqKey struct{ merchant, reqID string }

// action is what an earlier request with a ReqId came to.
type action struct {
	answer paygate.Message
	final  bool
	at     time.Time
}

func newBook() book {
	return book{
		byPayID:      map[string]*payment{},
		byTransID:    map[transKey]*payment{},
		bySession:    map[string]*payment{},
		byPermission: map[string]*payment{},
		actions:      map[reqKey]action{},
	}
}

func (b *book) add(p *payment) {
	b.byPayID[p.payID] = p
	b.byTransID[transKey{p.merchant.ID, p.transID}] = p
	if p.session != "" {
		b.bySession[p.session] = p
	}
	b.payments = append(b.payments, p)
}

// find returns the merchant's payment by PayID, or nil: a stranger's PayID is
// as unknown as one that does not exist.
func (b *book) find(m *merchant, payID string) *payment {
	if p := b.byPayID[payID]; p != nil && p.merchant == m {
		return p
	}
	return nil
}
