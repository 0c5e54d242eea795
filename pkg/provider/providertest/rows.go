package providertest

import (
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

func answers(x *exam, s subject) {
	for scenario, want := range map[Scenario][]payment.Status{
		Approve: {payment.Approved, payment.Pending, payment.NeedBuyer},
		Decline: {payment.Declined, payment.Failed},
		Pend:    {payment.Pending},
	} {
		x.Run(string(scenario), func(t *testing.T) {
			y := begin(t, x.h)
			_, c := y.prepare(s)
			if !y.sim.Play(c, scenario) {
				return
			}
			r, err := y.submit(t.Context(), c)
			if err != nil || !slices.Contains(want, r.Status) {
				t.Fatalf("status %q, want one of %q: %v", r.Status, want, err)
			}
			y.checkResult(scenario, r)
		})
	}
}

func (x *exam) checkResult(s Scenario, r payment.Result) {
	x.Helper()
	if r.Ref == "" {
		x.Errorf("no reference of the provider's: %+v", r)
	}
	if r.Status == payment.NeedBuyer && r.Action == nil {
		x.Error("the buyer is needed, and nobody says what for")
	}
	if s == Decline && r.Reason == "" {
		x.Error("a decline without a reason of ours")
	}
}

// class compares what happens with what the capability promises: where repeats
// are suppressed or refused, one is sent.
func class(x *exam, s subject) {
	_, c := x.prepare(s)
	first, err := x.submit(x.Context(), c)
	if err != nil {
		x.Fatal(err)
	}
	switch declared := x.cap.RecoveryOf(s.kind, s.method).Class; declared {
	case provider.T0:
		if first.Status == payment.Approved || first.Totals != nil && first.Totals.Authorized > 0 {
			x.Errorf("%v moves nothing, but it took effect: %+v", declared, first)
		}
	case provider.T1:
		second, err := x.submit(x.Context(), c)
		if n := x.effects(c); err != nil || second.Status != first.Status || n != 1 {
			x.Errorf("%v, but a repeat: %d effects, status %q then %q, %v", declared, n, first.Status, second.Status, err)
		}
	case provider.T2:
		_, err := x.submit(x.Context(), c)
		if n := x.effects(c); n != 1 || err != nil && provider.FailureOf(err) != provider.Unknown {
			x.Errorf("%v, but a repeat: %d effects, %v", declared, n, err)
		}
		x.checkFound(c)
	case provider.T3:
		if n := x.effects(c); n != 1 {
			x.Errorf("%d effects of one call", n)
		}
		x.checkFound(c)
	case provider.T4:
		if _, err := x.inquire(c); !errors.Is(err, provider.ErrUnsupported) {
			x.Errorf("%v, but it can be inquired about: %v", declared, err)
		}
	}
}

// effects counts them once nothing is under way.
func (x *exam) effects(c provider.Call) int {
	x.Helper()
	x.must(x.sim.Quiet())
	return x.sim.Effects(c)
}

// checkFound inquires about an operation that took effect.
func (x *exam) checkFound(c provider.Call) {
	x.Helper()
	r, err := x.inquire(c)
	if err != nil || r.Status != payment.Approved && r.Status != payment.Pending {
		x.Errorf("an operation with effect is not found: %q, %v", r.Status, err)
	}
	if err == nil && r.Status == payment.Approved && r.Amount != 0 && c.Operation.Amount.Minor != 0 && r.Amount != c.Operation.Amount.Minor {
		x.Errorf("found with %d, want %d", r.Amount, c.Operation.Amount.Minor)
	}
}

func refusedConnection(x *exam, s subject) {
	_, c := x.prepare(s)
	l, err := new(net.ListenConfig).Listen(x.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		x.Fatal(err)
	}
	dead := "http://" + l.Addr().String()
	x.must(l.Close())
	_, err = x.h.Open(x.T, dead).Submit(x.Context(), c)
	x.checkQuiet(err)
	x.checkFailure(err, provider.NotSent)
	if err != nil && provider.AsError(err).Answered {
		x.Error("marked as the provider's own word")
	}
	if n := x.sim.Effects(c); n != 0 {
		x.Errorf("%d effects", n)
	}
}

func doubt(x *exam, s subject) {
	for _, scenario := range ambiguous() {
		x.Run(string(scenario), func(t *testing.T) {
			t.Parallel()
			y := begin(t, x.h)
			_, c := y.prepare(s)
			if !y.sim.Play(c, scenario) {
				return
			}
			limit := 10 * time.Second
			if scenario == HangBefore || scenario == HangAfter {
				limit = patience
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := y.submit(ctx, c)
			y.checkFailure(err, provider.Unknown)
			y.checkAftermath(c, s, scenario)
		})
	}
}

// checkAftermath compares what inquiry says with what happened, where the class
// relies on inquiry.
func (x *exam) checkAftermath(c provider.Call, s subject, scenario Scenario) {
	x.Helper()
	want := 0
	if scenario.after() {
		want = 1
	}
	cl := x.cap.RecoveryOf(s.kind, s.method).Class
	if scenario.after() && (cl == provider.T2 || cl == provider.T3) {
		x.checkFound(c) // also while it is under way
	}
	if n := x.effects(c); n != want {
		x.Fatalf("%d effects, want %d: the simulator does not do as it is told", n, want)
	}
	if cl != provider.T2 && cl != provider.T3 {
		return
	}
	if scenario.after() {
		x.checkFound(c)
		return
	}
	if r, err := x.inquire(c); !errors.Is(err, provider.ErrNotFound) {
		x.Errorf("an operation without effect is found: %q, %v", r.Status, err)
	}
}

func refusals(x *exam, s subject) {
	for _, scenario := range []Scenario{Throttle, Forbid} {
		x.Run(string(scenario), func(t *testing.T) {
			y := begin(t, x.h)
			_, c := y.prepare(s)
			if !y.sim.Play(c, scenario) {
				return
			}
			_, err := y.submit(t.Context(), c)
			y.checkFailure(err, provider.NotSent)
			switch e := provider.AsError(err); {
			case scenario == Throttle && e.After <= 0:
				t.Errorf("nobody says how long to wait: %v", err)
			case scenario == Forbid && !errors.Is(err, provider.ErrConfiguration):
				t.Errorf("not ErrConfiguration: %v", err)
			case scenario == Forbid && e.Reason != payment.ReasonConfiguration:
				t.Errorf("reason %q", e.Reason)
			}
			if n := y.sim.Effects(c); n != 0 {
				t.Errorf("%d effects", n)
			}
			y.sim.Play(c, Approve)
			if _, err := y.submit(t.Context(), c); err != nil {
				t.Errorf("the same message later: %v", err)
			}
		})
	}
}

func unsupported(t *testing.T, h Harness) {
	x := begin(t, h)
	for _, k := range payment.Kinds() {
		if x.cap.Supports(k) && k != payment.Sync {
			continue
		}
		before := x.sim.Calls()
		cmd := x.command(x.newID(), subject{kind: k, method: payment.Button})
		op := payment.Operation{ID: cmd.ID, Kind: k, Amount: cmd.Amount, Attempt: payment.Attempt{Number: 1, Key: string(cmd.Payment), Idem: string(cmd.ID)}}
		_, err := x.submit(t.Context(), provider.Call{Operation: op, Command: cmd})
		x.checkFailure(err, provider.Rejected)
		if !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%s: not ErrUnsupported: %v", k, err)
		}
		if n := x.sim.Calls() - before; n != 0 {
			t.Errorf("%s: %d calls", k, n)
		}
	}
}

func malformed(t *testing.T, h Harness) {
	x := begin(t, h)
	for _, s := range subjects(x.cap) {
		if s.kind == payment.Cancel {
			continue // has no amount
		}
		for name, money := range map[string]payment.Money{
			"no currency": {Minor: h.Amount.Minor}, "a currency that is none": {Minor: h.Amount.Minor, Currency: "XXX"},
			"a negative amount": {Minor: -1, Currency: h.Amount.Currency},
		} {
			_, c := x.prepare(s)
			c.Operation.Amount, c.Command.Amount = money, money
			before := x.sim.Calls()
			_, err := x.submit(t.Context(), c)
			x.checkFailure(err, provider.Rejected)
			if n := x.sim.Calls() - before; n != 0 {
				t.Errorf("%s with %s: %d calls, %v", s, name, n, err)
			}
		}
	}
}

// stranger asks about an attempt that was never sent.
func stranger(x *exam, s subject) {
	cl := x.cap.RecoveryOf(s.kind, s.method).Class
	if cl != provider.T2 && cl != provider.T3 {
		return
	}
	_, c := x.prepare(s)
	if r, err := x.inquire(c); !errors.Is(err, provider.ErrNotFound) {
		x.Errorf("status %q, %v", r.Status, err)
	}
	if n := x.sim.Effects(c); n != 0 {
		x.Errorf("an inquiry had %d effects", n)
	}
}

// earlier asks about an operation whose payment saw one of the same kind and
// amount before.
func earlier(x *exam, s subject) {
	cl := x.cap.RecoveryOf(s.kind, s.method).Class
	once := s.kind == payment.Capture && x.cap.Rules.MaxCaptures == 1
	if s.kind != payment.Capture && s.kind != payment.Refund || once || cl != provider.T2 && cl != provider.T3 {
		return
	}
	story, id := NewStory(x.cap.Rules), x.newID()
	x.authorize(story, id)
	if s.kind == payment.Refund {
		x.execute(story, x.command(id, subject{kind: payment.Capture}))
	}
	x.execute(story, x.half(id, s, "first"))
	second := story.Start(x, x.half(id, s, "second"))
	if r, err := x.inquire(second); !errors.Is(err, provider.ErrNotFound) {
		x.Errorf("the first is taken for the second: %q, %v", r.Status, err)
	}
	before := x.effects(second) // some providers' ledgers do not tell the two apart
	if _, err := x.submit(x.Context(), second); err != nil {
		x.Fatal(err)
	}
	x.checkFound(second)
	if n := x.effects(second) - before; n != 1 {
		x.Errorf("%d effects of the second", n)
	}
}

// half returns a command about half of a payment, one of several.
func (x *exam) half(id payment.ID, s subject, which string) payment.Command {
	c := x.command(id, s)
	c.Amount.Minor = x.h.Amount.Minor / 2
	c.ReqID += payment.ReqID("-" + which)
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

// deadline takes the best of a few tries: a busy machine is late by itself.
func deadline(x *exam, s subject) {
	_, c := x.prepare(s)
	if !x.sim.Play(c, HangBefore) {
		return
	}
	var took time.Duration
	for range 5 {
		began := time.Now()
		ctx, cancel := context.WithTimeout(x.Context(), patience)
		_, err := x.submit(ctx, c)
		took = time.Since(began)
		cancel()
		x.checkFailure(err, provider.Unknown)
		if !errors.Is(err, context.DeadlineExceeded) {
			x.Errorf("not DeadlineExceeded: %v", err)
		}
		if took >= patience && took < patience+slack {
			return
		}
	}
	x.Errorf("took %v of %v", took, patience)
}

func cancelled(x *exam, s subject) {
	_, c := x.prepare(s)
	before := x.sim.Calls()
	ctx, cancel := context.WithCancel(x.Context())
	cancel()
	_, err := x.submit(ctx, c)
	x.checkFailure(err, provider.NotSent)
	if n := x.sim.Calls() - before; n != 0 {
		x.Errorf("%d calls", n)
	}
}

func amounts(t *testing.T, h Harness) {
	x := begin(t, h)
	opening := subject{payment.Payout, ""}
	if x.cap.Supports(payment.Authorize) {
		opening = subject{payment.Authorize, x.opener()}
	}
	taken := 0
	for name, money := range map[string]payment.Money{
		"zero":                      {Minor: 0, Currency: "EUR"},
		"one":                       {Minor: 1, Currency: "EUR"},
		"euro":                      {Minor: 100001, Currency: "EUR"},
		"yen, without decimals":     {Minor: 123457, Currency: "JPY"},
		"dinar, with three":         {Minor: 1234567, Currency: "KWD"},
		"rupees":                    {Minor: 123456, Currency: "INR"},
		"more than a float holds":   {Minor: 9_007_199_254_740_993, Currency: "EUR"},
		"the largest of ten digits": {Minor: 9_999_999_999, Currency: "USD"},
		"the largest there is":      {Minor: math.MaxInt64, Currency: "EUR"},
	} {
		cmd := x.command(x.newID(), opening)
		cmd.Amount = money
		c := NewStory(x.cap.Rules).Start(t, cmd)
		before := x.sim.Calls()
		_, err := x.submit(t.Context(), c)
		if err != nil {
			x.checkFailure(err, provider.Rejected)
			if n := x.sim.Calls() - before; n != 0 {
				t.Errorf("%s: refused, but %d calls", name, n)
			}
			continue
		}
		taken++
		if got, ok := x.sim.Recorded(c); !ok || got != money || money.Minor == 0 {
			t.Errorf("%s: %d %s became %d %s", name, money.Minor, money.Currency, got.Minor, got.Currency)
		}
	}
	if taken == 0 {
		t.Error("no amount is taken")
	}
}

// secrets prints what one might print. All other rows look at their errors.
func secrets(t *testing.T, h Harness) {
	x := begin(t, h)
	x.checkQuiet(x.p)
	x.checkQuiet(x.cap)
	if h.Parser != nil {
		x.checkQuiet(h.Parser)
	}
	for _, s := range subjects(x.cap) {
		for _, scenario := range append(ambiguous(), Throttle, Forbid, Decline) {
			_, c := x.prepare(s)
			if !x.sim.Play(c, scenario) {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if r, err := x.submit(ctx, c); err == nil {
				x.checkQuiet(r)
			}
			cancel()
			x.sim.Play(c, Approve)
		}
	}
}

func fiftyAtOnce(t *testing.T, h Harness) {
	x := begin(t, h)
	s := x.telling()
	calls := make([]provider.Call, 50)
	for i := range calls {
		_, calls[i] = x.prepare(s)
	}
	var all sync.WaitGroup
	for _, c := range calls {
		all.Go(func() {
			if _, err := x.submit(t.Context(), c); err != nil {
				t.Errorf("%s: %v", c.Command.Payment, err)
			}
		})
	}
	all.Wait()
	for _, c := range calls {
		if n := x.sim.Effects(c); n != 1 {
			t.Errorf("%s: %d effects", c.Command.Payment, n)
		}
		if got, ok := x.sim.Recorded(c); !ok || got != c.Operation.Amount {
			t.Errorf("%s: recorded as %v", c.Command.Payment, got)
		}
	}
}

func zero(t *testing.T, h Harness) {
	err := h.Zero()
	if err == nil {
		t.Fatal("a client of nothing")
	}
	for _, field := range h.Fields {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
}
