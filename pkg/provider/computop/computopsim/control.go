package computopsim

import (
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Payment is what the simulator knows of one payment.
type Payment struct {
	Merchant      string       `json:"merchant"`
	TransID       string       `json:"trans_id"`
	PayID         string       `json:"pay_id"`
	XID           string       `json:"xid"`
	RefNr         string       `json:"refnr,omitempty"`
	Session       string       `json:"session,omitempty"`
	Stage         Stage        `json:"stage"`
	Amount        int64        `json:"amount"` // asked for, minor units
	Currency      string       `json:"currency"`
	Sale          bool         `json:"sale"`
	Series        bool         `json:"series"`    // RTF=I
	FollowUp      bool         `json:"follow_up"` // RTF=R
	AmountAuth    int64        `json:"amount_auth"`
	AmountCap     int64        `json:"amount_cap"`
	AmountCred    int64        `json:"amount_cred"`
	Capturing     int64        `json:"capturing"` // in captures that are not final
	Crediting     int64        `json:"crediting"` // in refunds that are not final
	Permission    string       `json:"charge_permission_id,omitempty"`
	Charge        string       `json:"charge_id,omitempty"`
	LastStatus    string       `json:"last_status"`
	LastCode      paygate.Code `json:"last_code,omitempty"`
	NotifyAnswers bool         `json:"first_notify_answered"` // follow-ups are accepted
	Created       time.Time    `json:"created"`
}

func (p *payment) view() Payment {
	return Payment{
		Merchant: p.merchant.ID, TransID: p.transID, PayID: p.payID, XID: p.xid, RefNr: p.refNr,
		Session: p.session, Stage: p.stage, Amount: p.amount, Currency: p.currency,
		Sale: p.sale, Series: p.series, FollowUp: p.followUp,
		AmountAuth: p.authorised, AmountCap: p.captured, AmountCred: p.credited,
		Capturing: p.capturing, Crediting: p.crediting,
		Permission: p.permission, Charge: p.charge, LastStatus: p.lastStatus, LastCode: p.lastCode,
		NotifyAnswers: p.gate == gateOpen, Created: p.created.UTC(),
	}
}

// Payment returns one payment. Without a merchant the first that has the
// TransID is meant. The error wraps ErrNoPayment.
func (s *Simulator) Payment(merchant, transID string) (Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(merchant, transID)
	if err != nil {
		return Payment{}, err
	}
	p.expired(s)
	return p.view(), nil
}

// Payments returns at most limit payments in order of arrival, after the first
// skip ones; limit 0 means all.
func (s *Simulator) Payments(skip, limit int) []Payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.book.payments[min(max(skip, 0), len(s.book.payments)):]
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	views := make([]Payment, 0, len(all))
	for _, p := range all {
		p.expired(s)
		views = append(views, p.view())
	}
	return views
}

// Expire ends a session as its 24 hours would. Nobody is told.
func (s *Simulator) Expire(merchant, transID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(merchant, transID)
	if err != nil {
		return err
	}
	if p.stage != StageOpen && p.stage != StageReview {
		return ErrStage
	}
	p.stage, p.amazonStatus = StageExpired, "Canceled"
	return nil
}

// ErrNothingFailed says that a payment has no failed result to replay.
var ErrNothingFailed = fmt.Errorf("computopsim: no failed result to replay: %w", simkit.ErrConflict)

// FraudReplay posts the payment's last failed result, genuine and unchanged, to
// URLNotify and URLSuccess.
func (s *Simulator) FraudReplay(merchant, transID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(merchant, transID)
	if err != nil {
		return err
	}
	if !s.replay(p, 1) {
		return ErrNothingFailed
	}
	return nil
}

// Forge sends a notify that claims success under a MAC that is wrong.
func (s *Simulator) Forge(merchant, transID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(merchant, transID)
	if err != nil {
		return err
	}
	result := join(p.head(p.xid), verdict("OK", paygate.Success, "success"), p.amazon(), p.totals())
	s.courier.Send(s.forgery(p, p.signed(result)))
	return nil
}

// SetLatency makes every call take at least d, real time.
func (s *Simulator) SetLatency(d time.Duration) { s.trouble.SetLatency(d) }

// Outage answers every call with 503 for d from now; 0 ends an outage.
func (s *Simulator) Outage(d time.Duration) { s.trouble.Outage(d) }

// AddRule adds a rule and returns it with its ID. The error wraps ErrRule.
func (s *Simulator) AddRule(r Rule) (Rule, error) { return s.faults.add(r) }

// Rules returns the rules with the number of their hits.
func (s *Simulator) Rules() []Rule { return s.faults.List() }

// RemoveRule removes one rule and reports whether there was one.
func (s *Simulator) RemoveRule(id int) bool { return s.faults.Remove(id) }

// ClearRules removes every rule.
func (s *Simulator) ClearRules() { s.faults.Clear() }
