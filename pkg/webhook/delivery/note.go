package delivery

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/service"
)

// noteTimeout is how long a database that is away is waited for with what came of
// an attempt. Then the message counts as one that was not sent.
const noteTimeout = 5 * time.Second

// note writes down what came of an attempt.
func (d *Dispatcher) note(ctx context.Context, j job, a answer) error {
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	again := backoff.NewExponentialBackOff(backoff.WithInitialInterval(50*time.Millisecond), backoff.WithMaxElapsedTime(noteTimeout))
	return backoff.Retry(func() error { return d.noteOnce(ctx, j, a) }, backoff.WithContext(again, ctx))
}

func (d *Dispatcher) noteOnce(ctx context.Context, j job, a answer) error {
	now := d.opts.Clock()
	if a.ok() {
		err := d.rows.delivered(ctx, j, now, a)
		if err == nil {
			d.told(resultDelivered, j, a)
		}
		return err
	}
	result := resultFailed
	err := pgx.BeginFunc(ctx, d.rows.pool, func(tx pgx.Tx) error {
		if err := d.consequence(ctx, tx, j.Key, now, a); err != nil {
			return err
		}
		due, more := next(j.attempt, now, j.expires, a.retryAfter)
		if !more {
			result = resultExpired
			return d.rows.expire(ctx, tx, j, now, a)
		}
		return d.rows.retry(ctx, tx, j, due, a)
	})
	if err == nil {
		d.told(result, j, a)
		if a.reason == reasonGone {
			d.told(resultGone, j, a)
		}
	}
	return err
}

// consequence is what a failure means for the endpoint's other messages.
func (d *Dispatcher) consequence(ctx context.Context, tx pgx.Tx, k Key, now time.Time, a answer) error {
	switch {
	case a.reason == reasonGone:
		return d.rows.disable(ctx, tx, k, now)
	case a.retryAfter > 0:
		return d.rows.hold(ctx, tx, k, now.Add(a.retryAfter))
	}
	return nil
}

func (d *Dispatcher) told(result string, j job, a answer) {
	d.opts.Stats.count(result, 1)
	switch result {
	case resultDelivered:
		d.opts.Log.Debug("webhook delivered", fields(j, a)...)
	case resultGone:
		d.opts.Log.Warn("webhook endpoint is gone and was disabled", fields(j, a)...)
	case resultExpired:
		d.opts.Log.Error("webhook given up", fields(j, a)...)
	default:
		d.opts.Log.Info("webhook attempt failed", fields(j, a)...)
	}
}

// fields describe an attempt without the endpoint's URL, which may hold a token.
func fields(j job, a answer) []zap.Field {
	return []zap.Field{
		service.Merchant(string(j.Merchant)), zap.String("endpoint", j.Endpoint), zap.String("message_id", j.message),
		service.Attempt(j.attempt), zap.Int("status", a.status), service.Reason(string(a.reason)),
	}
}
