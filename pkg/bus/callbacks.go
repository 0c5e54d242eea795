package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/payloom/payloom/pkg/wire"
)

// StoreCallback stores c under its ID, once: a repeat is no error. Only after it
// returned nil may the provider be told that the callback was received.
func (b *Bus) StoreCallback(ctx context.Context, c wire.StoredCallback) (repeat bool, err error) {
	data, err := b.marshalCallback(ctx, c)
	if err != nil {
		return false, fmt.Errorf("callback: %w", err)
	}
	subj := callbackSubject(c.Provider, c.Merchant, c.ID)
	_, _, err = b.store(ctx, put{
		stream: CallbackStream,
		filter: subj,
		msg:    &nats.Msg{Subject: subj, Header: b.cloudEvent(ctx, c.ID, "Callback", c.ID), Data: data},
		// Whoever stored it first, it is stored.
		mine: func(raw) bool { return false },
	})
	if errors.Is(err, ErrConflict) {
		return true, nil
	}
	return false, err
}

// marshalCallback returns c as it is stored: sealed with the key of its day where
// there are keys.
func (b *Bus) marshalCallback(ctx context.Context, c wire.StoredCallback) ([]byte, error) {
	if !b.keys.on() {
		return wire.MarshalCallback(c)
	}
	k, err := b.keyFor(ctx, dayKey(c.ReceivedAt))
	if err != nil {
		return nil, err
	}
	return wire.SealCallback(c, k)
}
