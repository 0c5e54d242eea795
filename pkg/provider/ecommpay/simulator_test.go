package ecommpay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// counter is a merchant's whole side before a simulator: client, parser, and a
// ledger for one payout.
type counter struct {
	*life
	sim    *gateSim
	client *ecommpay.Client
	parser *ecommpay.Parser
}

// newCounter has a payout of so many minor units started, and nothing sent.
func newCounter(t *testing.T, minor int64, change func(*ecommpaysim.Config)) *counter {
	t.Helper()
	all := &shops{public: map[string]string{}, change: func(c *ecommpaysim.Config) {
		c.TimeScale, c.ReversalDelay = 1000, 200*time.Second
		if change != nil {
			change(c)
		}
	}}
	sim := all.start(t)
	cfg := all.config(sim.URL())
	c := &counter{life: newLife(t), sim: sim, client: mustClient(t, cfg), parser: mustParser(t, cfg)}
	c.add(payment.AttemptStarted{
		Kind: payment.Payout, Amount: payment.Money{Minor: minor, Currency: "INR"}, Attempt: 1, Key: payoutID, Terms: &payment.Terms{},
	})
	return c
}

// submit sends the payout and learns the result.
func (c *counter) submit(ctx context.Context) error {
	r, err := c.client.Submit(ctx, c.call())
	if err != nil {
		return err
	}
	c.see(payment.Observation{Source: payment.FromAnswer, Command: "pay", Attempt: 1, Ref: r.Ref, Result: r})
	return nil
}

// hear learns all callbacks, by asking where they prove nothing by themselves.
func (c *counter) hear() {
	c.t.Helper()
	if err := c.sim.Quiet(); err != nil {
		c.t.Fatal(err)
	}
	for _, d := range c.sim.Callbacks() {
		cb, err := c.parser.ParseCallback(d.Header, d.Body)
		if errors.Is(err, provider.ErrUnverified) {
			cb, err = c.client.VerifyCallback(c.t.Context(), d.Header, d.Body)
		}
		if err != nil {
			c.t.Fatalf("callback: %v", err)
		}
		checkAsked(c.t, cb, c.Amount)
		cb.Observation.Source = payment.FromCallback
		c.see(cb.Observation)
	}
}

func (c *counter) ask() payment.Result {
	c.t.Helper()
	r, err := c.client.Inquire(c.t.Context(), c.call())
	if err != nil {
		c.t.Fatalf("inquiry: %v", err)
	}
	c.see(payment.Observation{Source: payment.FromInquiry, Command: "pay", Attempt: 1, Ref: r.Ref, Result: r})
	return r
}

// What a payout comes to, told by callbacks and, in another life, by inquiry.
func TestSimulator_Ends(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		minor  int64
		state  payment.State
		reason payment.Reason
	}{
		"paid out":                      {10000, payment.StatePaid, ""},
		"declined":                      {10091, payment.StateDeclined, payment.ReasonDeclined},
		"refused after it was accepted": {10093, payment.StateFailed, payment.ReasonInvalid},
		"taken back":                    {10094, payment.StateReversed, payment.ReasonReversed},
		"paid at the second try":        {10095, payment.StatePaid, ""},
	}
	for name, c := range cases {
		for layout, change := range map[string]func(*ecommpaysim.Config){
			"standard": func(c *ecommpaysim.Config) { c.Intermediate = true },
			"general":  func(c *ecommpaysim.Config) { c.Layout, c.ReversedStatus = ecommpaysim.LayoutGeneral, "success" },
		} {
			t.Run(name+", "+layout, func(t *testing.T) {
				t.Parallel()
				x := newCounter(t, c.minor, change)
				if err := x.submit(t.Context()); err != nil || x.State != payment.StatePending {
					t.Fatalf("%s, %v", x.State, err)
				}
				asked := *x
				asked.life = &life{t: t, Payment: x.Payment, at: x.at}
				x.hear()
				if op, _ := x.Operation("pay"); x.State != c.state || op.Reason != c.reason || x.NeedsAttention() {
					t.Errorf("by callback: %s, %q", x.State, op.Reason)
				}
				r := asked.ask()
				want := c.state
				if want == payment.StateReversed {
					want = payment.StateFailed // nobody saw it paid out
				}
				if asked.State != want || r.Reason != c.reason {
					t.Errorf("by inquiry: %s, %+v", asked.State, r)
				}
			})
		}
	}
}

// A person has to look at what was paid in part, and at nothing else.
func TestSimulator_Partial(t *testing.T) {
	t.Parallel()
	x := newCounter(t, 10097, nil)
	if err := x.submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.hear()
	if x.State != payment.StatePending {
		t.Errorf("state %s", x.State)
	}
	_, err := x.client.Inquire(t.Context(), x.call())
	checkForPerson(t, err)
}

