package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/simulation"
	"github.com/payloom/payloom/pkg/worker"
)

// flaw is one of the ways in which systems like this one are built wrong, planted
// from outside: the worker is the real one.
type flaw struct {
	plant simulation.Options
	want  simulation.Kind // what it leads to
}

func flaws() map[string]flaw {
	type o = simulation.Options
	return map[string]flaw{
		"no compare-and-set":      {o{Ledger: func(l worker.Ledger) worker.Ledger { return careless{l} }}, simulation.Doubled},
		"no settling time":        {o{Class: provider.T3, Capability: noSettle}, simulation.Doubled},
		"no send window":          {o{Class: provider.T3, Limits: noWindow, Provider: func(p provider.Provider) provider.Provider { return timeless{p} }}, simulation.Doubled},
		"no key horizon":          {o{Class: provider.T1, Capability: noHorizon}, simulation.Doubled},
		"a fresh key per call":    {o{Class: provider.T1, Provider: func(p provider.Provider) provider.Provider { return &fresh{Provider: p} }}, simulation.Doubled},
		"acknowledged first":      {o{AckFirst: true}, simulation.Stuck},
		"retries in HTTP":         {o{Provider: func(p provider.Provider) provider.Provider { return again{p} }}, simulation.Doubled},
		"packets later than told": {o{Class: provider.T3, Flight: 10 * time.Minute}, simulation.Doubled},
		"no intent":               {o{Ledger: func(l worker.Ledger) worker.Ledger { return &forgetful{Ledger: l} }}, simulation.Early},
	}
}

func noSettle(c *provider.Capability) {
	each(c, func(r *provider.Recovery) { r.Settle = 0 })
}

func noHorizon(c *provider.Capability) {
	each(c, func(r *provider.Recovery) { r.Horizon = math.MaxInt64 })
}

func each(c *provider.Capability, change func(*provider.Recovery)) {
	for k, r := range c.Recovery {
		change(&r)
		c.Recovery[k] = r
	}
	change(&c.Direct)
}

func noWindow(l *worker.Limits) { l.SendWindow = time.Hour }

// timeless sends however late it is. The window and the deadline of the handler are
// two fences: with one of them standing, nothing leaves too late.
type timeless struct{ provider.Provider }

func (t timeless) Submit(ctx context.Context, c provider.Call) (payment.Result, error) {
	return t.Provider.Submit(context.WithoutCancel(ctx), c)
}

// careless appends to whatever is there.
type careless struct{ worker.Ledger }

func (c careless) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	for {
		last, err := c.Load(ctx, e.Merchant, e.Payment)
		if err != nil {
			return h, err
		}
		if h, err = c.Ledger.Append(ctx, last, e); !errors.Is(err, payment.ErrConflict) {
			return h, err
		}
	}
}

// fresh has every call bear a key of its own.
type fresh struct {
	provider.Provider
	calls int
}

func (f *fresh) Submit(ctx context.Context, c provider.Call) (payment.Result, error) {
	f.calls++
	c.Operation.Attempt.Idem += fmt.Sprintf("-%d-%d", c.Now.UnixNano(), f.calls)
	return f.Provider.Submit(ctx, c)
}

// again calls a second time when there was no answer, as net/http may.
type again struct{ provider.Provider }

func (a again) Submit(ctx context.Context, c provider.Call) (payment.Result, error) {
	r, err := a.Provider.Submit(ctx, c)
	if err != nil && provider.FailureOf(err) == provider.Unknown {
		return a.Provider.Submit(ctx, c)
	}
	return r, err
}

// forgetful stores an intent together with its outcome only.
type forgetful struct {
	worker.Ledger
	intents map[payment.CommandID]intent
}

type intent struct {
	head  payment.Head
	event payment.Event
}

func (f *forgetful) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	if _, ok := e.Data.(payment.AttemptStarted); ok {
		if f.intents == nil {
			f.intents = map[payment.CommandID]intent{}
		}
		f.intents[e.Command] = intent{h, e}
		return payment.Head{Payment: payment.Fold(h.Payment, h.Payment.Next(e)), Seq: h.Seq}, nil
	}
	if i, ok := f.intents[e.Command]; ok && i.head.Seq == h.Seq {
		delete(f.intents, e.Command)
		next, err := f.Ledger.Append(ctx, i.head, i.event)
		if err != nil {
			return next, err
		}
		h = next
	}
	return f.Ledger.Append(ctx, h, e)
}

func TestRun_FindsFlaws(t *testing.T) {
	t.Parallel()
	if raced {
		t.Skip("a world has one thread: make test plays these without the race detector")
	}
	const within, enough = 2000, 3
	for name, b := range flaws() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found []uint64
			played := 0
			runAll(within, b.plant, func(r simulation.Report) bool {
				played++
				if slices.ContainsFunc(r.Violations, func(v simulation.Violation) bool { return v.Kind == b.want }) {
					found = append(found, r.Seed)
				}
				return len(found) >= enough && !testing.Verbose()
			})
			t.Logf("%q: found in %d of %d worlds: something %s", name, len(found), played, b.want)
			if len(found) == 0 {
				t.Fatalf("nothing is %s in %d worlds", b.want, played)
			}
			for _, seed := range found[:min(len(found), enough)] {
				if r := simulation.Run(seed, simulation.Options{Class: b.plant.Class}); len(r.Violations) > 0 {
					t.Errorf("seed %d without the flaw: %v", seed, r.Violations)
				}
			}
		})
	}
}
