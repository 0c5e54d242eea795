package computopsim

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Clerk is what a person does in Computop's Analytics. Nobody is told.
type Clerk string

// The clerk's doings.
const (
	ClerkCaptures Clerk = "back-capture"
	ClerkRefunds  Clerk = "back-refund"
	ClerkReverses Clerk = "back-reverse" // the last step that stands, as reverse.aspx does
	ClerkForgets  Clerk = "back-forget"  // loses the payment: no inquiry finds it again
)

var clerks = simkit.Set(ClerkCaptures, ClerkRefunds, ClerkReverses, ClerkForgets)

// BackOffice lets a clerk act on a payment; amount, minor units, is that of a capture
// or a refund, and 0 all there is. Errors wrap ErrNoPayment and ErrStage.
func (s *Simulator) BackOffice(merchant, transID string, act Clerk, amount int64) (Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(merchant, transID)
	if err != nil {
		return Payment{}, err
	}
	if err := s.byHand(p, act, amount); err != nil {
		return Payment{}, err
	}
	return p.view(), nil
}

func (s *Simulator) byHand(p *payment, act Clerk, amount int64) error {
	left := p.authorised - p.captured - p.capturing
	back := p.captured - p.credited - p.crediting
	switch {
	case act == ClerkCaptures && left > 0 && amount <= left:
		p.chargeUsed, p.amazonStatus = true, "Closed"
		p.captured += s.push(p, KindCapture, orAll(amount, left), s.nextXID(p), "").amount
	case act == ClerkRefunds && back > 0 && amount <= back:
		p.credited += s.push(p, KindRefund, orAll(amount, back), s.nextXID(p), "").amount
	case act == ClerkReverses && p.lastStep() != nil:
		last := p.lastStep()
		s.undo(p, last)
		s.record(p, KindReverse, last.amount, s.nextXID(p), "")
	case act == ClerkForgets:
		delete(s.book.byPayID, p.payID)
		delete(s.book.byTransID, transKey{p.merchant.ID, p.transID})
		return nil
	default:
		return ErrStage
	}
	p.lastStatus, p.lastCode = "OK", paygate.Success
	return nil
}

func orAll(amount, all int64) int64 {
	if amount == 0 {
		return all
	}
	return amount
}

// controlClerk is BackOffice over HTTP.
func (s *Simulator) controlClerk(r *http.Request) (any, error) {
	var amount int64
	if text := r.URL.Query().Get("amount"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%w: amount is no number of minor units", simkit.ErrBadInput)
		}
		amount = n
	}
	return s.BackOffice(r.URL.Query().Get("merchant"), r.PathValue("trans_id"), Clerk(r.PathValue("action")), amount)
}
