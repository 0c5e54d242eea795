package worker

import (
	"context"
	"time"
)

// Clock is a worker's own time. It measures windows and deadlines and dates
// nothing: the dates of events are the ledger's, whatever a machine's clock says.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or when ctx ends.
	Sleep(ctx context.Context, d time.Duration)
	// WithDeadline returns ctx as it is until t by this clock.
	WithDeadline(ctx context.Context, t time.Time) (context.Context, context.CancelFunc)
}

// machine is the clock of the machine. Its differences are monotonic.
type machine struct{}

func (machine) Now() time.Time { return time.Now() }

func (machine) Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (machine) WithDeadline(ctx context.Context, t time.Time) (context.Context, context.CancelFunc) {
	return context.WithDeadline(ctx, t)
}

// within returns ctx for as long as d by the worker's clock.
func (w *Worker) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return w.clock.WithDeadline(ctx, w.clock.Now().Add(d))
}
