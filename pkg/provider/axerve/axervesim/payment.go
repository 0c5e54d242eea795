package axervesim

import (
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Stage is where a payment is.
type Stage string

// The stages. A payment leaves StageOpen exactly once.
const (
	StageOpen      Stage = "open"      // Encrypt gave a string out; no buyer has decided
	StagePending   Stage = "pending"   // XX
	StageDone      Stage = "done"      // authorised, or a mandate was given
	StageDeclined  Stage = "declined"  // refused; there is a transaction
	StageAbandoned Stage = "abandoned" // the buyer left; there is no transaction
	StageExpired   Stage = "expired"   // the string or the page became too old
)

// authLife is how long Amazon keeps an authorisation, simulated.
const authLife = 30 * 24 * time.Hour

// orderLife is how long Amazon keeps an order reference.
const orderLife = 180 * 24 * time.Hour

// mostRefunds is how many refunds Amazon makes for one order.
const mostRefunds = 10

// payment is one payable page or one call of callPagamS2S, and the transaction it
// became. The simulator's lock guards it.
type payment struct {
	shop     *Shop
	shopID   string
	bankID   string // "" until there is a transaction
	iso, uic string
	amount   int64 // minor units

	buyerName  string
	buyerEmail string
	customInfo string
	agreement  string // amazonPayBillingAgreementDescription
	base       string // the simulator's address as the caller wrote it

	crypt   string // of Encrypt; "" for server-to-server payments
	stage   Stage
	result  gestpay.Result
	code    gestpay.Code // of a KO
	created time.Time
	decided time.Time

	authCode string
	orderID  string // Amazon's
	token    string // given out
	payToken string // paid with
	wallet   int
	address  int

	events  []event
	entries []int // indices in the ledger
	results int   // counts results that were sent
	held    []*notice
}

// event is one line of the transaction's history.
type event struct {
	kind   gestpay.EventType
	amount int64
	at     time.Time
	id     string
	of     string // id of the event it is about
}

// sum adds the amounts of the events of one kind.
func (p *payment) sum(kind gestpay.EventType) int64 {
	var total int64
	for _, e := range p.events {
		if e.kind == kind {
			total += e.amount
		}
	}
	return total
}

func (p *payment) has(kind gestpay.EventType) bool {
	for _, e := range p.events {
		if e.kind == kind {
			return true
		}
	}
	return false
}

// only tells whether the payment is authorised and nothing more.
func (p *payment) onlyAuthorised() bool {
	return p.result == gestpay.ResultOK && len(p.events) == 1 && p.events[0].kind == gestpay.EventAuthorised
}

// refundable is what can still be given back.
func (p *payment) refundable() int64 {
	given := max(p.sum(gestpay.EventRequested), p.sum(gestpay.EventRefunded))
	return p.sum(gestpay.EventCaptured) - given
}

// refunds is how many were accepted.
func (p *payment) refunds() int {
	requested, executed := 0, 0
	for _, e := range p.events {
		switch e.kind {
		case gestpay.EventRequested:
			requested++
		case gestpay.EventRefunded:
			executed++
		default:
		}
	}
	return max(requested, executed)
}

// note appends an event and returns it.
func (s *Simulator) note(p *payment, kind gestpay.EventType, amount int64, of string) event {
	e := event{kind: kind, amount: amount, at: s.cfg.Now(), id: s.eventID(p.bankID, len(p.events)), of: of}
	p.events = append(p.events, e)
	return e
}
