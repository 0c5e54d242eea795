package bus

import (
	"context"
	"fmt"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/wire"
)

// What follows reads messages with their personal data, as far as it was not
// erased. Who does without reads them by package wire.

// OpenCommand reads a message of a command stream.
func (b *Bus) OpenCommand(ctx context.Context, data []byte) (payment.Command, error) {
	c, err := wire.UnmarshalCommand(data)
	if err != nil || !c.Closed || c.Merchant.Validate() != nil || c.Payment.Validate() != nil {
		return c, err // what has no proper name has no key either
	}
	return wire.OpenCommand(data, b.finder(ctx, b.subjectKey(c.Merchant, c.Payment)))
}

// OpenRecord reads a message of an event stream.
func (b *Bus) OpenRecord(ctx context.Context, data []byte) (wire.Record, error) {
	r, err := wire.UnmarshalRecord(data)
	if err != nil || !r.Closed {
		return r, err
	}
	return wire.OpenRecord(data, b.finder(ctx, b.subjectKey(r.Event.Merchant, r.Event.Payment)))
}

// OpenCallback reads a message of the callback stream.
func (b *Bus) OpenCallback(ctx context.Context, data []byte) (wire.StoredCallback, error) {
	c, err := wire.UnmarshalCallback(data)
	if err != nil || !c.Closed {
		return c, err
	}
	return wire.OpenCallback(data, b.finder(ctx, dayKey(c.ReceivedAt)))
}

// Finder returns how the keys of a payment are found, for what is kept of it
// elsewhere.
func (b *Bus) Finder(ctx context.Context, m payment.Merchant, id payment.ID) wire.Finder {
	return b.finder(ctx, b.subjectKey(m, id))
}

// KeyFor returns the key to seal what is kept of a payment elsewhere with: nil when
// this program seals nothing, seal.ErrDestroyed when the payment was erased.
func (b *Bus) KeyFor(ctx context.Context, m payment.Merchant, id payment.ID) (*seal.Key, error) {
	if !b.keys.on() {
		return nil, nil
	}
	return b.keyFor(ctx, b.subjectKey(m, id))
}

// ClosedCommand is Command, and leaves sealed what is sealed.
func (b *Bus) ClosedCommand(ctx context.Context, m payment.Merchant, id payment.CommandID) (payment.Command, error) {
	r, err := b.last(ctx, b.shardStream(commandStream, string(id)), b.commandFilter(m, id))
	if err != nil {
		return payment.Command{}, err
	}
	if r.Seq == 0 {
		return payment.Command{}, fmt.Errorf("%w: command %s", ErrNotFound, id)
	}
	return wire.UnmarshalCommand(r.Data)
}

// LastSeq returns the sequence of a payment's last event, 0 when there is none.
func (b *Bus) LastSeq(ctx context.Context, m payment.Merchant, id payment.ID) (uint64, error) {
	last, err := b.last(ctx, b.shardStream(eventStream, string(id)), b.eventFilter(m, id))
	return last.Seq, err
}
