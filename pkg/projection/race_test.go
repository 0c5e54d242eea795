package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/testkit"
)

// load settles payments from several goroutines until n are done.
func (w *world) load(t *testing.T, prefix string, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < n; i += 4 {
				w.settle(t, fmt.Sprintf("%s%d", prefix, i))
			}
		})
	}
	wg.Wait()
}

// checkWhole compares the rows with n payments that settle has played.
func (w *world) checkWhole(t *testing.T, n int) {
	t.Helper()
	for sql, want := range map[string]int{
		"SELECT count(*) FROM payments WHERE state = 'partially_refunded' AND version = 11 AND captured = 600 AND refunded = 200": n,
		"SELECT count(*) FROM events":   11 * n,
		"SELECT count(*) FROM commands": 5 * n,
		"SELECT count(*) FROM operations WHERE status IN ('succeeded', 'rejected') AND accepted_at IS NOT NULL": 5 * n,
	} {
		if got := w.count(t, sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
}

func TestProjector_TwoRacing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a, _ := w.project(t, w.bus, Options{Batch: 7, Wait: time.Millisecond})
	b, _ := w.project(t, w.bus, Options{Batch: 13, Wait: time.Millisecond})
	w.load(t, "p", 24)
	w.caughtUp(t, a)
	w.caughtUp(t, b)
	w.checkWhole(t, 24)
}

// Both projectors wake those who wait, whichever of them commits.
func TestProjector_TheLoserOfARaceWakesItsReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	first, second := NewWatchers(), NewWatchers()
	w.project(t, w.bus, Options{Watchers: first})
	w.project(t, w.bus, Options{Watchers: second})
	for i := range 10 {
		id := fmt.Sprintf("p%d", i)
		open := authorize(id)
		k := Key{open.Merchant, open.Payment}
		one, stopOne := first.Watch(k)
		two, stopTwo := second.Watch(k)
		w.accept(t, open)
		w.tell(t, open, started(open))
		for what, ch := range map[string]<-chan struct{}{"first": one, "second": two} {
			select {
			case <-ch:
			case <-time.After(patience):
				t.Fatalf("the reader of the %s projector was not woken for %s", what, id)
			}
		}
		stopOne()
		stopTwo()
	}
	if first.Len() != 0 {
		t.Errorf("%d are still waited for", first.Len())
	}
}

// The database throws the projector out again and again, at moments that fall
// before, within and after its transactions.
func TestProjector_SurvivesTheLossOfItsConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p, _ := w.project(t, w.bus, Options{Batch: 5, Wait: time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var kills atomic.Int64
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		killer, err := open(ctx, w.dsn, "killer", Live, 0)
		if err != nil {
			return
		}
		defer killer.Close()
		for ctx.Err() == nil {
			var n int64
			err := killer.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'test'`).Scan(&n)
			if err == nil {
				kills.Add(n)
			}
			_ = sleep(ctx, 15*time.Millisecond)
		}
	}()
	w.load(t, "p", 30)
	testkit.Eventually(t, patience, func() error {
		if kills.Load() < 20 {
			return errors.New("too few connections were killed")
		}
		return nil
	})
	stop()
	<-killed
	testkit.Eventually(t, patience, func() error { return w.pool.Ping(t.Context()) })
	w.caughtUp(t, p)
	w.checkWhole(t, 30)
}

// What is read twice counts once: the rows are there, and the checkpoint was set
// back as a restored backup of that one table would.
func TestProjector_RepeatsOfEventsHaltRatherThanCountTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "p1")
	p, stop := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	stop()
	if _, err := w.pool.Exec(t.Context(), "DELETE FROM checkpoints WHERE stream = 'EVENTS_0'"); err != nil {
		t.Fatal(err)
	}
	again, _ := w.project(t, w.bus, Options{})
	checkHalts(t, again, Version)
	w.checkWhole(t, 1)
}

// Rows that are there before their turn, with nothing else wrong, are no harm:
// COPY gives way to INSERT.
func TestProjector_PassesOverRowsThatAreThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.load(t, "p", 12) // enough for a COPY
	p, stop := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	stop()
	if _, err := w.pool.Exec(t.Context(), "DELETE FROM payments; DELETE FROM operations; DELETE FROM checkpoints"); err != nil {
		t.Fatal(err)
	}
	again, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, again)
	w.checkWhole(t, 12)
}

// A projector that has read on reads again from where a restored database stands.
func TestProjector_FollowsADatabaseThatWentBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "p1")
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	_, err := w.pool.Exec(t.Context(), `TRUNCATE payments, operations, refs, events, commands, callbacks, dead_letters, checkpoints`)
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t, "p2")
	w.caughtUp(t, p)
	w.checkWhole(t, 2)
}

func TestProjector_LagTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "p1")
	lags, err := New(w.bus, w.pool, Options{}).Lag(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, l := range lags {
		got[l.Stream] = l.Messages
		if l.Messages > 0 && l.Age <= 0 {
			t.Errorf("%s is behind by no time", l.Stream)
		}
	}
	if got[events0] != 11 || got["COMMANDS_0"] != 5 || got[bus.CallbackStream] != 0 {
		t.Errorf("lags are %v", got)
	}
}
