package projection

import (
	"errors"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
)

const events0 = "EVENTS_0"

// checkHalts waits for a halt of the events for a cause.
func checkHalts(t *testing.T, p *Projector, want HaltCause) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		halt, ok := errors.AsType[*Halt](p.Err())
		if !ok {
			return errors.New("it has not halted")
		}
		if halt.Stream != events0 || halt.Cause != want {
			t.Fatalf("halted with %v, want the cause %s", halt, want)
		}
		return nil
	})
}

func TestProjector_HaltsAtAGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "p1")
	p, _ := w.project(t, without(w.bus, events0, 4), Options{Batch: 3})
	checkHalts(t, p, Gap)
	if got := w.count(t, "SELECT max(seq) FROM events"); got != 3 {
		t.Errorf("events up to %d are projected, want 3", got)
	}
	// Other streams are no worse off.
	testkit.Eventually(t, patience, func() error {
		if w.count(t, "SELECT count(*) FROM commands") != 5 {
			return errors.New("commands are not projected")
		}
		return nil
	})
}

func TestProjector_HaltsAtStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src   func(w *world) Source
		cause HaltCause
	}{
		"when the stream ends before the checkpoint": {
			func(w *world) Source {
				return edited{Bus: w.bus, state: func(stream string, s bus.State) bus.State {
					if stream == events0 {
						s.LastSeq = 5
					}
					return s
				}}
			}, Truncated},
		"when another message stands at the checkpoint": {
			func(w *world) Source { return garbled(w.bus, events0, 11, []byte("other")) }, Replaced},
		"when the message at the checkpoint is gone": {
			func(w *world) Source { return without(w.bus, events0, 11) }, Gap},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.settle(t, "p1")
			p, stop := w.project(t, w.bus, Options{})
			w.caughtUp(t, p)
			stop()
			again, _ := w.project(t, c.src(w), Options{})
			checkHalts(t, again, c.cause)
		})
	}
}

func TestProjector_HaltsWhenTheStreamForgotWhatIsNotProjected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "p1")
	p, _ := w.project(t, forgetful(w.bus, map[string]uint64{events0: 5}), Options{})
	checkHalts(t, p, Expired)
}

func TestProjector_GoesOnWhenOnlyProjectedMessagesExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "p1")
	p, stop := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	stop()
	w.settle(t, "p2")
	again, _ := w.project(t, forgetful(w.bus, map[string]uint64{events0: 12}), Options{})
	w.caughtUp(t, again)
	if got := w.count(t, "SELECT count(*) FROM events"); got != 22 {
		t.Errorf("%d events, want 22", got)
	}
}

// An event that is not the next of its payment cannot come about by the bus; so
// the rows are made to disagree with it.
func TestProjector_HaltsWhenAnEventDoesNotFollow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql   string
		cause HaltCause
	}{
		"by its number": {"UPDATE payments SET version = version + 1", Version},
		"by its hash":   {`UPDATE payments SET last_hash = '\x00'`, Chain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			open := w.accept(t, authorize("p1"))
			w.tell(t, open, started(open))
			p, _ := w.project(t, w.bus, Options{})
			w.caughtUp(t, p)
			if _, err := w.pool.Exec(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			w.tell(t, open, payment.OperationSucceeded{Amount: 1000})
			checkHalts(t, p, c.cause)
			if got := w.count(t, "SELECT count(*) FROM events"); got != 1 {
				t.Errorf("%d events are projected, want 1", got)
			}
		})
	}
}
