package computopsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// Fault is something that goes wrong.
type Fault string

// Faults of calls. "Before" means before the effect, "after" means the effect
// has happened and the caller does not learn of it.
const (
	FaultSlow          Fault = "slow"                  // answers after Delay
	FaultTimeoutBefore Fault = "timeout_before_effect" // no effect, no answer
	FaultTimeoutAfter  Fault = "timeout_after_effect"  // effect, no answer
	FaultTimeoutLate   Fault = "timeout_late_effect"   // no answer; the effect comes after Delay
	FaultResetBefore   Fault = "reset_before"          // the connection is reset, no effect
	FaultResetAfter    Fault = "reset_after"
	FaultHTTP500Before Fault = "http_500_before"
	FaultHTTP500After  Fault = "http_500_after"
	FaultGarbageBefore Fault = "garbage_before" // status 200 and an unreadable body
	FaultGarbageAfter  Fault = "garbage_after"
	FaultEmptyBefore   Fault = "empty_before" // status 200 and no body
	FaultEmptyAfter    Fault = "empty_after"
	FaultThrottled     Fault = "throttled"   // 429 with Retry-After, no effect
	FaultUnavailable   Fault = "unavailable" // 503 with Retry-After, no effect
	FaultBusy          Fault = "busy"        // answers 22520045, no effect
	FaultCodeBefore    Fault = "code_before" // answers FAILED with Code, no effect
	FaultCodeAfter     Fault = "code_after"  // the same, after the effect
)

// Faults of notifies.
const (
	FaultDuplicate   Fault = "duplicate"    // Count further copies
	FaultLate        Fault = "late"         // first sent after Delay
	FaultReordered   Fault = "reordered"    // sent after the payment's next one, or after Delay
	FaultLost        Fault = "lost"         // the first Count deliveries fail unsent; repeats follow
	FaultVanish      Fault = "vanish"       // never sent, though Paygate believes it was answered
	FaultForged      Fault = "forged"       // preceded by one with a wrong MAC that claims success
	FaultFraudReplay Fault = "fraud_replay" // a failed result is sent again, to URLSuccess as well
)

var callFaults = set(FaultSlow, FaultTimeoutBefore, FaultTimeoutAfter, FaultTimeoutLate, FaultResetBefore, FaultResetAfter,
	FaultHTTP500Before, FaultHTTP500After, FaultGarbageBefore, FaultGarbageAfter, FaultEmptyBefore, FaultEmptyAfter,
	FaultThrottled, FaultUnavailable, FaultBusy, FaultCodeBefore, FaultCodeAfter)

var notifyFaults = set(FaultDuplicate, FaultLate, FaultReordered, FaultLost, FaultVanish, FaultForged, FaultFraudReplay)

var allOps = set(OpInit, OpUpdate, OpCharge, OpCapture, OpCredit, OpReverse, OpInquire, OpInquire24,
	OpNotifyAuth, OpNotifyCapture, OpNotifyCredit)

func set[T comparable](items ...T) map[T]bool {
	m := make(map[T]bool, len(items))
	for _, i := range items {
		m[i] = true
	}
	return m
}

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
	case r.Nth < 0 || r.Every < 0 || r.Times < 0 || r.Count < 0 || r.Delay < 0 || r.Probability < 0 || r.Probability > 1:
		return fmt.Errorf("%w: a number out of range", ErrRule)
	}
	return nil
}

func (r Rule) count() int { return max(r.Count, 1) }

func (r Rule) matches(op Op, merchantID, transID string) bool {
	return (r.Operation == "" || r.Operation == op) &&
		(r.Merchant == "" || r.Merchant == merchantID) &&
		(r.TransID == "" || r.TransID == transID) &&
		strings.HasSuffix(transID, r.TransIDSuffix)
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
	if err := decodeStrict(raw, &in); err != nil {
		return err
	}
	*r = Rule(in.ruleJSON)
	d, err := parseDelay(in.Delay)
	r.Delay = d
	return err
}

// decodeStrict refuses names it does not know: a misspelt rule must not pass
// for one that matches everything.
func decodeStrict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func parseDelay(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}
