package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
)

// TestDispatcher_CrashBeforeTheNote takes the database away from a sender that has
// sent: the next one sends again, under the same id.
func TestDispatcher_CrashBeforeTheNote(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	doomed := w.open(t)
	e := newEndpoint(t, "k", func(n int, _ http.ResponseWriter) {
		if n == 0 {
			doomed.Close()
		}
	})
	w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	w.follow(t, w.bus, nil)
	w.authorize(t, "demo", "p1")
	w.settled(t, "demo", statePending, 1)
	run(t, w.dispatcher(t, doomed).Run)
	e.await(t, 1)

	d := w.dispatcher(t, w.pool)
	run(t, d.Run)
	d.round(t.Context())
	if n := len(e.receipts()); n != 1 {
		t.Errorf("%d messages before the first sender can be given up", n)
	}
	w.clock.set(w.clock.Now().Add(lease))
	d.Wake()
	all := e.await(t, 2)
	w.settled(t, "demo", stateDelivered, 1)
	if all[0].id != all[1].id {
		t.Errorf("the repeat has another id: %s, %s", all[0].id, all[1].id)
	}
	if all[0].body.Data.Event != all[1].body.Data.Event {
		t.Error("the repeat tells something else")
	}
}

// TestReplicas_SendOnce has three followers and four senders on the same rows.
func TestReplicas_SendOnce(t *testing.T) {
	t.Parallel()
	const payments = 60
	w := newWorld(t, 2)
	e := newEndpoint(t, "k", nil)
	w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	var all []*Dispatcher
	for range 4 {
		d := w.dispatcher(t, w.pool)
		run(t, d.Run)
		all = append(all, d)
	}
	wake := func() {
		for _, d := range all {
			d.Wake()
		}
	}
	for range 3 {
		w.follow(t, w.bus, wake)
	}
	for i := range payments {
		w.authorize(t, "demo", fmt.Sprintf("p%d", i))
	}
	w.settled(t, "demo", stateDelivered, payments)
	checkOnce(t, e.await(t, payments), payments)
	if n := w.count(t, "SELECT max(attempts) FROM webhook_deliveries"); n != 1 {
		t.Errorf("a message was taken %d times", n)
	}
}

func TestRestart_Resumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", nil)
	w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	w.authorize(t, "demo", "before") // nobody follows yet
	for i := range 3 {
		_, stop := w.deliver(t)
		w.authorize(t, "demo", fmt.Sprintf("during-%d", i))
		w.settled(t, "demo", stateDelivered, 2*i+2)
		stop()
		w.authorize(t, "demo", fmt.Sprintf("between-%d", i))
	}
	w.deliver(t)
	w.settled(t, "demo", stateDelivered, 7)
	checkOnce(t, e.receipts(), 7)
}

// delayed is a source whose clock is ahead.
type delayed struct {
	*bus.Bus
	by time.Duration
}

// StreamState implements Source.
func (d delayed) StreamState(ctx context.Context, stream string) (bus.State, error) {
	s, err := d.Bus.StreamState(ctx, stream)
	s.Now = s.Now.Add(d.by)
	return s, err
}

func TestFollower_BeginsThreeDaysBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		later time.Duration
		want  int
	}{
		"events of the last three days are told": {Horizon - time.Hour, 3},
		"older ones are not":                     {Horizon + time.Hour, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.merchant("demo", `url: "https://shop.example/", secrets: [{id: a, ref: "env:k"}]`)
			for i := range 3 {
				w.authorize(t, "demo", fmt.Sprintf("old-%d", i))
			}
			w.follow(t, delayed{w.bus, tt.later}, nil)
			testkit.Eventually(t, patience, func() error {
				if n := w.count(t, "SELECT count(*) FROM webhook_checkpoints"); n != 1 {
					return fmt.Errorf("%d checkpoints", n)
				}
				return nil
			})
			w.authorize(t, "demo", "new")
			w.settled(t, "demo", statePending, tt.want+1)
		})
	}
}

