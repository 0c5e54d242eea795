package bus

import (
	"context"
	"errors"
	"sort"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/wire"
)

// ReadCallbacks hands over the callbacks that were stored at or after since,
// oldest first, up to the last there is when it begins. stored is broker time.
// One that cannot be decoded is logged and left out: the interpreter has buried it.
func (b *Bus) ReadCallbacks(ctx context.Context, since time.Time, handle func(ctx context.Context, c wire.StoredCallback, stored time.Time) error) error {
	from, err := b.seqSince(ctx, CallbackStream, since)
	if err != nil {
		return err
	}
	return b.Follow(ctx, CallbackStream, FollowOptions{From: from, ToEnd: true}, func(ctx context.Context, batch []Message) error {
		for _, m := range batch {
			c, err := b.OpenCallback(ctx, m.Data)
			if err != nil && !errors.Is(err, wire.ErrUndecodable) {
				return err
			}
			if err != nil {
				b.log.Warn("callback left out", zap.Uint64("sequence", m.Seq), zap.Error(err))
				continue
			}
			if err := handle(ctx, c, m.Time); err != nil {
				return err
			}
		}
		return nil
	})
}

// seqSince returns the sequence of the first message of stream that was stored at
// or after t, or the one after the last. It needs a stream without gaps.
func (b *Bus) seqSince(ctx context.Context, stream string, t time.Time) (uint64, error) {
	s, err := b.StreamState(ctx, stream)
	if err != nil || s.Messages == 0 {
		return 1, err
	}
	var failed error
	n := sort.Search(int(s.LastSeq-s.FirstSeq+1), func(i int) bool {
		m, err := b.MessageAt(ctx, stream, s.FirstSeq+uint64(i))
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			failed = err
		}
		// One that is gone was the oldest, and has expired meanwhile.
		return err == nil && !m.Time.Before(t)
	})
	return s.FirstSeq + uint64(n), failed
}
