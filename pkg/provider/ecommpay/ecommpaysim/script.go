package ecommpaysim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Outcome is what becomes of a payout that was accepted.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Decline Outcome = "decline" // Code says why
	Refuse  Outcome = "refuse"  // never registered: an error callback with Code follows the acceptance
	Reverse Outcome = "reverse" // a success that is taken back
	Retry   Outcome = "retry"   // declined, tried again by the platform, success
	Partial Outcome = "partial" // paid out in part
	Hold    Outcome = "hold"    // nothing happens until somebody decides
)

var outcomes = simkit.Set(Success, Decline, Refuse, Reverse, Retry, Partial, Hold)

// ScriptRule says what becomes of the payouts that it matches. An empty matcher
// matches everything.
type ScriptRule struct {
	AmountSuffix    string  `json:"amount_suffix,omitempty"`     // end of the amount in minor units
	AccountSuffix   string  `json:"account_suffix,omitempty"`    // end of account.number
	PaymentIDSuffix string  `json:"payment_id_suffix,omitempty"` // end of payment_id
	Outcome         Outcome `json:"outcome"`
	Code            string  `json:"code,omitempty"` // of Decline and Refuse; 20000 and 502 when empty
}

// BuiltIn returns the rules that apply after those that are set, by the last two
// digits of the amount: 91 and 92 are declined, 93 is refused after it was
// accepted, 94 is taken back, 95 is paid at the second try, 96 is held, 97 is paid
// in part. Everything else succeeds.
func BuiltIn() []ScriptRule {
	return []ScriptRule{
		{AmountSuffix: "91", Outcome: Decline, Code: "20000"},
		{AmountSuffix: "92", Outcome: Decline, Code: "20102"},
		{AmountSuffix: "93", Outcome: Refuse, Code: "502"},
		{AmountSuffix: "94", Outcome: Reverse},
		{AmountSuffix: "95", Outcome: Retry},
		{AmountSuffix: "96", Outcome: Hold},
		{AmountSuffix: "97", Outcome: Partial},
		{Outcome: Success},
	}
}

// ErrScript marks a rule of a script that makes no sense.
var ErrScript = errors.New("ecommpaysim: bad script")

func validateScript(rules []ScriptRule) error {
	for i, r := range rules {
		switch {
		case !outcomes[r.Outcome]:
			return fmt.Errorf("%w: rule %d: unknown outcome %q", ErrScript, i, r.Outcome)
		case r.Code != "" && !codePattern.MatchString(r.Code):
			return fmt.Errorf("%w: rule %d: code: want digits", ErrScript, i)
		}
	}
	return nil
}

// SetScript replaces the rules; for a payout the first that matches counts, and
// after them those of BuiltIn. Payouts that were accepted already are left alone.
// The error wraps ErrScript.
func (s *Simulator) SetScript(rules ...ScriptRule) error {
	if err := validateScript(rules); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append([]ScriptRule{}, rules...)
	return nil
}

// Script returns the rules that were set.
func (s *Simulator) Script() []ScriptRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]ScriptRule{}, s.script...)
}

// scripted returns the rule for a payout. The caller holds the lock.
func (s *Simulator) scripted(p *payment) ScriptRule {
	for _, r := range append(append([]ScriptRule{}, s.script...), BuiltIn()...) {
		if r.matches(p) {
			return r.withDefaults()
		}
	}
	return ScriptRule{Outcome: Success}
}

func (r ScriptRule) matches(p *payment) bool {
	return strings.HasSuffix(strconv.FormatInt(p.amount, 10), r.AmountSuffix) &&
		strings.HasSuffix(p.account, r.AccountSuffix) && strings.HasSuffix(p.id, r.PaymentIDSuffix)
}

func (r ScriptRule) withDefaults() ScriptRule {
	switch {
	case r.Code != "":
	case r.Outcome == Decline:
		r.Code = codeGeneralDecline
	case r.Outcome == Refuse:
		r.Code = codeValidation
	}
	return r
}
