package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/wire"
)

// A handler's error is a verb. One with this method means: not now, again after
// that long.
type later interface {
	error
	RetryAfter() time.Duration
}

// One with this method means: no redelivery can help. The message is buried, with
// the error as the reason.
type dead interface {
	error
	Dead() bool
}

// hopeless is a dead error of the bus's own.
type hopeless struct{ error }

func (hopeless) Dead() bool { return true }

func (e hopeless) Unwrap() error { return e.error }

// answer tells the broker what became of a delivery. It is the only place that
// acknowledges a message, and does so after everything the acknowledgement
// stands for is stored.
func (c *consumer) answer(ctx context.Context, d Delivery, m jetstream.Msg, err error) {
	ctx = context.WithoutCancel(ctx) // a shutdown must not lose the answer
	if err := c.act(ctx, d, m, err); err != nil {
		c.bus.log.Warn("answer not sent", zap.String("consumer", c.name), zap.Error(err))
	}
}

func (c *consumer) act(ctx context.Context, d Delivery, m jetstream.Msg, err error) error {
	if err == nil {
		c.bus.stats.answered(c.name, "ack")
		return m.Ack()
	}
	if l, ok := errors.AsType[later](err); ok {
		c.bus.stats.answered(c.name, "later")
		return m.NakWithDelay(l.RetryAfter())
	}
	if _, ok := errors.AsType[dead](err); ok || errors.Is(err, wire.ErrUndecodable) {
		return c.bury(ctx, d, m, err)
	}
	c.bus.stats.answered(c.name, "nak")
	return m.NakWithDelay(backOff(d.Deliveries))
}

func (c *consumer) bury(ctx context.Context, d Delivery, m jetstream.Msg, reason error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := c.bus.Bury(ctx, wire.DeadLetter{
		Service: c.bus.name, Stream: d.Stream, Sequence: d.Seq, Subject: d.Subject, Reason: reason.Error(),
		Deliveries: d.Deliveries, Headers: d.Header, Body: d.Data, At: time.Now().UTC(),
	})
	if err != nil {
		return errors.Join(err, m.NakWithDelay(backOff(d.Deliveries)))
	}
	c.bus.log.Error("buried", zap.String("consumer", c.name), zap.Uint64("sequence", d.Seq), zap.Error(reason))
	c.bus.stats.answered(c.name, "term")
	return m.TermWithReason("dead letter")
}

// backOff returns a delay with full jitter under a ceiling that doubles from one
// second to thirty.
func backOff(deliveries uint64) time.Duration {
	ceiling := min(time.Second<<min(deliveries, 5), 30*time.Second)
	return rand.N(ceiling) + 100*time.Millisecond
}
