package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// Env is the Payloom that is driven.
type Env struct {
	API      *api.Client
	Computop *api.Computop
	Axerve   *api.Axerve
	ECommPay *api.ECommPay
	// KillWorker kills the worker as a crash would. nil: nobody is killed.
	KillWorker func() error
}

// Options are how much is driven.
type Options struct {
	Payments    int           // at least so many
	Concurrency int           // scenarios side by side; 0: 16
	Plain       bool          // only what goes well, at every provider
	Patience    time.Duration // for one payment to reach its next state; 0: a minute
	Progress    func(payments int)
	// Storm drives them while everything around breaks; nil: in good weather.
	Storm *Storm
}

// Outcome is what became of one run of a scenario.
type Outcome struct {
	Scenario string        `json:"scenario"`
	Payments []string      `json:"payments"`
	Took     time.Duration `json:"-"`
	Err      error         `json:"-"` // nil: as it must be
}

// Result is what became of all.
type Result struct {
	Outcomes []Outcome
	Took     time.Duration
}

// Payments returns how many payments were driven.
func (r Result) Payments() int {
	n := 0
	for _, o := range r.Outcomes {
		n += len(o.Payments)
	}
	return n
}

// Settled returns how many payments ended as they must.
func (r Result) Settled() int {
	n := 0
	for _, o := range r.Outcomes {
		if o.Err == nil {
			n += len(o.Payments)
		}
	}
	return n
}

// Count returns how many runs failed for a reason.
func (r Result) Count(reason error) int {
	n := 0
	for _, o := range r.Outcomes {
		if errors.Is(o.Err, reason) {
			n++
		}
	}
	return n
}

// Failed returns the runs that did not end as they must.
func (r Result) Failed() []Outcome {
	return slices.DeleteFunc(slices.Clone(r.Outcomes), func(o Outcome) bool { return o.Err == nil })
}

// The reasons of failures.
var (
	ErrLost    = errors.New("lost")    // what must have happened at the provider did not
	ErrDoubled = errors.New("doubled") // it happened more often
	ErrStuck   = errors.New("stuck")   // it did not end in time
	ErrWrong   = errors.New("wrong")   // it ended elsewhere
	ErrParked  = errors.New("parked")  // it waits for a person
)

const (
	defaultConcurrency = 16
	defaultPatience    = time.Minute
	// killPatience is above the minute that the broker waits before it hands what a
	// dead worker had in hand to another.
	killPatience = 3 * time.Minute

	// Payment ids have at most 28 characters at Axerve and 61 elsewhere.
	longestSlug       = 40
	longestAxerveSlug = 10
)

// Run drives scenarios in turn until there are enough payments. It returns when
// all have ended; an error means that ctx ended before.
func Run(ctx context.Context, env Env, o Options) (Result, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if env.KillWorker != nil {
		o.Patience = max(o.Patience, killPatience)
	}
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
	began := time.Now()
	plan := o.plan(env.KillWorker != nil)
	series := strings.ToLower(rand.Text()[:6]) // so that it may run again on the same data
	result := Result{Outcomes: make([]Outcome, len(plan))}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(o.Concurrency)
	for i, s := range plan {
		if !o.Storm.await(ctx, began, i) {
			mu.Lock()
			result.Outcomes = result.Outcomes[:i]
			mu.Unlock()
			break
		}
		g.Go(func() error {
			out := one(ctx, env, o, s, o.id(s, series, i+1))
			mu.Lock()
			defer mu.Unlock()
			result.Outcomes[i] = out
			o.Progress(len(out.Payments))
			return nil
		})
	}
	_ = g.Wait() // outcomes tell
	result.Took = time.Since(began)
	return result, ctx.Err()
}

// id names the payment of the i-th run.
func (s scenario) id(series string, i int) string {
	longest := longestSlug
	if s.provider == payment.Axerve {
		longest = longestAxerveSlug
	}
	return fmt.Sprintf("demo-%s-%02d-%s", series, i, slug(s.name, longest))
}

// planFor lists what is run: every scenario once, those that take long first, and
// then the plain ones in turn.
func planFor(o Options, kill bool) []scenario {
	var plan []scenario
	n := 0
	add := func(s scenario) {
		plan = append(plan, s)
		n += s.payments
	}
	if kill {
		add(killed())
	}
	all := slices.Concat(troubled(), once(), plain())
	if o.Plain {
		all = plain()
	}
	for _, s := range all {
		add(s)
	}
	for i := 0; n < o.Payments; i++ {
		all := plain()
		add(all[i%len(all)])
	}
	return plan
}

func one(ctx context.Context, env Env, o Options, s scenario, name string) Outcome {
	r := &runner{env: env, patience: o.Patience, storm: o.Storm != nil, name: name, desk: env.desk(s.provider)}
	o.Storm.begin()
	began := time.Now()
	err := s.run(ctx, r)
	if err == nil && o.Storm == nil { // under a storm the provider may know an attempt that is not the first
		err = errors.Join(r.checkLedgers(ctx), r.checkFaults(ctx))
	}
	ids := r.ids
	for len(ids) < s.payments {
		ids = append(ids, fmt.Sprintf("(%s, never opened)", r.name))
	}
	return Outcome{Scenario: s.name, Payments: ids, Took: time.Since(began), Err: err}
}

// slug makes a scenario's name fit a payment id.
func slug(name string, longest int) string {
	text := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(name))
	return strings.Trim(text[:min(len(text), longest)], "-")
}
