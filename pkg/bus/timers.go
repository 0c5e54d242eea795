package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/payment"
)

// Wake has command c handed to its worker again at broker time at, or at once
// when that has passed. Of several wake-ups of one command the last one set
// counts. Schedules have whole seconds: at is rounded up.
func (b *Bus) Wake(ctx context.Context, c payment.Command, at time.Time) error {
	now, err := b.Now(ctx)
	if err != nil {
		return err
	}
	due := timerSubject("due", c.Provider, c.Merchant, c.ID)
	if !at.After(now) {
		return b.send(ctx, TimerStream, &nats.Msg{Subject: due})
	}
	return b.send(ctx, TimerStream, &nats.Msg{Subject: timerSubject("at", c.Provider, c.Merchant, c.ID)},
		jetstream.WithScheduleAt(at.Add(time.Second-time.Nanosecond).Truncate(time.Second)),
		jetstream.WithScheduleTarget(due))
}