func TestFollower_AnotherStream(t *testing.T) {
	t.Parallel()
	for name, payments := range map[string]int{"that is shorter": 0, "that is as long": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.merchant("demo", `url: "https://shop.example/", secrets: [{id: a, ref: "env:k"}]`)
			w.authorize(t, "demo", "p1")
			stop := w.follow(t, w.bus, nil)
			w.settled(t, "demo", statePending, 1)
			stop()

			other := newWorld(t, 1)
			for i := range payments {
				other.authorize(t, "demo", fmt.Sprint(i))
			}
			f := NewFollower(other.bus, w.accounts(t), w.pool, FollowerOptions{Log: quiet(t)})
			stop = run(t, f.Run)
			testkit.Eventually(t, patience, func() error {
				err := f.Check(t.Context())
				if errors.Is(err, ErrOtherStream) {
					return nil
				}
				return errors.Join(errors.New("Check does not say that the stream is another"), err)
			})
			stop()
			if n := w.count(t, "SELECT count(*) FROM webhook_deliveries"); n != 1 {
				t.Errorf("%d messages, want the one of before", n)
			}
		})
	}
}

// spoilt is a source that spoils or leaves out what stands at a sequence.
type spoilt struct {
	*bus.Bus
	bad, missing uint64
}

// Follow implements Source.
func (s spoilt) Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error {
	return s.Bus.Follow(ctx, stream, o, func(ctx context.Context, batch []bus.Message) error {
		var left []bus.Message
		for _, m := range batch {
			if m.Seq == s.bad {
				m.Data = []byte("\xff\xff")
			}
			if m.Seq != s.missing {
				left = append(left, m)
			}
		}
		if len(left) == 0 {
			return nil
		}
		return handle(ctx, left)
	})
}

func TestFollower_GoesOnAfterWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]spoilt{"an event that nobody can read": {bad: 3}, "a gap": {missing: 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.merchant("demo", `url: "https://shop.example/", secrets: [{id: a, ref: "env:k"}]`)
			src.Bus = w.bus
			stats := NewStats(w.pool)
			run(t, NewFollower(src, w.accounts(t), w.pool, FollowerOptions{Stats: stats}).Run)
			w.authorize(t, "demo", "p1") // told by the event at 3
			w.authorize(t, "demo", "p2")
			w.settled(t, "demo", statePending, 1)
			unread := testutil.ToFloat64(stats.total.WithLabelValues(resultUndecodable))
			missed := testutil.ToFloat64(stats.missed.WithLabelValues(w.bus.EventStreams()[0]))
			if unread+missed != 1 || (unread == 1) != (src.bad > 0) {
				t.Errorf("counted %v unreadable and %v missing", unread, missed)
			}
		})
	}
}

func TestUpkeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", nil)
	w.merchant("demo", `id: here, url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`, `id: gone, url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	stop := w.follow(t, w.bus, nil)
	w.authorize(t, "demo", "p1")
	w.settled(t, "demo", statePending, 2)
	stop()
	w.yaml = nil
	w.merchant("demo", `id: here, url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	d, stop := w.deliver(t)
	w.settled(t, "demo", stateDelivered, 1)
	stop()
	look := func(later time.Duration) (pending, expired, all int) {
		w.clock.set(w.clock.Now().Add(later))
		d.round(t.Context())
		return w.count(t, "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'"),
			w.count(t, "SELECT count(*) FROM webhook_deliveries WHERE state = 'expired'"),
			w.count(t, "SELECT count(*) FROM webhook_deliveries")
	}
	for _, step := range []struct {
		later time.Duration
		want  [3]int
	}{
		{Horizon, [3]int{1, 0, 2}}, {slack + time.Minute, [3]int{0, 1, 2}},
		{27 * 24 * time.Hour, [3]int{0, 1, 1}}, {4 * 24 * time.Hour, [3]int{0, 0, 0}},
	} {
		pending, expired, all := look(step.later)
		if got := [3]int{pending, expired, all}; got != step.want {
			t.Errorf("%v later: pending, expired, all are %v, want %v", step.later, got, step.want)
		}
	}
}

