package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/worker"
)

// Options are what runs differ in besides their seeds. The zero value is the world
// as it should be; the others plant a flaw in it.
type Options struct {
	// Ledger and Provider, where set, stand between the worker and the world.
	Ledger   func(worker.Ledger) worker.Ledger
	Provider func(provider.Provider) provider.Provider
	// Capability and Limits, where set, change what the worker is told.
	Capability func(*provider.Capability)
	Limits     func(*worker.Limits)
	// AckFirst acknowledges a command before it is handled.
	AckFirst bool
	// Flight is the longest that a call to the provider travels; 0: as long as the
	// provider's capability allows for.
	Flight time.Duration
	// Class, unless T0, is the class of every world's provider.
	Class provider.Class
	// Trace, where set, is told every step.
	Trace func(line string)
}

// Report is what came of a run.
type Report struct {
	Seed       uint64
	Class      provider.Class
	Violations []Violation
	Counts     map[string]int // of what happened, by name
	Steps      int
	Time       time.Duration // that passed in the world
}

// Violation is something that must never be.
type Violation struct {
	Kind Kind
	What string
}

// Kind says what sort of violation it is.
type Kind string

// The kinds of violation.
const (
	Doubled  Kind = "doubled"  // an operation took effect more than once
	Lost     Kind = "lost"     // what the ledger says and what took effect differ
	Stuck    Kind = "stuck"    // a command did not come to an end
	Early    Kind = "early"    // a call went out before its intent was stored
	Sums     Kind = "sums"     // more was taken than authorised, or given back than taken
	Gap      Kind = "gap"      // the versions of a payment have a gap, or do not fold
	Parked   Kind = "parked"   // a person was called for what a machine can find out
	Frozen   Kind = "frozen"   // a payment was frozen, though nothing happened twice
	Restless Kind = "restless" // handing everything over once more changed something
	Panic    Kind = "panic"
)

const (
	label       = payment.Computop
	merchant    = payment.Merchant("demo")
	currency    = payment.Currency("EUR")
	sessionLife = time.Hour
	// mostSteps and mostTime end a world that does not come to rest.
	mostSteps = 1_000_000
	mostTime  = 60 * 24 * time.Hour
)

// world is one run.
type world struct {
	agenda
	ctx     context.Context // that of every handler begins with it
	rng     *rand.Rand
	opts    Options
	weather weather
	cap     provider.Capability
	limits  worker.Limits

	current *task
	hosts   []*host
	idle    []*thread
	broker  *broker
	bank    *bank
	shop    *shop

	falls      int
	steps      int
	healed     bool
	counts     map[string]int
	violations []Violation
}

// Run plays the world of a seed to its end.
func Run(seed uint64, o Options) Report {
	w := &world{ctx: context.Background(), rng: rand.New(rand.NewPCG(seed, 0x5eed)), opts: o, counts: map[string]int{}}
	w.weather = draw(w.rng, o)
	w.cap, w.limits = w.weather.capability(), worker.DefaultLimits()
	if o.Flight == 0 {
		w.opts.Flight = longestFlight
	}
	if o.Capability != nil {
		o.Capability(&w.cap)
	}
	if o.Limits != nil {
		o.Limits(&w.limits)
	}
	w.broker, w.bank, w.shop = newBroker(w), newBank(w), newShop(w)
	for i := range w.weather.hosts {
		w.boot(i)
	}
	w.trace("weather %+v", w.weather)
	w.shop.open()
	w.play()
	return Report{Seed: seed, Class: w.weather.class, Violations: w.violations, Counts: w.counts, Steps: w.steps, Time: w.now}
}

// play runs until nothing more happens, checks, hands everything over once more,
// and checks again.
func (w *world) play() {
	w.after(w.troubledFor(), w.heal)
	if !w.run() {
		w.violate(Stuck, "the world does not come to rest: %d steps, %s", w.steps, w.now)
	}
	w.check()
	if len(w.violations) == 0 {
		w.again()
	}
	for _, h := range w.hosts {
		h.dead = true
		h.reap()
	}
	for _, th := range w.idle {
		th.stop()
	}
}

// troubledFor is how long faults go on: past all commands, and past the outage.
func (w *world) troubledFor() time.Duration {
	return commandsWithin + between(w.rng, time.Minute, 20*time.Minute) + w.weather.down.long
}

// heal ends all faults. What is down comes back, what is lost stays lost.
func (w *world) heal() {
	w.healed = true
	w.trace("all faults end")
}

// run goes through the agenda, and tells whether it came to its end.
func (w *world) run() bool {
	for {
		e, ok := w.next()
		if !ok {
			return true
		}
		if w.steps++; w.steps > mostSteps || w.now > mostTime {
			return false
		}
		if e.task != nil {
			w.resume(e)
		} else {
			e.do()
		}
	}
}

// time is the true time, which is the broker's.
func (w *world) time() time.Time { return epoch.Add(w.now) }

// chance tells whether something bad happens now.
func (w *world) chance(p float64) bool { return !w.healed && p > 0 && w.rng.Float64() < p }

func (w *world) violate(k Kind, format string, args ...any) {
	v := Violation{k, fmt.Sprintf(format, args...)}
	w.trace("VIOLATION %s: %s", v.Kind, v.What)
	w.violations = append(w.violations, v)
}

func (w *world) panicked(t *task, v any) {
	w.violate(Panic, "%s: %v\n%s", t.name, v, debug.Stack())
}

func (w *world) count(what string) { w.counts[what]++ }

func (w *world) trace(format string, args ...any) {
	if w.opts.Trace == nil {
		return
	}
	who := "world"
	if w.current != nil {
		who = w.current.host.name + " " + w.current.name
	}
	w.opts.Trace(fmt.Sprintf("%14s  %-24s %s", w.now, who, fmt.Sprintf(format, args...)))
}
