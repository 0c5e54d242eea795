package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/wire"
)

// Bury stores a dead letter: a message that nobody could handle, with where it
// came from and why. It is stored once for a message of a stream and service,
// however often the message is delivered.
func (b *Bus) Bury(ctx context.Context, d wire.DeadLetter) error {
	data, err := wire.MarshalDeadLetter(d)
	if err != nil {
		return fmt.Errorf("dead letter: %w", err)
	}
	id := d.Stream + "-" + strconv.FormatUint(d.Sequence, 10)
	m := &nats.Msg{Subject: deadSubject(d.Service), Header: b.cloudEvent(ctx, id, "DeadLetter", id), Data: data}
	if err := b.send(ctx, DeadStream, m, jetstream.WithMsgID(d.Service+"-"+id)); err != nil {
		return err
	}
	b.stats.buried(d.Service)
	return nil
}
