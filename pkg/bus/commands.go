package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/wire"
)

// Accept stores c for its worker: from then on it will reach an end. When the
// same request was accepted before, it returns the stored command and true; when
// another request was accepted under the same ReqID, ErrReqIDReused. On
// ErrUnavailable nothing is known, and sending the same request again is right.
func (b *Bus) Accept(ctx context.Context, c payment.Command) (stored payment.Command, replayed bool, err error) {
	data, err := b.marshalCommand(ctx, c)
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
		return b.replay(ctx, first, c)
	}
	return c, false, err
}

// marshalCommand returns c as it is stored: sealed where there are keys. The personal
// data of a payment that was erased is sealed under a key that nobody keeps, whoever
// gives it again: a request that came before is known by the rest of it, and one that
// comes anew is told by its worker that its data is gone.
func (b *Bus) marshalCommand(ctx context.Context, c payment.Command) ([]byte, error) {
	if !b.keys.on() || !wire.HasPersonal(c) {
		return wire.MarshalCommand(c)
	}
	e := b.subjectKey(c.Merchant, c.Payment)
	find := b.keyFor
	if c.Kind.Opens() {
		find = b.makeKey // most payments are new
	}
	k, err := find(ctx, e)
	if errors.Is(err, seal.ErrDestroyed) {
		k, _, err = seal.New(ctx, b.keys.wrapper, e.subject())
	}
	if err != nil {
		return nil, err
	}
	return wire.SealCommand(c, k)
}

func (b *Bus) replay(ctx context.Context, first raw, c payment.Command) (payment.Command, bool, error) {
	stored, err := b.commandOf(ctx, first)
	if err != nil {
		return payment.Command{}, false, err
	}
	if !SameRequest(stored, c) {
		return stored, false, ErrReqIDReused
	}
	return stored, true, nil
}

// SameRequest tells whether c asks for what stored did. Of a stored command whose
// personal data is gone, the rest is compared.
func SameRequest(stored, c payment.Command) bool {
	if stored.Closed {
		c = wire.Plain(c)
	}
	return wire.Fingerprint(stored) == wire.Fingerprint(c)
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
	return b.commandOf(ctx, r)
}

func (b *Bus) commandOf(ctx context.Context, r raw) (payment.Command, error) {
	c, err := b.OpenCommand(ctx, r.Data)
	if err != nil {
		return payment.Command{}, fmt.Errorf("command %d: %w", r.Seq, err)
	}
	if err := placed(r.Subject, c); err != nil {
		return payment.Command{}, fmt.Errorf("command %d: %w", r.Seq, err)
	}
	c.At = r.Time
	return c, nil
}
