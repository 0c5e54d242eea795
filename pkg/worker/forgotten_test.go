package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/testkit"
)

// TestHandle_RequestAgainAfterItWasForgotten: requests come again after the command
// stream has forgotten them, through the queue as they did before. The ledger knows them.
func TestHandle_RequestAgainAfterItWasForgotten(t *testing.T) {
	t.Parallel()
	topology := bus.Topology{Shards: 2}
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, topology)
	r := rigOn(t, bustest.Connect(t, cfg, "test"), provider.T3)
	handled := r.serve()
	open, take := r.command(payment.Authorize, "open", 1000), r.command(payment.Capture, "cap", 400)
	lost := r.command(payment.Capture, "refused", 5000)
	for _, cmd := range []payment.Command{open, take, lost} {
		r.accept(cmd)
		r.await(cmd)
	}
	before := r.head()
	bustest.Forget(t, cfg, topology)
	for _, cmd := range []payment.Command{open, take, lost} {
		drain(handled)
		r.accept(cmd) // for the broker it is a new one
		awaitHandled(t, handled, cmd)
	}
	if after := r.head(); after.Seq != before.Seq {
		t.Errorf("%d events were stored for what came again", after.Payment.Version-before.Payment.Version)
	}
	if n, _ := r.fake.Calls(); n != 2 {
		t.Errorf("%d calls, want one for each of the two that were carried out", n)
	}
	r.checkOnce(payment.Authorize, 1)
	r.checkOnce(payment.Capture, 1)
}

// TestHandle_OldReqIDForAnotherPayment: what ADR 8 says of a request id that is used for
// another payment after the stream has forgotten it, and that another request id does not
// open a payment a second time.
func TestHandle_OldReqIDForAnotherPayment(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	r := rigOn(t, bustest.Connect(t, cfg, "test"), provider.T3)
	r.serve()
	open := r.command(payment.Authorize, "open", 1000)
	r.accept(open)
	r.await(open)
	other := open
	other.Payment += "-other"
	if _, _, err := r.bus.Accept(t.Context(), other); !errors.Is(err, bus.ErrReqIDReused) {
		t.Errorf("while the stream knows it: %v, want ErrReqIDReused", err)
	}
	bustest.Forget(t, cfg, bus.Topology{})
	r.accept(other)
	second := r.command(payment.Authorize, "again", 1000)
	r.accept(second)
	r.await(second)
	if p := r.head().Payment; len(p.Operations) != 1 || p.Authorized != 1000 {
		t.Errorf("the payment has %d operations over %d, want the one it was opened by", len(p.Operations), p.Authorized)
	}
	r.id = other.Payment
	r.await(other)
	r.checkAuthorizedOnce(open.Payment, other.Payment)
}

// serve has a worker take the commands from the queue, and returns those that it has
// handled.
func (r *rig) serve() <-chan payment.CommandID {
	handled := make(chan payment.CommandID, 1000)
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	w := r.worker()
	w.timers, w.limits.SendWindow = r.bus, 5*time.Second
	go func() {
		ended <- r.bus.ConsumeCommands(ctx, payment.Computop, bus.ConsumeOptions{}, func(ctx context.Context, c payment.Command) error {
			err := w.Handle(ctx, c)
			if err == nil {
				handled <- c.ID
			}
			return err
		})
	}()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	return handled
}

func drain(handled <-chan payment.CommandID) {
	for len(handled) > 0 {
		<-handled
	}
}

func awaitHandled(t *testing.T, handled <-chan payment.CommandID, cmd payment.Command) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case id := <-handled:
			if id == cmd.ID {
				return
			}
		case <-late:
			t.Fatalf("%s was not handled again", cmd.Kind)
		}
	}
}

// accept stores cmd as one that was never seen.
func (r *rig) accept(cmd payment.Command) {
	r.t.Helper()
	if _, replayed, err := r.bus.Accept(r.t.Context(), cmd); err != nil || replayed {
		r.t.Fatalf("accept %s: replayed %v, %v", cmd.Kind, replayed, err)
	}
}

// await waits until cmd has had its end.
func (r *rig) await(cmd payment.Command) {
	r.t.Helper()
	testkit.Eventually(r.t, time.Minute, func() error {
		d := payment.Decide(r.head().Payment, cmd, time.Now(), payment.Rules{Kinds: payment.Kinds()})
		if d.Verdict != payment.Done {
			return errors.New(string(cmd.Kind) + " has no end")
		}
		return nil
	})
}

// checkAuthorizedOnce checks that each of the payments was authorised, once.
func (r *rig) checkAuthorizedOnce(ids ...payment.ID) {
	r.t.Helper()
	got := map[payment.ID]int{}
	for _, e := range r.fake.Effects() {
		got[e.Payment]++
	}
	for _, id := range ids {
		if got[id] != 1 || len(got) != len(ids) {
			r.t.Errorf("payment %s took effect %d times, of %v", id, got[id], got)
		}
	}
}
