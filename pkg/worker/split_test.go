package worker

import (
	"context"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// TestHandle_OnTheSmallerSide: a worker with the node that led, cut off from the other
// two, cannot store an intent, and so does not send.
func TestHandle_OnTheSmallerSide(t *testing.T) {
	t.Parallel()
	c := bustest.NewCluster(t)
	r := rigOn(t, bustest.Connect(t, c.At(2), "small"), provider.T3)
	c.Lead(t, "EVENTS_0", 2)
	if _, err := r.bus.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	cmd := r.command(payment.Authorize, "open", 1000)
	c.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if err := r.worker().Handle(ctx, cmd); err == nil {
		t.Error("the command is handled")
	}
	if r.calls() != 0 {
		t.Errorf("%d calls without an intent", r.calls())
	}
	c.Heal()
	whole := rigOn(t, bustest.Connect(t, c.At(0), "large"), provider.T3)
	whole.id, whole.fake = r.id, r.fake
	w := whole.worker()
	w.limits.SendWindow = 5 * time.Second
	deadline := time.Now().Add(time.Minute)
	for !whole.answered(cmd) && time.Now().Before(deadline) {
		_ = w.Handle(t.Context(), cmd)
	}
	if !whole.answered(cmd) {
		t.Error("the command has no end after it healed")
	}
	whole.checkOnce(payment.Authorize, 1)
}
