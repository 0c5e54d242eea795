package axervesim

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// TestFaults_OfCalls: whatever the caller sees, the ledger tells what happened.
func TestFaults_OfCalls(t *testing.T) {
	t.Parallel()
	const nothing, effect = "authorize 4990", "authorize 4990, capture 4990"
	cases := map[Fault]struct {
		ledger string
		want   gestpay.Outcome // "" when there is no answer at all
	}{
		FaultSlow:          {effect, gestpay.OpOK},
		FaultTimeoutBefore: {nothing, ""},
		FaultTimeoutAfter:  {effect, ""},
		FaultResetBefore:   {nothing, ""},
		FaultResetAfter:    {effect, ""},
		FaultHTTP500Before: {nothing, gestpay.TransportFault},
		FaultHTTP500After:  {effect, gestpay.TransportFault},
		FaultGarbageBefore: {nothing, gestpay.ProtocolError},
		FaultGarbageAfter:  {effect, gestpay.ProtocolError},
		FaultEmptyBefore:   {nothing, gestpay.ProtocolError},
		FaultEmptyAfter:    {effect, gestpay.ProtocolError},
		FaultThrottled:     {nothing, gestpay.TransportFault},
		FaultUnavailable:   {nothing, gestpay.TransportFault},
		FaultCodeBefore:    {nothing, gestpay.Unknown},
		FaultCodeAfter:     {effect, gestpay.Unknown},
		FaultSOAPBefore:    {nothing, gestpay.TransportFault},
		FaultSOAPAfter:     {effect, gestpay.TransportFault},
		FaultQueued:        {"authorize 4990, (capture 4990)", gestpay.Unknown},
	}
	if len(cases)+1 != len(callFaults) { // FaultTimeoutLate has a test of its own
		t.Errorf("%d faults tried of %d", len(cases), len(callFaults))
	}
	for fault, c := range cases {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.TimeScale = 0.001 }).as(separated)
			bank := r.authorised("p-1")
			r.rule(Rule{Operation: OpSettle, Shop: separated, ShopID: "p-1", Times: 1, Fault: fault, Delay: 30 * time.Millisecond})
			reply, err := r.try(t.Context(), gestpay.SettleRequest{Shop: r.shop, Money: euro(4990), BankTransactionID: bank})
			answered := err == nil || errors.Is(err, gestpay.ErrTransport) || errors.Is(err, gestpay.ErrProtocol)
			if got := gestpay.OutcomeOf(reply, err); answered != (c.want != "") || answered && got != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
			r.checkLedger("p-1", c.ledger)
			if rules := r.sim.Rules(); len(rules) != 1 || rules[0].Hits != 1 {
				t.Errorf("%+v", rules)
			}
		})
	}
}

func TestFaults_EffectAfterTheCallerGaveUp(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	bank := r.authorised("p-1")
	r.rule(Rule{Operation: OpSettle, Times: 1, Fault: FaultTimeoutLate, Delay: 50 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.try(ctx, gestpay.SettleRequest{Shop: r.shop, Money: euro(4990), BankTransactionID: bank}); err == nil {
		t.Fatal("answered")
	}
	r.quiet()
	r.checkLedger("p-1", "authorize 4990, capture 4990")
}

func TestFaults_CodeOfOnesChoice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.authorised("p-1")
	r.rule(Rule{Operation: OpRead, Times: 2, Fault: FaultCodeBefore, Code: "2011"})
	checkReply(t, "not visible yet", r.read("p-1"), gestpay.NotFound, "2011")
	checkReply(t, "not visible yet", r.read("p-1"), gestpay.NotFound, "2011")
	checkReply(t, "visible", r.read("p-1"), gestpay.PaymentOK, "0")
	r.rule(Rule{Suffix: "-ip", Fault: FaultCodeBefore, Code: "1142"})
	checkReply(t, "config", r.read("p-ip"), gestpay.CallFailed, "1142")
	checkReply(t, "another payment", r.read("p-1"), gestpay.PaymentOK, "0")
}

func TestFaults_OfNotifications(t *testing.T) {
	t.Parallel()
	cases := map[Fault][]string{
		FaultDuplicate: {"OK p-1", "OK p-1", "OK p-1"},
		FaultLate:      {"OK p-1"},
		FaultReordered: {"OK p-1"},
		FaultLost:      {"OK p-1"},
		FaultVanish:    nil,
		FaultForged:    {"1141", "OK p-1"},
	}
	for fault, want := range cases {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.NotifyWorkers, c.TimeScale = 1, 1e5 })
			r.rule(Rule{Operation: OpNotify, Fault: fault, Count: 2, Delay: 20 * time.Millisecond})
			r.authorised("p-1")
			r.quiet()
			if diff := cmp.Diff(want, r.results()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFaults_TheEndOvertakesThePending(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.NotifyWorkers = 1 })
	r.rule(Rule{Operation: OpNotify, ShopID: "p-1", Times: 1, Fault: FaultReordered, Delay: time.Minute})
	r.encrypted("p-1")
	r.decide("p-1", Delay)
	deadline := time.Now().Add(10 * time.Second)
	for len(r.inbox.all()) < 2 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if diff := cmp.Diff([]string{"OK p-1", "XX p-1"}, r.results()); diff != "" {
		t.Error(diff)
	}
}

func TestNotify_RepeatsAreTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.TimeScale = 1e5 })
	r.inbox.answer(500, 404, 302)
	r.authorised("p-1")
	r.quiet()
	got := r.inbox.all()
	if len(got) != 4 || slices.ContainsFunc(got, func(n received) bool { return n.query != got[0].query }) {
		t.Errorf("%+v", got)
	}
	if st := r.sim.Stats(); st.NotifiesSent != 4 || st.NotifiesAnswered != 1 || st.NotifiesGivenUp != 0 {
		t.Errorf("%+v", st)
	}
}

func TestRule_Refusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, text := range map[string]string{
		"an unknown fault":          `{"fault":"meteor"}`,
		"an unknown operation":      `{"fault":"slow","operation":"steal"}`,
		"a call fault of a notify":  `{"fault":"slow","operation":"notify"}`,
		"a notify fault of a call":  `{"fault":"lost","operation":"settle"}`,
		"a refund that is queued":   `{"fault":"queued","operation":"refund"}`,
		"a code that is no number":  `{"fault":"code_before","code":"x"}`,
		"success for a fault":       `{"fault":"code_before","code":"0"}`,
		"a probability above one":   `{"fault":"slow","probability":2}`,
		"a negative count":          `{"fault":"slow","times":-1}`,
		"a delay without a unit":    `{"fault":"slow","delay":"5"}`,
		"a name nobody knows":       `{"fault":"slow","shop_id":"p-1"}`,
		"a delay that is no string": `{"fault":"slow","delay":5}`,
	} {
		var rule Rule
		err := json.Unmarshal([]byte(text), &rule)
		if err == nil {
			_, err = r.sim.AddRule(rule)
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var rule Rule
	if err := json.Unmarshal([]byte(`{"fault":"slow","delay":"1.5s"}`), &rule); err != nil || rule.Delay != 1500*time.Millisecond {
		t.Errorf("delay %v, %v", rule.Delay, err)
	}
	if raw, err := json.Marshal(rule); err != nil || !strings.Contains(string(raw), `"delay":"1.5s"`) {
		t.Errorf("%s, %v", raw, err)
	}
}
