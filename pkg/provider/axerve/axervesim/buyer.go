package axervesim

import (
	"fmt"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Decision is what a buyer does on the payment page.
type Decision string

// The decisions.
const (
	Approve      Decision = "approve"
	Decline      Decision = "decline"       // and Amazon declines
	Delay        Decision = "delay"         // XX, and later OK
	DelayDecline Decision = "delay_decline" // XX, and later KO
	Abandon      Decision = "abandon"       // cancels: there is no transaction
	Timeout      Decision = "timeout"       // stays until the page's session is over
)

var decisions = simkit.Set(Approve, Decline, Delay, DelayDecline, Abandon, Timeout)

// Visit is where a decision leads the buyer's browser.
type Visit struct {
	Shop              string         `json:"shop"`
	ShopTransactionID string         `json:"shop_transaction_id"`
	BankTransactionID string         `json:"bank_transaction_id"`
	Stage             Stage          `json:"stage"`
	Result            gestpay.Result `json:"result"`
	// ReturnURL is the shop's positive or negative address with its data.
	ReturnURL string `json:"return_url"`
}

// Decide does what the buyer of a payment would do on the page; of several pages
// for one id the newest that is open is meant. Without a shop the first that has
// the id is meant. The error wraps ErrNoPayment, ErrStage or ErrDecision.
func (s *Simulator) Decide(shopLogin, shopTransactionID string, d Decision) (Visit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(shopLogin, shopTransactionID)
	if err != nil {
		return Visit{}, err
	}
	return s.decide(p, d)
}

// lookup finds a payment for the control interface: an open one before others,
// a newer one before older ones. The caller holds the lock.
func (s *Simulator) lookup(login, shopID string) (*payment, error) {
	for _, shop := range s.cfg.Shops {
		var newest *payment
		if login == "" || login == shop.Login {
			for _, p := range s.book.byShopID[shopKey{shop.Login, shopID}] {
				if newest == nil || p.stage == StageOpen || newest.stage != StageOpen {
					newest = p
				}
			}
		}
		if newest != nil {
			return newest, nil
		}
	}
	return nil, fmt.Errorf("%w: shop %q, shopTransactionId %q", ErrNoPayment, login, shopID)
}

// decide is the one way in which a page ends, by browser or by control. The
// caller holds the lock.
func (s *Simulator) decide(p *payment, d Decision) (Visit, error) {
	if !decisions[d] {
		return Visit{}, fmt.Errorf("%w: %q", ErrDecision, d)
	}
	if why := s.unpayable(p); why != "" {
		return Visit{}, fmt.Errorf("%w: stage %s, code %s", ErrStage, p.stage, why)
	}
	s.conclude(p, d)
	s.notify(p)
	return Visit{
		Shop: p.shop.Login, ShopTransactionID: p.shopID, BankTransactionID: p.bankID,
		Stage: p.stage, Result: p.result, ReturnURL: p.returnURL(s.keep(p, "browser")),
	}, nil
}

// unpayable is the code with which the page refuses to go on, or "".
func (s *Simulator) unpayable(p *payment) gestpay.Code {
	switch {
	case p.stage == StageOpen && s.past(p.created, s.cfg.StringLife):
		p.stage = StageExpired
		return gestpay.CodeSessionExpired
	case p.stage == StageExpired:
		return gestpay.CodeSessionExpired
	case p.stage != StageOpen:
		return codePaid
	case !s.cfg.ReuseIDs && s.book.used(p.shop.Login, p.shopID):
		// A second page for an id that was paid on the first.
		return codePaid
	}
	return ""
}

func (s *Simulator) conclude(p *payment, d Decision) {
	switch d {
	case Abandon:
		p.leave(StageAbandoned, gestpay.CodeAbandoned)
		return
	case Timeout:
		p.leave(StageExpired, gestpay.CodeSessionExpired)
		return
	default:
	}
	s.open(p)
	switch {
	case d == Decline, d == Approve && wallet[p.wallet].declines:
		s.decline(p, gestpay.CodeDeclined)
	case d == Approve:
		s.authorise(p)
	default:
		s.wait(p, d == Delay)
	}
}

// leave ends the payment without a transaction.
func (p *payment) leave(stage Stage, code gestpay.Code) {
	p.stage, p.result, p.code = stage, gestpay.ResultKO, code
}

// returnURL is the positive address for what succeeded or is not final, and the
// negative one for the rest. A shop without it keeps the buyer on the page.
func (p *payment) returnURL(b string) string {
	to := p.shop.PositiveURL
	if p.result == gestpay.ResultKO {
		to = p.shop.NegativeURL
	}
	if to == "" {
		return ""
	}
	return simkit.WithQuery(to, p.query(b))
}
