package worker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
	"github.com/payloom/payloom/pkg/wire"
)

// turn returns the command that compares the rig's payment in a turn.
func (r *rig) turn(n string) payment.Command {
	c := r.command(payment.Sync, "", 0)
	c.ReqID = payment.ReconcileReqID(r.id, n)
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

// captured brings a payment to captured.
func (r *rig) captured(minor int64) {
	r.t.Helper()
	r.authorized(minor)
	checkStatus(r.t, r.bring(r.worker(), r.command(payment.Capture, "cap", minor)), payment.OpSucceeded)
}

// byHand has a clerk refund so much.
func (r *rig) byHand(minor int64) {
	r.fake.ByHand(providertest.Effect{Payment: r.id, Kind: payment.Refund, Amount: payment.Money{Minor: minor, Currency: "EUR"}})
}

// noted returns the breaks that the payment's events tell of, in order.
func (r *rig) noted() []payment.Break {
	r.t.Helper()
	var all []payment.Break
	for _, stream := range r.bus.EventStreams() {
		err := r.bus.Follow(r.t.Context(), stream, bus.FollowOptions{From: 1, ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
			for _, m := range batch {
				rec, err := wire.UnmarshalRecord(m.Data)
				if d, ok := rec.Event.Data.(payment.ReconcileBreak); ok && rec.Event.Payment == r.id {
					all = append(all, d.Break)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return all
}

// butBreaks compares payments without what comparisons leave behind.
var butBreaks = cmp.Options{cmpopts.IgnoreFields(payment.Payment{}, "Version", "UpdatedAt", "Synced", "SyncedAt", "SyncedBefore", "Breaks")}

// TestReconcile_FindsOnceClosesOnce has four turns look at a refund by hand: the
// first notes it, the second does not, the third finds it taken back, the fourth
// nothing at all. Nothing else about the payment changes.
func TestReconcile_FindsOnceClosesOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.captured(1000)
	before := r.head().Payment
	r.byHand(250)
	for _, n := range []string{"1", "2"} {
		c := r.turn(n)
		r.bring(r.worker(), c)
		if p := r.head().Payment; p.Synced != c.ID || len(p.Breaks) != 1 {
			t.Errorf("turn %s: synced by %q, breaks %+v", n, p.Synced, p.Breaks)
		}
	}
	if diff := cmp.Diff(before, r.head().Payment, butBreaks); diff != "" {
		t.Errorf("a comparison changed the payment (-before +after):\n%s", diff)
	}
	r.fake.Undo(r.id, payment.Refund)
	r.bring(r.worker(), r.turn("3"))
	r.bring(r.worker(), r.turn("4"))
	all := r.noted()
	if len(all) != 2 || all[0].Status != payment.BreakOpen || all[0].There != 250 || all[1].Status != payment.BreakHealed || all[1].ID != all[0].ID {
		t.Errorf("noted %+v, want one found and healed", all)
	}
	if diff := cmp.Diff(before, r.head().Payment, butBreaks); diff != "" || len(r.head().Payment.Breaks) > 0 {
		t.Errorf("left behind: %v %s", r.head().Payment.Breaks, diff)
	}
	r.checkOnce(payment.Capture, 1)
}

// TestReconcile_TwoRunnersAtOnce has many workers compare in different turns at the
// same time: one break is one event.
func TestReconcile_TwoRunnersAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.captured(1000)
	r.byHand(250)
	w := r.worker()
	var all sync.WaitGroup
	for _, n := range []string{"1", "1", "2", "2", "3", "3"} {
		all.Go(func() {
			for err := w.Handle(t.Context(), r.turn(n)); err != nil; err = w.Handle(t.Context(), r.turn(n)) {
				if !errors.As(err, new(laterError)) {
					t.Errorf("turn %s: %v", n, err)
					return
				}
			}
		})
	}
	all.Wait()
	if noted := r.noted(); len(noted) != 1 {
		t.Errorf("one break is %d events: %+v", len(noted), noted)
	}
}

// TestReconcile_AttachesAnOutcome compares a payment whose capture nobody knows the
// end of: it gets its end, and no break.
func TestReconcile_AttachesAnOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000, lostAfter)
	take := r.command(payment.Capture, "cap", 1000)
	r.deliver(r.worker(), take)
	op, _ := r.head().Payment.Operation(take.ID)
	checkStatus(t, op, payment.OpUnknown)
	r.bring(r.worker(), r.turn("1"))
	op, _ = r.head().Payment.Operation(take.ID)
	checkStatus(t, op, payment.OpSucceeded)
	if p := r.head().Payment; p.Captured != 1000 || len(r.noted()) > 0 {
		t.Errorf("captured %d, noted %+v", p.Captured, r.noted())
	}
	r.checkOnce(payment.Capture, 1)
}

// meddler is a provider at which something happens while its books are read.
type meddler struct {
	*providertest.Fake
	once   sync.Once
	meddle func()
}

func (m *meddler) Books(ctx context.Context, c provider.Call) (payment.Statement, error) {
	says, err := m.Fake.Books(ctx, c)
	m.once.Do(m.meddle)
	return says, err
}

// TestReconcile_MovedMeanwhile reads the books just before a refund of ours, and
// would store what it compared just after.
func TestReconcile_MovedMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.captured(1000)
	w := r.worker()
	w.provider = &meddler{Fake: r.fake, meddle: func() {
		checkStatus(t, r.bring(r.worker(), r.command(payment.Refund, "ref", 300)), payment.OpSucceeded)
	}}
	c := r.turn("1")
	r.bring(w, c)
	if p := r.head().Payment; p.Refunded != 300 || p.Synced != c.ID || len(r.noted()) > 0 {
		t.Errorf("refunded %d, synced by %q, noted %+v", p.Refunded, p.Synced, r.noted())
	}
}

// TestReconcile_GivesUp compares while the provider is away for longer than a
// comparison waits.
func TestReconcile_GivesUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.captured(1000)
	before := r.head().Payment
	r.fake.Down(true)
	c := r.turn("1")
	r.deliver(r.worker(), c)
	if p := r.head().Payment; p.Version != before.Version {
		t.Errorf("given up at once: %+v", p.Rejected)
	}
	c.At = c.At.Add(-time.Hour)
	r.bring(r.worker(), c)
	p := r.head().Payment
	if p.Synced == c.ID || !p.Answered(c.ID) || len(p.Rejected) != 0 || len(r.noted()) > 0 {
		t.Errorf("synced by %q, rejected %v, noted %+v", p.Synced, p.Rejected, r.noted())
	}
}

// closed is a guard that lets nobody through.
type closed struct{ unguarded }

func (closed) Enter(_ context.Context, a protection.Ask) (protection.Pass, protection.Wait) {
	return free{}, protection.Wait{For: time.Minute, Until: protection.ForOperator}
}

// TestReconcile_WaitsForLeave compares while an operator has paused the provider.
func TestReconcile_WaitsForLeave(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.captured(1000)
	before := r.head().Payment.Version
	_, asked := r.fake.Calls()
	w := r.worker()
	w.guard = closed{}
	r.deliver(w, r.turn("1"))
	if _, now := r.fake.Calls(); now != asked || r.head().Payment.Version != before || r.wake.count() == 0 {
		t.Errorf("asked %d times without leave, version %d, %d timers", now-asked, r.head().Payment.Version, r.wake.count())
	}
}
