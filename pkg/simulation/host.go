package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/worker"
)

// host is a process that handles commands and callbacks, with the real worker and
// the real interpreter in it.
type host struct {
	world   *world
	slot    int
	name    string
	clock   *clock
	stopped time.Duration // until when it is stopped, in world time
	since   time.Duration // from when
	leaving bool          // it was told to end: nothing more comes to it
	dead    bool
	ctx     context.Context // of its handlers; ends when it is told to end
	leave   context.CancelFunc
	tasks   []*task

	worker      *worker.Worker
	interpreter *callback.Interpreter
}

// boot starts the process of a slot, anew if there was one.
func (w *world) boot(slot int) {
	h := &host{world: w, slot: slot, clock: &clock{w, w.weather.skew[slot]}}
	generation := 0
	if slot < len(w.hosts) {
		_, _ = fmt.Sscanf(w.hosts[slot].name, "w%d.%d", &slot, &generation)
		w.hosts[slot] = h
	} else {
		w.hosts = append(w.hosts, h)
	}
	h.name = fmt.Sprintf("w%d.%d", slot, generation+1)
	h.ctx, h.leave = h.clock.WithDeadline(w.ctx, h.clock.Now().Add(2*mostTime))
	var ledger worker.Ledger = w.broker
	var client provider.Provider = w.bank
	if w.opts.Ledger != nil {
		ledger = w.opts.Ledger(ledger)
	}
	if w.opts.Provider != nil {
		client = w.opts.Provider(client)
	}
	h.worker = worker.New(worker.Options{
		Ledger: ledger, Timers: w.broker, Provider: client, Limits: w.limits, Clock: h.clock, Probe: h.probe,
	})
	h.interpreter = callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: books{}, Ledger: w.broker,
		Parsers: func(*account.Account) (provider.CallbackParser, error) { return w.bank, nil },
	})
}

// probe is passed by h's worker.
func (h *host) probe(p worker.Point) {
	h.world.trace("at %q", p)
	if p == h.world.weather.weakPoint && h.world.chance(h.world.weather.weak) {
		h.fall(string(p), []func(string){h.dies, h.stops}[h.world.rng.IntN(2)])
		return
	}
	h.risk(string(p))
}

// risk is passed at every step: h may die here, or be stopped.
func (h *host) risk(where string) {
	switch we := &h.world.weather; {
	case h.world.chance(we.crash):
		h.fall(where, []func(string){h.dies, h.dies, h.ends}[h.world.rng.IntN(3)])
	case h.world.chance(we.stop):
		h.fall(where, h.stops)
	}
}

// fall has something happen to h, unless enough has happened to this world.
func (h *host) fall(where string, how func(where string)) {
	if h.world.falls++; h.world.falls <= h.world.weather.falls {
		how(where)
	}
}

// dies is kill -9.
func (h *host) dies(where string) {
	h.world.count("killed " + where)
	h.world.trace("is killed at %q", where)
	h.gone()
	panic(killed{})
}

// stops is SIGSTOP, and SIGCONT after a while.
func (h *host) stops(where string) {
	w := h.world
	d := between(w.rng, 500*time.Millisecond, longestStop)
	if where == string(w.weather.weakPoint) || w.rng.IntN(2) == 0 { // the long ones are what a zombie is made of
		d = time.Duration(w.rng.Int64N(int64(longestStop)))
	}
	w.count("stopped " + where)
	w.trace("is stopped at %q for %s", where, d)
	h.since, h.stopped = w.now, w.now+d
	w.current.pause(d)
}

// ends is SIGTERM with a grace that is over at once: handlers go on with contexts
// that have ended, and are killed in the end.
func (h *host) ends(where string) {
	w := h.world
	if h.leaving {
		return
	}
	w.count("ended")
	w.trace("is told to end at %q", where)
	h.leaving = true
	h.leave()
	w.after(between(w.rng, 100*time.Millisecond, 20*time.Second), func() {
		if !h.dead {
			h.gone()
			h.reap()
		}
	})
}

// gone is the end of h. Another one takes its place.
func (h *host) gone() {
	h.dead = true
	h.world.after(h.world.weather.restart, func() { h.world.boot(h.slot) })
}

// reap ends what h was at when it died.
func (h *host) reap() {
	for _, t := range h.tasks {
		t.kill()
	}
	h.tasks = nil
}

// alive tells whether h still says that t is at work.
func (h *host) alive(t *task) bool { return !h.dead && !t.ended }

// begin has h handle something, with the time that a handler has.
func (h *host) begin(name string, handle func(ctx context.Context) error, answer func(error)) *task {
	h.tasks = slices.DeleteFunc(h.tasks, func(t *task) bool { return t.ended })
	return h.world.spawn(h, name, func() {
		ctx, cancel := h.clock.WithDeadline(h.ctx, h.clock.Now().Add(handlerDeadline))
		defer cancel()
		err := handle(ctx)
		cancel()
		h.world.trace("answers %v", err)
		answer(err)
	})
}
