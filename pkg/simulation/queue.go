package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// message is a command, the wake-up of one, or a callback. It is handed out again
// and again until it is acknowledged.
type message struct {
	kind     string
	command  payment.Command
	callback wire.StoredCallback
	stored   time.Duration

	deliveries int
	heard      int // the last delivery that was answered
	done       bool
}

func (m *message) name() string {
	if m.kind == "callback" {
		return "callback " + m.callback.ID
	}
	return fmt.Sprintf("%s %s %s", m.kind, m.command.Kind, m.command.ReqID)
}

// hand hands m out for the first time.
func (b *broker) hand(m *message) {
	b.messages = append(b.messages, m)
	b.deliver(m)
}

// deliver hands m to some host, as soon as broker and a host are there.
func (b *broker) deliver(m *message) {
	if m.done {
		return
	}
	h := b.hosts[b.rng.IntN(len(b.hosts))]
	wait := b.up() - b.now
	if wait == 0 && (h.dead || h.leaving) {
		wait = b.weather.restart
	}
	if wait == 0 && h.stopped > b.now && b.rng.IntN(4) > 0 { // else it was in its hands already
		wait = h.stopped - b.now
	}
	if wait > 0 {
		b.after(wait, func() { b.deliver(m) })
		return
	}
	m.deliveries++
	nth := m.deliveries
	if nth > 1 {
		b.count("redelivery")
	}
	t := h.begin(fmt.Sprintf("%s #%d", m.name(), nth),
		func(ctx context.Context) error { return b.handle(ctx, h, m) },
		func(err error) { b.answer(m, nth, err) })
	if !b.opts.AckFirst {
		b.watch(m, nth, h, t)
	}
	if b.chance(b.weather.twice) {
		b.after(between(b.rng, time.Millisecond, 30*time.Second), func() { b.deliver(m) })
	}
}

func (b *broker) handle(ctx context.Context, h *host, m *message) error {
	if m.kind == "callback" {
		return h.interpreter.Handle(ctx, m.callback, epoch.Add(m.stored))
	}
	c := m.command
	return h.worker.Handle(ctx, c)
}

// watch hands m out again when nothing was heard of its handler for too long.
func (b *broker) watch(m *message, nth int, h *host, t *task) {
	heard := b.now
	var look func()
	look = func() {
		if m.done || m.deliveries != nth || m.heard == nth {
			return
		}
		last := time.Duration(b.rng.Int64N(int64(heartbeat))) // ago, while h is well
		switch {
		case h.alive(t) && h.stopped <= b.now:
			heard = b.now - last
		case h.alive(t):
			heard = max(heard, h.since-last)
		}
		if rest := heard + ackWait - b.now; rest > 0 {
			b.after(rest, look)
			return
		}
		b.count("silent handler")
		b.deliver(m)
	}
	b.after(ackWait, look)
}

// answer does what pkg/bus does with a handler's error. The answer itself may be
// lost; then the silence is noticed.
func (b *broker) answer(m *message, nth int, err error) {
	if !b.travel(0) || m.done {
		return
	}
	var later interface{ RetryAfter() time.Duration }
	var dead interface{ Dead() bool }
	switch {
	case err == nil:
		m.done = true
	case errors.As(err, &dead):
		b.count("dead letter")
		b.trace("buries it")
		m.done = true
	case m.deliveries != nth: // somebody else's by now
	case errors.As(err, &later):
		b.later(m, nth, later.RetryAfter())
	default:
		b.later(m, nth, time.Duration(b.rng.Int64N(int64(min(time.Second<<min(nth, 5), 30*time.Second))))+100*time.Millisecond)
	}
}

// later hands m out after d, unless it is handed out before.
func (b *broker) later(m *message, nth int, d time.Duration) {
	m.heard = nth
	b.after(d, func() {
		if m.deliveries == nth {
			b.deliver(m)
		}
	})
}
