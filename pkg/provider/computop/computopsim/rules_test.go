package computopsim

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
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
		FaultSlow:          {answered, true},
		FaultTimeoutBefore: {noAnswer, false},
		FaultTimeoutAfter:  {noAnswer, true},
		FaultTimeoutLate:   {noAnswer, true},
		FaultResetBefore:   {cut, false},
		FaultResetAfter:    {cut, true},
		FaultHTTP500Before: {"500", false},
		FaultHTTP500After:  {"500", true},
		FaultGarbageBefore: {garbled, false},
		FaultGarbageAfter:  {garbled, true},
		FaultEmptyBefore:   {garbled, false},
		FaultEmptyAfter:    {garbled, true},
		FaultThrottled:     {"429", false},
		FaultUnavailable:   {"503", false},
		FaultBusy:          {"22520045", false},
		FaultCodeBefore:    {"42520050", false},
		FaultCodeAfter:     {"42520050", true},
	}
	if len(cases) != len(callFaults) {
		t.Errorf("%d of %d faults are tried", len(cases), len(callFaults))
	}
	r := newRig(t)
	for fault, c := range cases {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := *r
			r.t = t
			transID := "F-" + string(fault)
			payID, _ := r.authorised(transID)
			rule := Rule{Operation: OpCapture, TransID: transID, Fault: fault, Times: 1, Code: "42520050", Delay: 300 * time.Millisecond}
			if fault == FaultTimeoutBefore || fault == FaultTimeoutAfter {
				rule.Delay = 0 // until the client gives up
			}
			if _, err := r.sim.AddRule(rule); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if fault == FaultTimeoutLate {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
			}
			answer, err := r.try(ctx, "capture.aspx", r.signed(followUp(payID, transID, "1000")))
			if got := observed(answer, err); got != c.seen {
				t.Errorf("seen %q, want %q: %v", got, c.seen, err)
			}
			if fault == FaultTimeoutLate && r.ledger(transID) != "authorize 10000" {
				t.Error("the late effect came early")
			}
			r.quiet()
			if got := strings.Contains(r.ledger(transID), "capture 1000"); got != c.effect {
				t.Errorf("effect %v, ledger %q", got, r.ledger(transID))
			}
			// The rule was for one call.
			want := map[bool]paygate.Code{true: "22520063", false: paygate.Success}[c.effect]
			checkCode(t, "the next call", r.capture(payID, transID, "1000"), want)
		})
	}
}

// observed puts what a client saw into a word.
func observed(answer paygate.Message, err error) string {
	var status statusError
	switch {
	case errors.As(err, &status):
		return map[int]string{500: "500", 429: "429", 503: "503"}[int(status)]
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	case errors.Is(err, paygate.ErrNoEnvelope), errors.Is(err, paygate.ErrMalformed), errors.Is(err, paygate.ErrUndecipherable):
		return "garbled"
	case err != nil:
		return "cut"
	case answer.Get("Code") == string(paygate.Success):
		return "answered"
	}
	return answer.Get("Code")
}

func TestNotifyFaults(t *testing.T) {
	t.Parallel()
	cases := map[Fault]struct {
		rule   Rule
		extra  []string
		action Decision
		want   []string // genuine or forged, with code
		open   bool     // follow-ups accepted afterwards
	}{
		FaultDuplicate: {rule: Rule{Count: 3}, action: Approve, open: true,
			want: []string{"genuine 00000000", "genuine 00000000", "genuine 00000000", "genuine 00000000"}},
		FaultLate:      {rule: Rule{Delay: 20 * time.Millisecond}, action: Approve, want: []string{"genuine 00000000"}, open: true},
		FaultReordered: {rule: Rule{Delay: 20 * time.Millisecond}, action: Approve, want: []string{"genuine 00000000"}, open: true},
		FaultLost:      {rule: Rule{Count: 1}, action: Approve, want: []string{"genuine 00000000"}, open: true},
		FaultVanish:    {action: Approve, want: nil, open: true},
		FaultForged:    {action: Decline, want: []string{"forged 00000000", "genuine 22520100"}, open: true},
		FaultFraudReplay: {action: Decline, open: true,
			want: []string{"genuine 22520100", "genuine 22520100", "genuine 22520100"}},
	}
	if len(cases) != len(notifyFaults) {
		t.Errorf("%d of %d faults are tried", len(cases), len(notifyFaults))
	}
	for fault, c := range cases {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.TimeScale = 6000 })
			rule := c.rule
			rule.Fault, rule.Operation, rule.Times = fault, OpNotifyAuth, 1
			if _, err := r.sim.AddRule(rule); err != nil {
				t.Fatal(err)
			}
			r.opened("T-1", "URLSuccess", r.shop.server.URL+"/ok?x=1")
			r.decide("T-1", c.action)
			r.quiet()
			var got []string
			for _, m := range r.notifies() {
				kind := "forged "
				if r.genuine(m) {
					kind = "genuine "
				}
				got = append(got, kind+m.Get("Code"))
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if p := r.payment("T-1"); p.NotifyAnswers != c.open {
				t.Errorf("gate open: %v", p.NotifyAnswers)
			}
		})
	}
}

func TestNotifyFault_Reordered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID, charge := r.authorised("T-1")
	if _, err := r.sim.AddRule(Rule{Operation: OpNotifyCapture, Fault: FaultReordered, Delay: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	r.capture(payID, "T-1", "5000")
	r.credit(payID, "T-1", "1000", charge)
	waitFor(t, func() bool { return len(r.shop.all()) == 3 })
	var order []string
	for _, m := range r.notifies() {
		order = append(order, m.Get("NotificationType"))
	}
	if diff := cmp.Diff([]string{"", "CreditNotification", "CaptureNotification"}, order); diff != "" {
		t.Error(diff)
	}
}

// waitFor waits for a condition that must come.
func waitFor(t *testing.T, met func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-deadline.C:
			t.Fatal("it never came")
		case <-tick.C:
		}
	}
}

func TestForgeAndReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opened("T-1", "URLSuccess", r.shop.server.URL+"/ok")
	if err := r.sim.FraudReplay(r.mid, "T-1"); !errors.Is(err, ErrNothingFailed) {
		t.Errorf("replay of nothing: %v", err)
	}
	failedAt := r.returned(r.decide("T-1", Decline).ReturnURL)
	r.quiet()
	if err := r.sim.FraudReplay(r.mid, "T-1"); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	if err := r.sim.Forge(r.mid, "T-1"); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	got := r.shop.all()
	if len(got) != 4 {
		t.Fatalf("%d received", len(got))
	}
	toSuccess := 0
	for i, m := range r.notifies()[1:3] {
		if m.Get("Code") != "22520100" || m.Get("MAC") != failedAt.Get("MAC") || !r.genuine(m) {
			t.Errorf("replay %d: %s", i, m)
		}
		if got[i+1].method == "GET" && got[i+1].path == "/ok" {
			toSuccess++
		}
	}
	if toSuccess != 1 {
		t.Errorf("%d replays at URLSuccess", toSuccess)
	}
	if m := r.lastNotify(); r.genuine(m) || m.Get("Code") != "00000000" {
		t.Errorf("forgery: %s", m)
	}
}

func TestRule_Matching(t *testing.T) {
	t.Parallel()
	f := newFaults(7)
	mustAdd := func(r Rule) int {
		t.Helper()
		added, err := f.add(r)
		if err != nil {
			t.Fatal(err)
		}
		return added.ID
	}
	nth := mustAdd(Rule{Operation: OpCapture, Nth: 2, Times: 1, Fault: FaultSlow})
	every := mustAdd(Rule{Operation: OpCredit, Every: 3, Fault: FaultSlow})
	suffix := mustAdd(Rule{TransIDSuffix: "-x", Operation: OpInit, Fault: FaultSlow})
	special := mustAdd(Rule{TransID: "one", Fault: FaultSlow})
	mustAdd(Rule{Operation: OpNotifyAuth, Fault: FaultLate})
	hits := func(op Op, transIDs ...string) []int {
		var ids []int
		for _, id := range transIDs {
			rule, _ := f.pick(callFaults, op, "m", id)
			ids = append(ids, rule.ID)
		}
		return ids
	}
	for name, c := range map[string]struct{ got, want []int }{
		"the second only": {hits(OpCapture, "a", "a", "a"), []int{0, nth, 0}},
		"every third":     {hits(OpCredit, "a", "b", "c", "d"), []int{every, 0, 0, every}},
		"by suffix":       {hits(OpInit, "a", "a-x"), []int{0, suffix}},
		"by TransID":      {hits(OpInquire, "one", "two"), []int{special, 0}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if n := len(f.List()); n != 5 {
		t.Errorf("%d rules", n)
	}
	if !f.Remove(special) || f.Remove(special) || len(f.List()) != 4 {
		t.Error("removing")
	}
	f.Clear()
	if len(f.List()) != 0 {
		t.Error("clearing")
	}
}

// TestRule_Probability: the dice depend on the payment, not on the order.
func TestRule_Probability(t *testing.T) {
	t.Parallel()
	roll := func(reverse bool) map[string]bool {
		f := newFaults(42)
		if _, err := f.add(Rule{Fault: FaultSlow, Probability: 0.3}); err != nil {
			t.Fatal(err)
		}
		out := map[string]bool{}
		for i := range 1000 {
			if reverse {
				i = 999 - i
			}
			id := "T-" + money(int64(i))
			_, out[id] = f.pick(callFaults, OpCapture, "m", id)
		}
		return out
	}
	there, back := roll(false), roll(true)
	if diff := cmp.Diff(there, back); diff != "" {
		t.Errorf("order matters: %s", diff)
	}
	hit := 0
	for _, h := range there {
		if h {
			hit++
		}
	}
	if hit < 230 || hit > 370 {
		t.Errorf("%d of 1000 at 0.3", hit)
	}
}

func TestRule_Refusals(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown fault":          `{"fault":"meteor"}`,
		"an unknown operation":      `{"fault":"slow","operation":"steal"}`,
		"a call fault of a notify":  `{"fault":"slow","operation":"notify_auth"}`,
		"a notify fault of a call":  `{"fault":"lost","operation":"capture"}`,
		"a code that is too short":  `{"fault":"code_before","code":"1"}`,
		"a probability above one":   `{"fault":"slow","probability":2}`,
		"a negative count":          `{"fault":"slow","times":-1}`,
		"a delay without a unit":    `{"fault":"slow","delay":"5"}`,
		"a name nobody knows":       `{"fault":"slow","transid":"T-1"}`,
		"a delay that is no string": `{"fault":"slow","delay":5}`,
	} {
		var r Rule
		err := json.Unmarshal([]byte(text), &r)
		if err == nil {
			_, err = newFaults(1).add(r)
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var r Rule
	if err := json.Unmarshal([]byte(`{"fault":"slow","delay":"1.5s"}`), &r); err != nil || r.Delay != 1500*time.Millisecond {
		t.Errorf("delay %v, %v", r.Delay, err)
	}
	if raw, err := json.Marshal(r); err != nil || !strings.Contains(string(raw), `"delay":"1.5s"`) {
		t.Errorf("%s, %v", raw, err)
	}
}
