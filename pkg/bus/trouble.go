package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Plant stores data on a subject as somebody would who goes around this package,
// and returns its sequence: for fault injection. It takes rights that no service has.
func (b *Bus) Plant(ctx context.Context, subject string, data []byte) (uint64, error) {
	ack, err := b.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data})
	if err != nil {
		return 0, fmt.Errorf("plant on %s: %w", subject, err)
	}
	return ack.Sequence, nil
}

// Fill has a stream take no more than it holds, as if it had reached its limit,
// until empty is called: for fault injection. Nothing that is stored is lost.
func (b *Bus) Fill(ctx context.Context, stream string) (empty func(context.Context) error, err error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("fill %s: %w", stream, err)
	}
	full, limit := s.CachedInfo().Config, s.CachedInfo().Config.MaxBytes
	full.MaxBytes = max(int64(s.CachedInfo().State.Bytes), 1) //nolint:gosec // a stream's size
	empty = func(ctx context.Context) error {
		cfg := full
		cfg.MaxBytes = limit
		if _, err := b.js.UpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("empty %s: %w", stream, err)
		}
		return nil
	}
	if _, err := b.js.UpdateStream(ctx, full); err != nil {
		return empty, fmt.Errorf("fill %s: %w", stream, err) // it may have been done all the same
	}
	return empty, nil
}
