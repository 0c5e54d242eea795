package axervesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
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

	FaultCodeBefore Fault = "code_before" // answers KO with Code, no effect
	FaultCodeAfter  Fault = "code_after"  // the same, after the effect
	FaultSOAPBefore Fault = "soap_before" // status 500 with soap:Server, no effect
	FaultSOAPAfter  Fault = "soap_after"
	// FaultQueued makes a settle fail technically: it is answered 9999, shows as
	// PRE and is executed the following night.
	FaultQueued Fault = "queued"
)

// Faults of notifications.
const (
	FaultDuplicate = simkit.FaultDuplicate // Count further copies
	FaultLate      = simkit.FaultLate      // first sent after Delay
	FaultReordered = simkit.FaultReordered // sent after the payment's next one, or after Delay
	FaultLost      = simkit.FaultLost      // the first Count deliveries fail unsent; repeats follow
	FaultVanish    = simkit.FaultVanish    // never sent
	FaultForged    = simkit.FaultForged    // preceded by one whose string nobody made
)

var (
	callFaults   = simkit.CallFaults(FaultCodeBefore, FaultCodeAfter, FaultSOAPBefore, FaultSOAPAfter, FaultQueued)
	notifyFaults = simkit.CallbackFaults()
	allOps       = simkit.Set(OpEncrypt, OpDecrypt, OpPay, OpRead, OpSettle, OpRefund, OpDelete, OpNotify)
)

// Rule makes a fault happen. Of several rules that match, the oldest one wins.
// An empty matcher matches everything, except that faults of calls concern calls
// only and faults of notifications notifications only.
type Rule struct {
	ID          int     `json:"id"`                            // given by AddRule
	Operation   Op      `json:"operation,omitempty"`           // of the call, or OpNotify
	Shop        string  `json:"shop,omitempty"`                // shopLogin
	ShopID      string  `json:"shop_transaction_id,omitempty"` // of the payment, whole
	Suffix      string  `json:"shop_transaction_id_suffix,omitempty"`
	Nth         int     `json:"nth,omitempty"`         // from the n-th matching call on, counted from 1
	Every       int     `json:"every,omitempty"`       // and then only every n-th
	Probability float64 `json:"probability,omitempty"` // and then only so often, by seed; 0 means always
	Times       int     `json:"times,omitempty"`       // at most so often; 0 means without end

	Fault Fault         `json:"fault"`
	Delay time.Duration `json:"-"`               // real time; "delay" in JSON, as "1.5s"
	Count int           `json:"count,omitempty"` // copies or losses, 1 when zero
	Code  gestpay.Code  `json:"code,omitempty"`  // of FaultCodeBefore and FaultCodeAfter; 9999 when empty

	Hits int `json:"hits"` // how often it has applied
}

// ErrRule marks a rule that makes no sense.
var ErrRule = errors.New("axervesim: bad rule")

var plainCode = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)

func (r Rule) validate() error {
	switch {
	case !callFaults[r.Fault] && !notifyFaults[r.Fault]:
		return fmt.Errorf("%w: unknown fault %q", ErrRule, r.Fault)
	case r.Operation != "" && !allOps[r.Operation]:
		return fmt.Errorf("%w: unknown operation %q", ErrRule, r.Operation)
	case r.Operation != "" && notifyFaults[r.Fault] != (r.Operation == OpNotify):
		return fmt.Errorf("%w: %s cannot happen to %s", ErrRule, r.Fault, r.Operation)
	case r.Fault == FaultQueued && r.Operation != OpSettle:
		return fmt.Errorf("%w: only a settle can be queued", ErrRule)
	case r.Code != "" && !plainCode.MatchString(string(r.Code)):
		return fmt.Errorf("%w: code: want a number", ErrRule)
	case r.Count < 0 || r.Delay < 0 || !r.trigger().Valid():
		return fmt.Errorf("%w: a number out of range", ErrRule)
	}
	return nil
}

func (r Rule) count() int { return max(r.Count, 1) }

func (r Rule) code() gestpay.Code {
	if r.Code == "" {
		return gestpay.CodeSystem
	}
	return r.Code
}

func (r Rule) trigger() simkit.Trigger {
	return simkit.Trigger{
		Operation: string(r.Operation), Account: r.Shop, Reference: r.ShopID, Suffix: r.Suffix,
		Nth: r.Nth, Every: r.Every, Probability: r.Probability, Times: r.Times,
	}
}

// faults holds the rules.
type faults struct{ *simkit.Faults[Rule] }

func newFaults(from seed) *faults {
	return &faults{simkit.NewFaults(simkit.Seed(from), Rule.trigger, func(r Rule, id, hits int) Rule {
		r.ID, r.Hits = id, hits
		return r
	})}
}

func (f *faults) forCall(c *call) (Rule, bool) {
	return f.pick(callFaults, c.name, c.get("shopLogin"), c.reference)
}

func (f *faults) forNotify(p *payment) (Rule, bool) {
	return f.pick(notifyFaults, OpNotify, p.shop.Login, p.shopID)
}

func (f *faults) pick(kind map[Fault]bool, op Op, login, shopID string) (Rule, bool) {
	occasion := simkit.Occasion{Operation: string(op), Account: login, Reference: shopID}
	return f.Pick(occasion, func(r Rule) bool { return kind[r.Fault] })
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
