package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
)

// strangers fails when somebody else's payments go through the broker at NATS_URL:
// workers of ours would be handed commands for accounts that they do not know.
// Every ledger is judged by its first and its last message.
func (s *Stack) strangers(ctx context.Context) error {
	if s.opts.NATSURL == "" {
		return nil
	}
	b, err := bus.Inspect(ctx, s.busConfig(bus.Operator), bus.Operator, zap.NewNop())
	if errors.Is(err, bus.ErrNotProvisioned) {
		return nil
	}
	if err != nil {
		return err
	}
	defer b.Close()
	for _, stream := range append(append(b.CommandStreams(), b.EventStreams()...), bus.CallbackStream) {
		if err := strangerIn(ctx, b, stream); err != nil {
			return err
		}
	}
	return nil
}

func strangerIn(ctx context.Context, b *bus.Bus, stream string) error {
	state, err := b.StreamState(ctx, stream)
	if err != nil || state.Messages == 0 {
		return err
	}
	for _, seq := range []uint64{state.FirstSeq, state.LastSeq} {
		m, err := b.MessageAt(ctx, stream, seq)
		if errors.Is(err, bus.ErrNotFound) {
			continue // expired meanwhile
		}
		if err != nil {
			return err
		}
		if who := merchantOf(m.Subject); who != Merchant {
			return fmt.Errorf("%w: the broker at NATS_URL holds payments of merchant %s (%s/%d): unset NATS_URL, or name a broker that is not in use",
				ErrOptions, who, stream, seq)
		}
	}
	return nil
}

// merchantOf returns the merchant that a command's, an event's or a callback's
// subject names: it is the last but one.
func merchantOf(subject string) string {
	t := strings.Split(subject, ".")
	return t[max(len(t)-2, 0)]
}
