package worker

import (
	"context"
	"errors"
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
	whole := rigOn(t, bustest.Connect(t, c.At(0), "large"), provider.T3)
	whole.id, whole.fake = r.id, r.fake
	c.Lead(t, "EVENTS_0", 2)
	if _, err := r.bus.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	cmd := r.command(payment.Authorize, "open", 1000)
	c.Cut()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	alone := r.worker()
	alone.limits.SendWindow = time.Minute // what holds it back is the intent
	if err := alone.Handle(ctx, cmd); err == nil {
		t.Error("the command is handled")
	}
	if r.calls() != 0 {
		t.Errorf("%d calls without an intent", r.calls())
	}
	c.Heal()
	w := whole.worker()
	w.limits.SendWindow = 5 * time.Second
	deadline := time.Now().Add(time.Minute)
	err := errors.New("not handled")
	for err != nil && time.Now().Before(deadline) {
		err = w.Handle(t.Context(), cmd) // the broker has to find itself first
	}
	if err != nil {
		t.Errorf("after it healed: %v", err)
	}
	whole.checkOnce(payment.Authorize, 1)
}
