package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Accept stores c for its worker: from then on it will reach an end. When the
// same request was accepted before, it returns the stored command and true; when
// another request was accepted under the same ReqID, ErrReqIDReused. On
// ErrUnavailable nothing is known, and sending the same request again is right.
func (b *Bus) Accept(ctx context.Context, c payment.Command) (stored payment.Command, replayed bool, err error) {
	data, err := wire.MarshalCommand(c)
	if err != nil {
		return payment.Command{}, false, fmt.Errorf("command: %w", err)
	}
	own := NewEventID()
	_, first, err := b.store(ctx, put{
		stream: b.shardStream(commandStream, string(c.ID)),
		filter: b.commandFilter(c.Merchant, c.ID),
		msg: &nats.Msg{
			Subject: b.commandSubject(c.Provider, c.Merchant, c.ID),
			Header:  b.cloudEvent(ctx, own, "Command", string(c.Payment)),
			Data:    data,
		},
		mine: func(r raw) bool { return r.Header.Get("ce-id") == own },
	})
	if errors.Is(err, ErrConflict) {
		return replay(first, c)
	}
	return c, false, err
}

func replay(first raw, c payment.Command) (payment.Command, bool, error) {
	stored, err := commandOf(first)
	if err != nil {
		return payment.Command{}, false, err
	}
	if wire.Fingerprint(stored) != wire.Fingerprint(c) {
		return stored, false, ErrReqIDReused
	}
	return stored, true, nil
}

// Command returns an accepted command, or ErrNotFound.
func (b *Bus) Command(ctx context.Context, m payment.Merchant, id payment.CommandID) (payment.Command, error) {
	r, err := b.last(ctx, b.shardStream(commandStream, string(id)), b.commandFilter(m, id))
	if err != nil {
		return payment.Command{}, err
	}
	if r.Seq == 0 {
		return payment.Command{}, fmt.Errorf("%w: command %s", ErrNotFound, id)
	}
	return commandOf(r)
}

func commandOf(r raw) (payment.Command, error) {
	c, err := wire.UnmarshalCommand(r.Data)
	if err != nil {
		return payment.Command{}, fmt.Errorf("command %d: %w", r.Seq, err)
	}
	if err := placed(r.Subject, c); err != nil {
		return payment.Command{}, fmt.Errorf("command %d: %w", r.Seq, err)
	}
	c.At = r.Time
	return c, nil
}
