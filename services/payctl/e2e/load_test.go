package e2e

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// traffic drives payments of all three providers, round after round, until it is
// told to end.
type traffic struct {
	env      demo.Env
	patience time.Duration // for one payment to reach its next state
	enough   atomic.Bool
	through  atomic.Int64 // payments that have ended
	outcomes []demo.Outcome
	done     chan error
}

// atOnce is how many payments of a load are under way side by side.
const atOnce = 8

// promptly is how long a payment may take to its next state when nobody was killed:
// less than the broker waits for the word of somebody who took a message along.
const promptly = bus.AckWait - 10*time.Second

// drive begins a load. orders is the order system that it plays.
func drive(ctx context.Context, s *stack.Stack, orders *api.Client, patience time.Duration) *traffic {
	at := s.URLs().Simulator
	l := &traffic{done: make(chan error, 1), patience: patience, env: demo.Env{
		API: orders, Computop: api.NewComputop(at, atOnce), Axerve: api.NewAxerve(at, atOnce), ECommPay: api.NewECommPay(at, atOnce),
	}}
	go func() { l.done <- l.run(ctx) }()
	return l
}

func (l *traffic) run(ctx context.Context) error {
	for !l.enough.Load() {
		r, err := demo.Run(ctx, l.env, demo.Options{
			Payments: 30, Concurrency: atOnce, Plain: true, Patience: l.patience, Progress: func(n int) { l.through.Add(int64(n)) },
		})
		l.outcomes = append(l.outcomes, r.Outcomes...)
		if err != nil {
			return err
		}
	}
	return nil
}

// mustGoOn waits until further payments have ended: what meets none proves nothing.
func (l *traffic) mustGoOn(ctx context.Context, t *testing.T) {
	t.Helper()
	for before := l.through.Load(); l.through.Load() == before; {
		select {
		case err := <-l.done:
			t.Fatalf("the load has ended: %v", err)
		case <-ctx.Done():
			t.Fatal("no payment comes through any more")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// checkEnd ends the load and checks that every payment ended as it must.
func (l *traffic) checkEnd(t *testing.T) {
	t.Helper()
	l.enough.Store(true)
	if err := <-l.done; err != nil {
		t.Fatalf("the load: %v", err)
	}
	for _, o := range l.outcomes {
		if o.Err != nil {
			t.Errorf("%s: %v", o.Scenario, o.Err)
		}
	}
}
