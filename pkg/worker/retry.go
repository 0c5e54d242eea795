package worker

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// laterError asks for another delivery.
type laterError struct{ after time.Duration }

// Later returns the error that asks the queue to hand the message over again
// after d, without counting it as a failure.
func Later(d time.Duration) error { return laterError{max(d, 50*time.Millisecond)} }

// Error implements error.
func (e laterError) Error() string { return "again in " + e.after.String() }

// RetryAfter tells the queue when.
func (e laterError) RetryAfter() time.Duration { return e.after }

// later has cmd handled again after d: by the queue when that is soon, else by a
// timer, after which the message is done with.
func (w *Worker) later(ctx context.Context, cmd payment.Command, d time.Duration) error {
	if d <= w.limits.LongestNak {
		return Later(d)
	}
	return w.timer(ctx, cmd, d)
}

// timer has cmd handled again after d, by a timer.
func (w *Worker) timer(ctx context.Context, cmd payment.Command, d time.Duration) error {
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	if err := w.timers.Wake(ctx, cmd, now.Add(d)); err != nil {
		return err
	}
	w.probe(TimerSet)
	return nil
}

// submit calls the provider, and again while it is certain that not even the
// connection came about and the window is open. After the window nothing may
// leave: another worker may be recovering the attempt.
func (w *Worker) submit(ctx context.Context, call provider.Call, until time.Time) (payment.Result, error) {
	ctx, cancel := w.clock.WithDeadline(ctx, until.Add(w.limits.CallTimeout))
	defer cancel()
	// Without jitter: calls that are under way together began apart.
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(100*time.Millisecond), backoff.WithMaxInterval(time.Second), backoff.WithRandomizationFactor(0),
		backoff.WithMaxElapsedTime(until.Sub(w.clock.Now())), backoff.WithClockProvider(w.clock))
	for w.clock.Now().Before(until) {
		r, err := w.send(ctx, call)
		if !unreached(err) {
			return r, err
		}
		wait := b.NextBackOff()
		if wait != backoff.Stop {
			w.clock.Sleep(ctx, wait)
		}
		if wait == backoff.Stop || ctx.Err() != nil {
			return r, err
		}
	}
	return payment.Result{}, errWindow
}

func (w *Worker) send(ctx context.Context, call provider.Call) (payment.Result, error) {
	w.probe(Sending)
	start := w.clock.Now()
	r, err := w.provider.Submit(ctx, call)
	w.stats.call(call.Command, "submit", w.clock.Now().Sub(start), err)
	return r, err
}

// unreached tells whether err means that the provider has not heard of the call
// and may hear of it in a moment.
func unreached(err error) bool {
	if err == nil || errors.Is(err, provider.ErrConfiguration) {
		return false
	}
	e := provider.AsError(err)
	return e.Failure == provider.NotSent && !e.Answered
}

// errWindow means that the window closed before anything was sent.
var errWindow = &provider.Error{
	Failure: provider.NotSent, Reason: payment.ReasonUnavailable, Err: errors.New("the send window closed"),
}

// retryAfter returns how long to wait before attempt n+1, when the provider did
// not say: the pause, doubling to ten minutes.
func (w *Worker) retryAfter(n int) time.Duration {
	return min(w.limits.Pause<<min(n-1, 10), 10*time.Minute)
}

// inquireAfter returns how long to wait before asking again about an attempt of
// that age: a quarter of it, from the pause to half an hour.
func (w *Worker) inquireAfter(age time.Duration) time.Duration {
	return min(max(age/4, w.limits.Pause), 30*time.Minute)
}
