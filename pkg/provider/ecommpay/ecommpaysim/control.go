package ecommpaysim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Payout is what the simulator knows of one payout.
type Payout struct {
	Project    int64       `json:"project"`
	PaymentID  string      `json:"payment_id"`
	RequestID  string      `json:"request_id"`
	Stage      Stage       `json:"stage"`
	Status     string      `json:"status"` // payment.status
	Amount     int64       `json:"amount"` // minor units
	Currency   string      `json:"currency"`
	Code       string      `json:"code,omitempty"` // of the last operation, or of the refusal
	Operations []Operation `json:"operations"`
	Created    time.Time   `json:"created"`
}

// Operation is one thing the platform did about a payout.
type Operation struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Status string `json:"status"`
	Code   string `json:"code"`
}

func (p *payment) public() Payout {
	out := Payout{
		Project: p.project.ID, PaymentID: p.id, RequestID: p.requestID, Stage: p.stage, Status: p.status,
		Amount: p.amount, Currency: p.currency, Code: p.fault, Operations: []Operation{}, Created: p.created.UTC(),
	}
	for _, op := range p.ops {
		out.Operations = append(out.Operations, Operation{strconv.FormatUint(op.id, 10), op.kind, op.status, op.code})
		out.Code = op.code
	}
	return out
}

// Payout returns one payout, the latest with that id, of any project when project
// is 0. The error wraps ErrNoPayment.
func (s *Simulator) Payout(project int64, paymentID string) (Payout, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(project, paymentID)
	if err != nil {
		return Payout{}, err
	}
	return p.public(), nil
}

// Payouts returns at most limit payouts in order of arrival, after the first skip
// ones; limit 0 means all.
func (s *Simulator) Payouts(skip, limit int) []Payout {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.book.order[min(max(skip, 0), len(s.book.order)):]
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	out := make([]Payout, 0, len(all))
	for _, p := range all {
		out = append(out, p.public())
	}
	return out
}

// Action is what somebody at the control interface does with a payout.
type Action string

// The actions.
const (
	ActSucceed   Action = "succeed"   // what is not finished
	ActDecline   Action = "decline"   // the same, with a code
	ActReverse   Action = "reverse"   // a success
	ActTakeBack  Action = "take-back" // the same by hand in the Dashboard: nobody is told
	ActForget    Action = "forget"    // loses the payout: no inquiry finds it again
	ActResend    Action = "resend"    // sends the last callback again
	ActForge     Action = "forge"     // sends a success that is not genuine
	ActDuplicate Action = "duplicate" // sends an error about a second request with the same payment_id
)

// ErrStage says that a payout does not stand where an action needs it.
var ErrStage = fmt.Errorf("ecommpaysim: not in this stage: %w", simkit.ErrConflict)

var errNoAction = fmt.Errorf("%w: no such action", simkit.ErrNotFound)

// Act does a to a payout. code is that of a decline, 20000 when empty. Errors wrap
// ErrNoPayment and ErrStage.
func (s *Simulator) Act(project int64, paymentID string, a Action, code string) (Payout, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(project, paymentID)
	if err == nil {
		err = s.act(p, a, code)
	}
	if err != nil {
		return Payout{}, err
	}
	return p.public(), nil
}

func (s *Simulator) act(p *payment, a Action, code string) error {
	open := p.stage == StageProcessing && len(p.ops) > 0
	switch {
	case a == ActSucceed && open:
		s.succeed(p)
	case a == ActDecline && code != "" && !codePattern.MatchString(code):
		return fmt.Errorf("%w: code: want digits", simkit.ErrBadInput)
	case a == ActDecline && open:
		s.decline(p, ScriptRule{Outcome: Decline, Code: code}.withDefaults().Code)
	case a == ActReverse && p.stage == StageSuccess:
		s.reverse(p)
	case a == ActTakeBack && p.stage == StageSuccess:
		s.takeBack(p)
	case a == ActForget:
		delete(s.book.payments, p.key())
	case a == ActResend && p.last != nil:
		s.courier.Send(p.last.copy())
	case a == ActForge && p.callbackURL != "":
		s.courier.Send(s.forgery(p, true))
	case a == ActDuplicate && p.callbackURL != "":
		s.courier.Send(s.duplicateError(p))
	case !actions[a]:
		return errNoAction
	default:
		return ErrStage
	}
	return nil
}

// Correct changes the sum of a payout, as a mistake at the platform would. The error
// wraps ErrNoPayment.
func (s *Simulator) Correct(project int64, paymentID string, amount int64, currency string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(project, paymentID)
	if err == nil {
		p.amount, p.currency = amount, currency
	}
	return err
}

// PayByHand pays out as somebody in the Dashboard does: under an id of their own choice,
// at once, and without telling anybody. Errors wrap ErrNoProject and ErrStage.
func (s *Simulator) PayByHand(project int64, paymentID string, amount int64, currency string) (Payout, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.projects[project]
	switch {
	case !ok:
		return Payout{}, ErrNoProject
	case amount <= 0 || !currencyPattern.MatchString(currency):
		return Payout{}, fmt.Errorf("%w: amount or currency", simkit.ErrBadInput)
	case s.book.payments[paymentKey{project, paymentID}] != nil:
		return Payout{}, ErrStage
	}
	p := &payment{
		project: known, id: paymentID, amount: amount, currency: currency, account: "9100000000", customerID: "dashboard",
		created: s.cfg.Now(), status: "processing", stage: StageProcessing,
	}
	s.number(p)
	s.register(p)
	s.succeed(p)
	return p.public(), nil
}

// ErrNoProject says that there is no such project.
var ErrNoProject = fmt.Errorf("ecommpaysim: no such project: %w", simkit.ErrNotFound)

var actions = simkit.Set(ActSucceed, ActDecline, ActReverse, ActTakeBack, ActForget, ActResend, ActForge, ActDuplicate)

// SetLatency makes every call take at least d, real time.
func (s *Simulator) SetLatency(d time.Duration) { s.trouble.SetLatency(d) }

// Outage answers every call with 503 for d from now; 0 ends an outage.
func (s *Simulator) Outage(d time.Duration) { s.trouble.Outage(d) }
