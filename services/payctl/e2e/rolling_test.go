package e2e

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// TestRollingRestart_NobodyNotices restarts every process of Payloom in turn while
// payments go on, as an upgrade does. Each must end by itself, in time and with exit
// status 0; what it had in hand it finishes or gives back.
func TestRollingRestart_NobodyNotices(t *testing.T) {
	t.Parallel()
	orders, queries, callbacks := newDoor(t), newDoor(t), newDoor(t)
	s := start(t, stack.Options{
		Workers: 2, Replicas: 2, Callbacks: callbacks.url(),
		// Calls take a moment, so that whoever is asked to stop has some in hand.
		Env: map[string]string{"LATENCY": "50ms", "TIME_SCALE": "10"},
	})
	orders.lead(s.At(stack.Ingress))
	queries.lead(s.At(stack.Tracker))
	callbacks.lead(s.At(stack.Receiver))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	client := api.New(orders.url(), queries.url(), s.APIKey(), atOnce)
	seen := &witness{through: client.HTTP.Transport}
	client.HTTP.Transport = seen
	l := drive(ctx, s, client, promptly)
	restarts := 0
	for _, service := range s.Services() {
		if service.Name == stack.Simulator {
			continue // it plays somebody else
		}
		l.mustGoOn(ctx, t)
		restarts++
		if err := s.Restart(ctx, service.Name); err != nil {
			t.Error(err)
		}
	}
	l.checkEnd(t)
	if report := checkVerified(t, s); report.Payments < int(l.through.Load()) {
		t.Errorf("the streams hold %d payments, %d were driven", report.Payments, l.through.Load())
	}
	if failed, asked := seen.failed.Load(), seen.asked.Load(); failed > asked/100 {
		t.Errorf("%d of %d requests failed", failed, asked)
	}
	checkNoStorm(t, s)
	t.Logf("%d payments during %d restarts; of %d requests %d failed", l.through.Load(), restarts, seen.asked.Load(), seen.failed.Load())
}

// checkNoStorm checks that nothing is in hand any more, and that few messages were
// handed out again: without restarts it is one in six, as some commands have to wait
// for the provider's callback.
func checkNoStorm(t *testing.T, s *stack.Stack) {
	t.Helper()
	b, err := bus.Connect(t.Context(), s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	survey, err := b.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]uint64{}
	for _, c := range survey.Consumers {
		given[c.Stream] += c.Deliveries
		if c.Redelivered+c.Unacknowledged > 0 {
			t.Errorf("%s still has %d messages of %s in hand, %d of them not for the first time", c.Name, c.Unacknowledged, c.Stream, c.Redelivered)
		}
	}
	for _, stream := range append(b.CommandStreams(), bus.CallbackStream) {
		state, err := b.StreamState(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d messages were handed out %d times", stream, state.Messages, given[stream])
		if n := given[stream]; n < state.Messages || n > state.Messages*3/2 {
			t.Errorf("%d messages of %s were handed out %d times", state.Messages, stream, n)
		}
	}
}
