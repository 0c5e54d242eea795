package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
)

// TestStore_OnTheSmallerSide: the node that led is cut off from the other two, with a
// client. It is told that nobody knows, and once the broker is whole again there is one
// command and one event.
func TestStore_OnTheSmallerSide(t *testing.T) {
	t.Parallel()
	c := bustest.NewCluster(t)
	small, large := bustest.Connect(t, c.At(2), "small"), bustest.Connect(t, c.At(0), "large")
	for _, stream := range []string{"COMMANDS_0", events0} {
		c.Lead(t, stream, 2)
	}
	mustNow(t, small)
	c.Cut()
	cmd := command("1")
	short, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	if _, _, err := small.Accept(short, cmd); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("accepted by the smaller side: %v, want ErrUnavailable", err)
	}
	brief, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if _, err := small.Append(brief, payment.Head{}, intent(cmd, time.Now())); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("appended by the smaller side: %v, want ErrUnavailable", err)
	}
	long, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, replayed, err := large.Accept(long, cmd); err != nil || replayed {
		t.Fatalf("accepted by the larger side: replayed %v, %v", replayed, err)
	}
	h, err := large.Append(long, payment.Head{}, intent(cmd, time.Now()))
	if err != nil {
		t.Fatalf("appended by the larger side: %v", err)
	}
	c.Heal()
	if _, replayed, err := small.Accept(long, cmd); err != nil || !replayed {
		t.Errorf("accepted again after it healed: replayed %v, %v", replayed, err)
	}
	if _, err := small.Append(long, payment.Head{}, intent(cmd, time.Now())); !errors.Is(err, bus.ErrConflict) {
		t.Errorf("appended after it healed: %v, want ErrConflict", err)
	}
	// A replica may be late; who decides from what it tells is refused, as above.
	bustest.Await(t, time.Minute, func() error { return settled(long, small, cmd, h.Seq) })
}

// settled returns why a command and its one event are not all there is.
func settled(ctx context.Context, b *bus.Bus, cmd payment.Command, last uint64) error {
	h, err := b.Load(ctx, cmd.Merchant, cmd.Payment)
	if err != nil || h.Seq != last {
		return fmt.Errorf("the ledger ends at %d, %w; want %d", h.Seq, err, last)
	}
	for _, stream := range []string{"COMMANDS_0", events0} {
		if s, err := b.StreamState(ctx, stream); err != nil || s.Messages != 1 {
			return fmt.Errorf("%s has %d messages, %w; want one", stream, s.Messages, err)
		}
	}
	return nil
}
