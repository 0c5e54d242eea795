package simulation

import (
	"context"
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Capability implements provider.Provider.
func (b *bank) Capability() provider.Capability { return b.cap }

// Submit implements provider.Provider: one request, one connection, no repeat.
func (b *bank) Submit(ctx context.Context, c provider.Call) (payment.Result, error) {
	if err := b.connect(ctx); err != nil {
		return payment.Result{}, err
	}
	b.checkIntent(c)
	r := request{payment: c.Command.Payment, op: c.Operation, page: page(c)}
	if a := c.Command.Authorization; a != nil {
		r.sale = a.Capture == payment.CaptureAuto
	}
	if b.away() {
		return payment.Result{}, b.fail(ctx)
	}
	b.trace("sends %s attempt %d under %s", r.op.Kind, r.op.Attempt.Number, r.op.Attempt.Idem)
	b.count("call")
	x := b.exchange(ctx, func(answer func(payment.Result, error)) { b.accept(r, answer) }) //nolint:contextcheck // what begins later has no caller
	b.trace("has the answer %s %s, %v", x.result.Status, x.result.Ref, x.err)
	return x.result, x.err
}

// Inquire implements provider.Provider.
func (b *bank) Inquire(ctx context.Context, c provider.Call) (payment.Result, error) {
	if b.weather.class == provider.T4 && !page(c) {
		return payment.Result{}, errUnknown
	}
	if err := b.connect(ctx); err != nil {
		return payment.Result{}, err
	}
	if b.away() {
		return payment.Result{}, b.fail(ctx)
	}
	b.count("inquiry")
	x := b.exchange(ctx, func(answer func(payment.Result, error)) {
		if b.chance(b.weather.inquiryFails) {
			answer(payment.Result{}, errGarbage)
			return
		}
		answer(b.find(c.Operation))
	})
	if e := provider.AsError(x.err); x.err != nil && e.Answered && !e.Bare {
		b.puzzled[c.Operation.ID] = true
	}
	b.trace("asked about %s and has the answer %s %s, %v", c.Operation.ID, x.result.Status, x.result.Ref, x.err)
	return x.result, x.err
}

// page tells whether a call is about a page for the buyer.
func page(c provider.Call) bool {
	return c.Operation.Kind == payment.Authorize && c.Payment.Terms.Method == payment.Button
}

// fail is how calls end during an outage.
func (b *bank) fail(ctx context.Context) error {
	switch b.weather.down.how {
	case 0:
		return errNoRoute
	case 1:
		return errServer
	}
	b.current.pause(b.patience(ctx))
	return errSilence
}

// connect opens a connection. Nothing leaves when the time is over.
func (b *bank) connect(ctx context.Context) error {
	t := b.current
	t.host.risk("before connecting")
	t.pause(between(b.rng, time.Millisecond, 100*time.Millisecond))
	switch {
	case ctx.Err() != nil:
		return &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonUnavailable, Err: ctx.Err()}
	case b.chance(b.weather.noRoute):
		return errNoRoute
	}
	return nil
}

// patience is how long a call waits for its answer.
func (b *bank) patience(ctx context.Context) time.Duration {
	const most = 12 * time.Second // provider.DefaultTimeout
	deadline, ok := ctx.Deadline()
	if !ok {
		return most
	}
	return max(min(most, deadline.Sub(b.current.host.clock.Now())), 0)
}

// exchange is a request under way, and its answer.
type exchange struct {
	result payment.Result
	err    error
}

// exchange sends a request and waits for the answer. Whatever becomes of the
// sender, what has left may arrive.
func (b *bank) exchange(ctx context.Context, arrive func(answer func(payment.Result, error))) exchange {
	t := b.current
	x := exchange{err: errSilence}
	until, wake := b.now+b.patience(ctx), t.waker()
	over := false
	answer := func(r payment.Result, err error) {
		b.called()
		if b.away() || b.chance(b.weather.lostAnswer) {
			b.count("lost answer")
			b.trace("the answer gets lost")
			return
		}
		if b.chance(b.weather.garbled) {
			r, err = payment.Result{}, b.garbled()
		}
		b.after(between(b.rng, time.Millisecond, 200*time.Millisecond), func() {
			if !over {
				x.result, x.err = r, err
				wake()
			}
		})
	}
	if b.chance(b.weather.lostCall) {
		b.count("lost call")
		b.trace("the call gets lost")
	} else {
		b.after(b.flight(), func() { arrive(answer) })
	}
	t.sleepUntil(until)
	over = true
	t.host.risk("after the answer")
	return x
}

func (b *bank) garbled() error {
	return [...]error{errServer, errGarbage, errors.New("unexpected EOF")}[b.rng.IntN(3)]
}

// flight is how long a request travels: most of them milliseconds.
func (b *bank) flight() time.Duration {
	if b.chance(b.weather.slow) {
		return between(b.rng, 100*time.Millisecond, b.opts.Flight)
	}
	return between(b.rng, time.Millisecond, 50*time.Millisecond)
}
