package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/wire"
)

// Load returns the head of a payment: with Seq 0 and no error when nothing ever
// happened to it. Its provider may be any.
//
// It returns ErrDamaged when the broker has lost events that may have been this
// payment's.
func (b *Bus) Load(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Head, error) {
	shard := payment.Shard(string(id), b.shards)
	last, err := b.last(ctx, eventStream(shard), b.eventFilter(m, id))
	if err == nil {
		err = b.sound(ctx, shard)
	}
	if err == nil && last.Seq == 0 {
		last, err = b.nothing(ctx, m, id)
	}
	if err != nil {
		return payment.Head{}, err
	}
	b.witness.saw(shard, last.Seq)
	return b.headOf(ctx, m, id, last)
}

func (b *Bus) headOf(ctx context.Context, m payment.Merchant, id payment.ID, last raw) (payment.Head, error) {
	if last.Seq == 0 {
		return payment.Head{}, nil
	}
	rec, err := wire.OpenRecord(last.Data, b.finder(ctx, b.subjectKey(m, id)))
	if err != nil {
		return payment.Head{}, fmt.Errorf("event %d: %w", last.Seq, err)
	}
	return payment.Head{Payment: rec.After, Seq: last.Seq, Hash: wire.Hash(last.Data)}, nil
}

// Find returns the payment as its last event tells, and whether there is any.
func (b *Bus) Find(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Payment, bool, error) {
	h, err := b.Load(ctx, m, id)
	return h.Payment, h.Seq > 0, err
}

// NewEventID draws the id by which a writer knows its own event again.
func NewEventID() string { return rand.Text() }

// Append stores e as the event that follows h and returns the new head. It
// returns ErrConflict, and stores nothing, when another event came first, and
// ErrUnavailable when ctx ended before the broker said. An acknowledgement that
// got lost is no failure: the event is recognised by its ID. On ErrDamaged it
// may be stored where another event had been.
func (b *Bus) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	if e.ID == "" {
		e.ID = NewEventID()
	}
	e = h.Payment.Next(e)
	after := payment.Fold(h.Payment, e)
	data, err := b.marshalRecord(ctx, wire.Record{Event: e, After: after, Prev: h.Hash})
	if err != nil {
		return payment.Head{}, fmt.Errorf("event %s: %w", e.Data.Type(), err)
	}
	msg := &nats.Msg{
		Subject: b.eventSubject(e.Provider, e.Merchant, e.Payment),
		Header:  b.cloudEvent(ctx, e.ID, string(e.Data.Type()), string(e.Payment)),
		Data:    data,
	}
	shard := payment.Shard(string(e.Payment), b.shards)
	before := b.witness.last(shard)
	seq, _, err := b.store(ctx, put{
		stream: eventStream(shard),
		filter: b.eventFilter(e.Merchant, e.Payment),
		expect: h.Seq,
		msg:    msg,
		mine:   func(r raw) bool { return r.Header.Get("ce-id") == e.ID },
	})
	if err != nil {
		return payment.Head{}, err
	}
	if seq <= before { // stored in an earlier call, or where another event had been
		b.witness.doubt(shard)
		if err := b.sound(ctx, shard); err != nil {
			return payment.Head{}, err
		}
	}
	b.witness.saw(shard, seq)
	return payment.Head{Payment: after, Seq: seq, Hash: wire.Hash(data)}, nil
}

// marshalRecord returns r as it is stored: sealed where there are keys, and without
// its personal data when that was erased.
func (b *Bus) marshalRecord(ctx context.Context, r wire.Record) ([]byte, error) {
	if !b.keys.on() || !r.HasPersonal() {
		return wire.MarshalRecord(r)
	}
	k, err := b.keyFor(ctx, b.subjectKey(r.Event.Merchant, r.Event.Payment))
	if err != nil && !errors.Is(err, seal.ErrDestroyed) {
		return nil, err
	}
	return wire.SealRecord(r, k)
}