// Whatever happens to the first request, the second one pays nothing twice.
func TestSimulator_Repeat(t *testing.T) {
	t.Parallel()
	for _, fault := range []simkit.Fault{
		simkit.FaultTimeoutAfter, simkit.FaultResetAfter, simkit.FaultHTTP500After, simkit.FaultEmptyAfter, ecommpaysim.FaultCodeAfter,
		simkit.FaultTimeoutBefore, simkit.FaultResetBefore, simkit.FaultHTTP500Before, simkit.FaultGarbageBefore,
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			x := newCounter(t, 10000, nil)
			rule := ecommpaysim.Rule{Operation: ecommpaysim.OpPayout, Fault: fault, Times: 1, Code: "501"}
			if _, err := x.sim.sim.AddRule(rule); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if fault == simkit.FaultTimeoutAfter || fault == simkit.FaultTimeoutBefore {
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
			}
			// A refusal with a code that says nothing is followed by an inquiry.
			if err := x.submit(ctx); err != nil {
				if provider.FailureOf(err) != provider.Unknown {
					t.Fatal(err)
				}
				x.add(payment.OutcomeUnknown{Attempt: 1})
			} else if fault != ecommpaysim.FaultCodeAfter {
				t.Fatal("no doubt")
			}
			if err := x.submit(t.Context()); err != nil {
				t.Fatal(err)
			}
			x.hear()
			if n := x.sim.Effects(x.call()); n != 1 || x.State != payment.StatePaid || x.NeedsAttention() {
				t.Errorf("%d effects, %s", n, x.State)
			}
		})
	}
}

// A repeat that is refused says nothing about the first request, which paid.
func TestSimulator_RepeatRefused(t *testing.T) {
	t.Parallel()
	for fault, code := range map[simkit.Fault]string{
		simkit.FaultThrottled: "", ecommpaysim.FaultForbidden: "", ecommpaysim.FaultCodeBefore: "601",
	} {
		x := newCounter(t, 10000, nil)
		for i, f := range []simkit.Fault{simkit.FaultResetAfter, fault} {
			rule := ecommpaysim.Rule{Operation: ecommpaysim.OpPayout, Fault: f, Times: 1, Nth: i + 1, Code: code}
			if _, err := x.sim.sim.AddRule(rule); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.submit(t.Context()); provider.FailureOf(err) != provider.Unknown || err == nil {
			t.Fatalf("first: %v", err)
		}
		x.add(payment.OutcomeUnknown{Attempt: 1})
		if err := x.submit(t.Context()); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		x.hear()
		if x.State != payment.StatePaid {
			t.Errorf("%s: %s", fault, x.State)
		}
	}
}

// An overload leaves in doubt whether the payout began. The provider says how long
// to wait, and the same payment_id pays once.
func TestSimulator_Throttled(t *testing.T) {
	t.Parallel()
	x := newCounter(t, 10000, nil)
	rule := ecommpaysim.Rule{Operation: ecommpaysim.OpPayout, Fault: simkit.FaultThrottled, Times: 1, Delay: 2 * time.Second}
	if _, err := x.sim.sim.AddRule(rule); err != nil {
		t.Fatal(err)
	}
	err := x.submit(t.Context())
	checkUnclear(t, err, false)
	if e := provider.AsError(err); e.After != 2*time.Second || e.Reason != payment.ReasonThrottled {
		t.Errorf("after %s, reason %q", e.After, e.Reason)
	}
	x.add(payment.OutcomeUnknown{Attempt: 1})
	if _, err := x.client.Inquire(t.Context(), x.call()); !errors.Is(err, provider.ErrNotFound) {
		t.Errorf("inquiry: %v", err)
	}
	if err := x.submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x.hear(); x.State != payment.StatePaid || x.sim.Effects(x.call()) != 1 {
		t.Errorf("state %s, %d effects", x.State, x.sim.Effects(x.call()))
	}
}

// Where duplicates are noticed late, the error callback changes nothing.
func TestSimulator_LateDuplicate(t *testing.T) {
	t.Parallel()
	x := newCounter(t, 10096, func(c *ecommpaysim.Config) { c.LateDuplicates = true })
	for range 2 {
		if err := x.submit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if x.hear(); x.State != payment.StatePending || len(x.sim.Callbacks()) != 1 {
		t.Errorf("%s, %d callbacks", x.State, len(x.sim.Callbacks()))
	}
	if _, err := x.sim.sim.Act(project, payoutID, ecommpaysim.ActSucceed, ""); err != nil {
		t.Fatal(err)
	}
	if x.hear(); x.State != payment.StatePaid {
		t.Errorf("state %s", x.State)
	}
}

// An error callback about another request with the payment's id, genuine but for
// what it is about, does not undo a payout.
func TestSimulator_ErrorOfAnotherRequest(t *testing.T) {
	t.Parallel()
	x := newCounter(t, 10096, nil)
	if err := x.submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := []byte(newStory("error").fault("2004").sealed(t))
	if _, err := x.parser.ParseCallback(nil, body); !errors.Is(err, provider.ErrUnverified) {
		t.Fatal(err)
	}
	cb, err := x.client.VerifyCallback(t.Context(), nil, body)
	if err != nil || cb.Observation.Result.Status != payment.Pending {
		t.Errorf("%+v, %v", cb, err)
	}
}

// A callback with a semicolon is believed when the platform says the same.
func TestSimulator_Ambiguous(t *testing.T) {
	t.Parallel()
	x := newCounter(t, 10000, nil)
	if _, err := x.sim.sim.AddRule(ecommpaysim.Rule{Fault: ecommpaysim.FaultAmbiguous}); err != nil {
		t.Fatal(err)
	}
	if err := x.submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x.hear(); x.State != payment.StatePaid {
		t.Errorf("state %s", x.State)
	}
}