func TestResume_SendsAgainWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", nil)
	w.merchant("demo", `id: orders, url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	stop := w.follow(t, w.bus, nil)
	w.authorize(t, "demo", "p1")
	w.settled(t, "demo", statePending, 1)
	stop()
	begin := w.clock.Now()
	w.clock.set(begin.Add(Horizon + slack))
	d := w.dispatcher(t, w.pool)
	if err := d.upkeep(t.Context(), w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(t.Context(), w.pool, Key{"demo", "orders"}, w.clock.Now().Add(time.Hour)); !errors.Is(err, ErrNotHeld) {
		t.Errorf("nothing to do: %v", err)
	}
	again, err := Resume(t.Context(), w.pool, Key{"demo", "orders"}, begin)
	if err != nil || again != 1 {
		t.Fatalf("%d, %v; want one message back in line", again, err)
	}
	run(t, d.Run)
	checkOnce(t, e.await(t, 1), 1)
	w.settled(t, "demo", stateDelivered, 1)
	list, err := Of(t.Context(), w.pool, "demo", "p1")
	if err != nil || len(list) != 1 || list[0].State != stateDelivered || list[0].LastStatus != 200 || list[0].Version != 3 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestRebuild_LeavesDeliveries swaps the projection under a sender.
func TestRebuild_LeavesDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", nil)
	w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	w.deliver(t)
	w.authorize(t, "demo", "p1")
	w.settled(t, "demo", stateDelivered, 1)
	report, err := projection.Rebuild(t.Context(), w.bus, w.dsn, projection.RebuildOptions{Swap: true, Force: true})
	if err != nil || !report.Swapped {
		t.Fatalf("%+v, %v", report, err)
	}
	w.authorize(t, "demo", "p2")
	w.settled(t, "demo", stateDelivered, 2)
	checkOnce(t, e.receipts(), 2)
}

func TestStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", func(n int, rw http.ResponseWriter) { rw.WriteHeader([]int{200, 410}[min(n, 1)]) })
	w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	stats := NewStats(w.pool)
	stats.clock = w.clock.Now
	d := NewDispatcher(w.accounts(t), w.pool, Options{Guard: Guard{Loopback: true}, Clock: w.clock.Now, Stats: stats})
	run(t, d.Run)
	run(t, NewFollower(w.bus, w.accounts(t), w.pool, FollowerOptions{Wake: d.Wake, Clock: w.clock.Now, Stats: stats}).Run)
	w.authorize(t, "demo", "p1")
	w.settled(t, "demo", stateDelivered, 1)
	w.authorize(t, "demo", "p2")
	testkit.Eventually(t, patience, func() error {
		if n := w.count(t, "SELECT count(*) FROM webhook_endpoints"); n != 1 {
			return fmt.Errorf("%d endpoints are disabled", n)
		}
		return nil
	})
	w.clock.set(w.clock.Now().Add(90 * time.Second))
	want := `
# HELP payloom_webhook_endpoints_disabled Endpoints that answered 410 and wait for a person to resume them.
# TYPE payloom_webhook_endpoints_disabled gauge
payloom_webhook_endpoints_disabled 1
# HELP payloom_webhook_oldest_undelivered_seconds Age of the oldest webhook that was not delivered yet; 0: there is none.
# TYPE payloom_webhook_oldest_undelivered_seconds gauge
payloom_webhook_oldest_undelivered_seconds 90
# HELP payloom_webhooks_pending Webhooks that were not delivered yet.
# TYPE payloom_webhooks_pending gauge
payloom_webhooks_pending 1
# HELP payloom_webhooks_total Webhooks by what became of them; failed attempts are counted each.
# TYPE payloom_webhooks_total counter
payloom_webhooks_total{result="delivered"} 1
payloom_webhooks_total{result="expired"} 0
payloom_webhooks_total{result="failed"} 1
payloom_webhooks_total{result="gone"} 1
payloom_webhooks_total{result="queued"} 2
payloom_webhooks_total{result="undecodable"} 0
`
	testkit.Eventually(t, patience, func() error {
		return testutil.CollectAndCompare(stats, strings.NewReader(want), "payloom_webhooks_total", "payloom_webhooks_pending",
			"payloom_webhook_oldest_undelivered_seconds", "payloom_webhook_endpoints_disabled")
	})
}

func TestCheckMigrated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	if err := CheckMigrated(t.Context(), w.pool); err != nil {
		t.Error(err)
	}
	if _, err := w.pool.Exec(t.Context(), "DELETE FROM payloom.goose_db_version WHERE version_id = 101"); err != nil {
		t.Fatal(err)
	}
	if err := CheckMigrated(t.Context(), w.pool); !errors.Is(err, ErrNotMigrated) || !strings.Contains(err.Error(), "0101_webhooks_sealed.sql") {
		t.Errorf("with tables of the version before: %v", err)
	}
	if _, err := w.pool.Exec(t.Context(), "INSERT INTO payloom.goose_db_version (version_id, is_applied) VALUES (101, true), (9999, true)"); err != nil {
		t.Fatal(err)
	}
	if err := CheckMigrated(t.Context(), w.pool); err != nil {
		t.Errorf("with tables of the version after: %v", err)
	}
	if _, err := w.pool.Exec(t.Context(), "DROP TABLE webhook_deliveries"); err != nil {
		t.Fatal(err)
	}
	if err := CheckMigrated(t.Context(), w.pool); !errors.Is(err, ErrNotMigrated) {
		t.Errorf("without tables: %v", err)
	}
}
