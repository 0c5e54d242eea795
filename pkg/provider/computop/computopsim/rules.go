package computopsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Fault is something that goes wrong.
type Fault = simkit.Fault

// Faults of calls. "Before" means before the effect, "after" means the effect
// has happened and the caller does not learn of it.
const (
	FaultSlow          = simkit.FaultSlow          // answers after Delay
	FaultTimeoutBefore = simkit.FaultTimeoutBefore // no effect, no answer
	FaultTimeoutAfter  = simkit.FaultTimeoutAfter  // effect, no answer
	FaultTimeoutLate   = simkit.FaultTimeoutLate   // no answer; the effect comes after Delay
	FaultResetBefore   = simkit.FaultResetBefore   // the connection is reset, no effect
	FaultResetAfter    = simkit.FaultResetAfter
	FaultHTTP500Before = simkit.FaultHTTP500Before
	FaultHTTP500After  = simkit.FaultHTTP500After
	FaultGarbageBefore = simkit.FaultGarbageBefore // status 200 and an unreadable body
	FaultGarbageAfter  = simkit.FaultGarbageAfter
	FaultEmptyBefore   = simkit.FaultEmptyBefore // status 200 and no body
	FaultEmptyAfter    = simkit.FaultEmptyAfter
	FaultThrottled     = simkit.FaultThrottled   // 429 with Retry-After, no effect
	FaultUnavailable   = simkit.FaultUnavailable // 503 with Retry-After, no effect

	FaultBusy       Fault = "busy"        // answers 22520045, no effect
	FaultCodeBefore Fault = "code_before" // answers FAILED with Code, no effect
	FaultCodeAfter  Fault = "code_after"  // the same, after the effect
)

// Faults of notifies.
const (
	FaultDuplicate = simkit.FaultDuplicate // Count further copies
	FaultLate      = simkit.FaultLate      // first sent after Delay
	FaultReordered = simkit.FaultReordered // sent after the payment's next one, or after Delay
	FaultLost      = simkit.FaultLost      // the first Count deliveries fail unsent; repeats follow
	FaultVanish    = simkit.FaultVanish    // never sent, though Paygate believes it was answered
	FaultForged    = simkit.FaultForged    // preceded by one with a wrong MAC that claims success

	FaultFraudReplay Fault = "fraud_replay" // a failed result is sent again, to URLSuccess as well
)

var (
	callFaults   = simkit.CallFaults(FaultBusy, FaultCodeBefore, FaultCodeAfter)
	notifyFaults = simkit.CallbackFaults(FaultFraudReplay)
)

var allOps = simkit.Set(OpInit, OpUpdate, OpCharge, OpCapture, OpCredit, OpReverse, OpInquire, OpInquire24,
	OpNotifyAuth, OpNotifyCapture, OpNotifyCredit)

// Rule makes a fault happen. Of several rules that match, the oldest one wins.
// An empty matcher matches everything, except that faults of calls concern
// calls only and faults of notifies notifies only.
type Rule struct {
	ID            int     `json:"id"`                        // given by AddRule
	Operation     Op      `json:"operation,omitempty"`       // of the call or notify
	Merchant      string  `json:"merchant,omitempty"`        // MerchantID
	TransID       string  `json:"trans_id,omitempty"`        // of the payment, whole
	TransIDSuffix string  `json:"trans_id_suffix,omitempty"` // or its end
	Nth           int     `json:"nth,omitempty"`             // from the n-th matching call on, counted from 1
	Every         int     `json:"every,omitempty"`           // and then only every n-th
	Probability   float64 `json:"probability,omitempty"`     // and then only so often, by seed; 0 means always
	Times         int     `json:"times,omitempty"`           // at most so often; 0 means without end

	Fault Fault         `json:"fault"`
	Delay time.Duration `json:"-"`               // real time; "delay" in JSON, as "1.5s"
	Count int           `json:"count,omitempty"` // copies or losses, 1 when zero
	Code  paygate.Code  `json:"code,omitempty"`  // of FaultCodeBefore and FaultCodeAfter

	Hits int `json:"hits"` // how often it has applied
}

// ErrRule marks a rule that makes no sense.
var ErrRule = errors.New("computopsim: bad rule")

func (r Rule) validate() error {
	switch {
	case !callFaults[r.Fault] && !notifyFaults[r.Fault]:
		return fmt.Errorf("%w: unknown fault %q", ErrRule, r.Fault)
	case r.Operation != "" && !allOps[r.Operation]:
		return fmt.Errorf("%w: unknown operation %q", ErrRule, r.Operation)
	case r.Operation != "" && notifyFaults[r.Fault] != strings.HasPrefix(string(r.Operation), "notify_"):
		return fmt.Errorf("%w: %s cannot happen to %s", ErrRule, r.Fault, r.Operation)
	case (r.Fault == FaultCodeBefore || r.Fault == FaultCodeAfter) && !r.Code.Complete():
		return fmt.Errorf("%w: code: want 8 characters", ErrRule)
	case r.Count < 0 || r.Delay < 0 || !r.trigger().Valid():
		return fmt.Errorf("%w: a number out of range", ErrRule)
	}
	return nil
}

func (r Rule) count() int { return max(r.Count, 1) }

func (r Rule) trigger() simkit.Trigger {
	return simkit.Trigger{
		Operation: string(r.Operation), Account: r.Merchant, Reference: r.TransID, Suffix: r.TransIDSuffix,
		Nth: r.Nth, Every: r.Every, Probability: r.Probability, Times: r.Times,
	}
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
