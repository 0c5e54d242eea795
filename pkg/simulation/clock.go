package simulation

import (
	"context"
	"time"
)

// epoch is when every world begins.
var epoch = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

// clock is a machine's clock: it goes as time does and is wrong by skew.
type clock struct {
	world *world
	skew  time.Duration
}

// Now implements worker.Clock.
func (c *clock) Now() time.Time { return c.world.time().Add(c.skew) }

// Sleep implements worker.Clock.
func (c *clock) Sleep(ctx context.Context, d time.Duration) {
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, deadline.Sub(c.Now()))
	}
	if ctx.Err() == nil {
		c.world.current.pause(d)
	}
}

// WithDeadline implements worker.Clock.
func (c *clock) WithDeadline(ctx context.Context, t time.Time) (context.Context, context.CancelFunc) {
	v := &virtual{Context: ctx, clock: c, deadline: t}
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(t) {
		v.deadline = earlier
	}
	return v, func() { v.cancelled = true }
}

// virtual is a context with a deadline by a clock of the world's.
type virtual struct {
	context.Context
	clock     *clock
	deadline  time.Time
	cancelled bool
}

// Deadline implements context.Context.
func (v *virtual) Deadline() (time.Time, bool) { return v.deadline, true }

// Err implements context.Context.
func (v *virtual) Err() error {
	switch {
	case v.Context.Err() != nil:
		return v.Context.Err()
	case v.cancelled:
		return context.Canceled
	case !v.clock.Now().Before(v.deadline):
		return context.DeadlineExceeded
	}
	return nil
}

// Done implements context.Context. Whoever waited for it would stop the world:
// waiting goes through the clock here.
func (v *virtual) Done() <-chan struct{} {
	done := make(chan struct{})
	if v.Err() != nil {
		close(done)
	}
	return done
}
