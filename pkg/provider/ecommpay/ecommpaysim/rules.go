package ecommpaysim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Fault is something that goes wrong.
type Fault = simkit.Fault

// Faults of calls, beside those of simkit. "Before" means before the effect,
// "after" means the effect has happened and the caller does not learn of it.
const (
	FaultCodeBefore Fault = "code_before" // refused with Code, no effect
	FaultCodeAfter  Fault = "code_after"  // the same, after the effect
	FaultForbidden  Fault = "forbidden"   // 403 without a body, no effect
)

// Faults of callbacks, beside those of simkit.
const (
	FaultUnsigned  Fault = "unsigned"  // preceded by one without a signature
	FaultAmbiguous Fault = "ambiguous" // a semicolon in a text, so that the signature fits other messages
)

var (
	callFaults     = simkit.CallFaults(FaultCodeBefore, FaultCodeAfter, FaultForbidden)
	callbackFaults = simkit.CallbackFaults(FaultUnsigned, FaultAmbiguous)
)

var allOps = simkit.Set(OpPayout, OpStatus, OpRequestStatus, OpOperations, OpCallbackProcessing, OpCallbackSuccess, OpCallbackDecline,
	OpCallbackPartial, OpCallbackError, OpCallbackReversal)

// Rule makes a fault happen. Of several rules that match, the oldest one wins.
// An empty matcher matches everything, except that faults of calls concern
// calls only and faults of callbacks callbacks only.
type Rule struct {
	ID              int     `json:"id"`                          // given by AddRule
	Operation       Op      `json:"operation,omitempty"`         // of the call or callback
	Project         int64   `json:"project,omitempty"`           // project_id
	PaymentID       string  `json:"payment_id,omitempty"`        // whole
	PaymentIDSuffix string  `json:"payment_id_suffix,omitempty"` // or its end
	Nth             int     `json:"nth,omitempty"`               // from the n-th matching call on, counted from 1
	Every           int     `json:"every,omitempty"`             // and then only every n-th
	Probability     float64 `json:"probability,omitempty"`       // and then only so often, by seed; 0 means always
	Times           int     `json:"times,omitempty"`             // at most so often; 0 means without end

	Fault Fault         `json:"fault"`
	Delay time.Duration `json:"-"`               // real time; "delay" in JSON, as "1.5s"
	Count int           `json:"count,omitempty"` // copies or losses, 1 when zero
	Code  string        `json:"code,omitempty"`  // of FaultCodeBefore and FaultCodeAfter

	Hits int `json:"hits"` // how often it has applied
}

// ErrRule marks a rule that makes no sense.
var ErrRule = errors.New("ecommpaysim: bad rule")

func (r Rule) validate() error {
	switch {
	case !callFaults[r.Fault] && !callbackFaults[r.Fault]:
		return fmt.Errorf("%w: unknown fault %q", ErrRule, r.Fault)
	case r.Operation != "" && !allOps[r.Operation]:
		return fmt.Errorf("%w: unknown operation %q", ErrRule, r.Operation)
	case r.Operation != "" && callbackFaults[r.Fault] != strings.HasPrefix(string(r.Operation), "callback_"):
		return fmt.Errorf("%w: %s cannot happen to %s", ErrRule, r.Fault, r.Operation)
	case (r.Fault == FaultCodeBefore || r.Fault == FaultCodeAfter) && !codePattern.MatchString(r.Code):
		return fmt.Errorf("%w: code: want digits", ErrRule)
	case r.Count < 0 || r.Delay < 0 || r.Project < 0 || !r.trigger().Valid():
		return fmt.Errorf("%w: a number out of range", ErrRule)
	}
	return nil
}

func (r Rule) count() int { return max(r.Count, 1) }

func (r Rule) marked(id, hits int) Rule {
	r.ID, r.Hits = id, hits
	return r
}

func (r Rule) trigger() simkit.Trigger {
	t := simkit.Trigger{
		Operation: string(r.Operation), Reference: r.PaymentID, Suffix: r.PaymentIDSuffix,
		Nth: r.Nth, Every: r.Every, Probability: r.Probability, Times: r.Times,
	}
	if r.Project != 0 {
		t.Account = strconv.FormatInt(r.Project, 10)
	}
	return t
}

// AddRule adds a rule and returns it with its ID. The error wraps ErrRule.
func (s *Simulator) AddRule(r Rule) (Rule, error) {
	if err := r.validate(); err != nil {
		return Rule{}, err
	}
	return s.faults.Add(r), nil
}

// Rules returns the rules with the number of their hits.
func (s *Simulator) Rules() []Rule { return s.faults.List() }

// RemoveRule removes one rule and reports whether there was one.
func (s *Simulator) RemoveRule(id int) bool { return s.faults.Remove(id) }

// ClearRules removes every rule.
func (s *Simulator) ClearRules() { s.faults.Clear() }

// faultOf returns the rule that a call falls under.
func (s *Simulator) faultOf(c *call) (Rule, bool) {
	o := simkit.Occasion{Operation: string(c.op), Account: c.account(), Reference: c.paymentID()}
	return s.faults.Pick(o, func(r Rule) bool { return callFaults[r.Fault] })
}

// failBefore plays the faults that come before the effect. It reports whether the
// call is over.
func (s *Simulator) failBefore(w http.ResponseWriter, r *http.Request, c *call, rule Rule, do func(*call) (document, *refusal)) bool {
	switch rule.Fault {
	case FaultCodeBefore:
		s.write(w, document{}, refuse(rule.Code, ""))
		return true
	case FaultForbidden:
		w.WriteHeader(http.StatusForbidden)
		return true
	case simkit.FaultTimeoutLate:
		s.timers.After(rule.Delay, func() { s.execute(c, do) })
	default: // played the same way by every simulator
	}
	return s.trouble.Before(w, r, rule.Fault, rule.Delay)
}

// failAfter plays the faults that come after the effect. It reports whether the
// call is over.
func (s *Simulator) failAfter(w http.ResponseWriter, r *http.Request, rule Rule) bool {
	if rule.Fault == FaultCodeAfter {
		s.write(w, document{}, refuse(rule.Code, ""))
		return true
	}
	return s.trouble.After(w, r, rule.Fault, rule.Delay)
}

// ruleJSON spells the delay as text.
type ruleJSON Rule

// MarshalJSON writes the delay as text, such as "1.5s".
func (r Rule) MarshalJSON() ([]byte, error) {
	delay := ""
	if r.Delay != 0 {
		delay = r.Delay.String()
	}
	return json.Marshal(struct {
		ruleJSON
		Delay string `json:"delay,omitempty"`
	}{ruleJSON(r), delay})
}

// UnmarshalJSON reads the delay as text, such as "1.5s".
func (r *Rule) UnmarshalJSON(raw []byte) error {
	var in struct {
		ruleJSON
		Delay string `json:"delay"`
	}
	if err := simkit.DecodeStrict(raw, &in); err != nil {
		return err
	}
	*r = Rule(in.ruleJSON)
	d, err := simkit.ParseDelay(in.Delay)
	r.Delay = d
	return err
}
