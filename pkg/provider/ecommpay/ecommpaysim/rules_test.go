package ecommpaysim

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

func TestCallFaults(t *testing.T) {
	t.Parallel()
	const (
		answered = "answered"
		cut      = "cut"
		noAnswer = "no answer"
		garbled  = "garbled"
	)
	cases := map[Fault]struct {
		seen   string
		effect bool
	}{
		simkit.FaultSlow:          {answered, true},
		simkit.FaultTimeoutBefore: {noAnswer, false},
		simkit.FaultTimeoutAfter:  {noAnswer, true},
		simkit.FaultTimeoutLate:   {noAnswer, true},
		simkit.FaultResetBefore:   {cut, false},
		simkit.FaultResetAfter:    {cut, true},
		simkit.FaultHTTP500Before: {"500", false},
		simkit.FaultHTTP500After:  {"500", true},
		simkit.FaultGarbageBefore: {garbled, false},
		simkit.FaultGarbageAfter:  {garbled, true},
		simkit.FaultEmptyBefore:   {garbled, false},
		simkit.FaultEmptyAfter:    {garbled, true},
		simkit.FaultThrottled:     {"429", false},
		simkit.FaultUnavailable:   {"503", false},
		FaultForbidden:            {"403", false},
		FaultCodeBefore:           {"refused 601", false},
		FaultCodeAfter:            {"refused 601", true},
	}
	if len(cases) != len(callFaults) {
		t.Errorf("%d of %d faults are tried", len(cases), len(callFaults))
	}
	r := newRig(t)
	for fault, c := range cases {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := &rig{t: t, sim: r.sim, server: r.server, shop: r.shop}
			id := "F-" + string(fault)
			rule := Rule{Operation: OpPayout, Project: project, PaymentID: id, Fault: fault, Times: 1, Code: "601", Delay: 300 * time.Millisecond}
			if fault == simkit.FaultTimeoutBefore || fault == simkit.FaultTimeoutAfter {
				rule.Delay = 0 // until the client gives up
			}
			if _, err := r.sim.AddRule(rule); err != nil {
				t.Fatal(err)
			}
			limit := time.Second
			if fault == simkit.FaultTimeoutLate {
				limit = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			a, err := r.try(ctx, payoutPath, r.sealed(r.request(id, 10000), gate.InGeneral))
			if got := observed(a, err); got != c.seen {
				t.Errorf("seen %q, want %q: %v", got, c.seen, err)
			}
			if fault == simkit.FaultTimeoutLate && r.ledger(id) != "" {
				t.Error("the late effect came early")
			}
			r.quiet()
			if got := r.ledger(id) == "payout 10000"; got != c.effect {
				t.Errorf("effect %v, ledger %q", got, r.ledger(id))
			}
			// The rule was for one call.
			want := map[bool]string{true: codeDuplicate, false: ""}[c.effect]
			if got := r.payout(r.request(id, 10000)).refusal(); got != want {
				t.Errorf("the next call: %q, want %q", got, want)
			}
		})
	}
}

// observed puts what a client saw into a word.
func observed(a answer, err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	case errors.Is(err, gate.ErrMalformed):
		return "garbled"
	case err != nil:
		return "cut"
	case a.refusal() != "":
		return "refused " + a.refusal()
	case a.status != 200:
		return strconv.Itoa(a.status)
	}
	return "answered"
}

func TestRule_Validate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, bad := range map[string]Rule{
		"no fault":                    {},
		"a fault nobody knows":        {Fault: "flood"},
		"an operation nobody knows":   {Fault: simkit.FaultSlow, Operation: "capture"},
		"a call's fault, a callback":  {Fault: simkit.FaultSlow, Operation: OpCallbackSuccess},
		"a callback's fault, a call":  {Fault: simkit.FaultLost, Operation: OpPayout},
		"a code that is none":         {Fault: FaultCodeBefore, Code: "x"},
		"a count below zero":          {Fault: simkit.FaultDuplicate, Count: -1},
		"a probability above one":     {Fault: simkit.FaultSlow, Probability: 2},
		"a project below zero":        {Fault: simkit.FaultSlow, Project: -1},
		"a delay that is in the past": {Fault: simkit.FaultSlow, Delay: -1},
	} {
		if _, err := r.sim.AddRule(bad); !errors.Is(err, ErrRule) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRule_JSON(t *testing.T) {
	t.Parallel()
	want := Rule{Operation: OpPayout, Project: project, PaymentIDSuffix: "7", Fault: simkit.FaultSlow, Delay: 1500 * time.Millisecond, Times: 2}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Rule
	if err := json.Unmarshal(raw, &got); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%s became %+v, %v", raw, got, err)
	}
	for _, bad := range []string{`{"fault":"slow","payment":"x"}`, `{"fault":"slow","delay":"soon"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*Config){
		"Projects: none":    func(c *Config) { c.Projects = nil },
		"ID must":           func(c *Config) { c.Projects[0].ID = 0 },
		"Secret is empty":   func(c *Config) { c.Projects[0].Secret = "" },
		"twice":             func(c *Config) { c.Projects[1].ID = project },
		"CallbackURL":       func(c *Config) { c.Projects[0].CallbackURL = "nowhere" },
		"TimeScale":         func(c *Config) { c.TimeScale = -1 },
		"CallbackWorkers":   func(c *Config) { c.CallbackWorkers = -1 },
		"Layout":            func(c *Config) { c.Layout = "odd" },
		"unknown outcome":   func(c *Config) { c.Script = []ScriptRule{{Outcome: "luck"}} },
		"code: want digits": func(c *Config) { c.Script = []ScriptRule{{Outcome: Decline, Code: "no"}} },
	} {
		cfg := testConfig()
		change(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) || !contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	cfg := testConfig()
	cfg.RelaxURLs, cfg.Projects[0].CallbackURL = false, "http://shop.example/cb"
	if _, err := New(cfg); !errors.Is(err, ErrConfig) {
		t.Errorf("plain http: %v", err)
	}
}
