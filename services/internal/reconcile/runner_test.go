package reconcile

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
)

// TestRunner_FindsOnceClosesOnce lets runs look at a refund by hand until it is taken
// back: it is found once, told once, and closed once.
func TestRunner_FindsOnceClosesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.captured("a", "b", "c")
	w.byHand("b", 250)
	if run := w.pass(false); run.Asked != 3 {
		t.Errorf("asked about %d payments, want 3", run.Asked)
	}
	list, err := Breaks(t.Context(), w.db, Filter{Status: payment.BreakOpen})
	if err != nil || len(list) != 1 || list[0].Payment != "b" || list[0].Kind != payment.MissingHere || list[0].There != 250 || list[0].Currency != "EUR" {
		t.Fatalf("breaks %+v, %v", list, err)
	}
	if run := w.pass(false); run.Asked != 1 {
		t.Errorf("the second run asks about %d payments, want the one that differs", run.Asked)
	}
	if run := w.pass(true); run.Asked != 3 {
		t.Errorf("a run of everything asks about %d payments", run.Asked)
	}
	w.fake.Undo("b", payment.Refund)
	w.pass(false)
	w.until(1, "SELECT count(*) FROM reconcile_breaks WHERE status = 'healed'")
	if run := w.pass(false); run.Asked != 0 {
		t.Errorf("all agrees, and %d payments are asked about", run.Asked)
	}
	if n := w.count("SELECT count(*) FROM events WHERE type = 'ReconcileBreak'"); n != 2 {
		t.Errorf("%d events of one break, want found and healed", n)
	}
	if n := w.count("SELECT count(*) FROM payments WHERE state <> 'captured' OR captured <> 1000 OR refunded <> 0 OR attention"); n != 0 {
		t.Errorf("comparing changed %d payments", n)
	}
}

// TestRunner_TwoAtOnce has two runners carry out one run at the same time, without the
// lock that would keep one of them off.
func TestRunner_TwoAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.captured("a", "b", "c", "d")
	w.byHand("b", 250)
	run, err := Want(t.Context(), w.db, true)
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := w.runner().carryOut(t.Context(), run); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	w.until(4, answered)
	w.until(1, "SELECT count(*) FROM reconcile_breaks")
	if n := w.count("SELECT count(*) FROM commands WHERE kind = 'sync'"); n != 4 {
		t.Errorf("%d questions about four payments", n)
	}
	if n := w.count("SELECT count(*) FROM events WHERE type = 'ReconcileBreak'"); n != 1 {
		t.Errorf("one break is %d events", n)
	}
}

// TestAlone_KeepsTheOtherOff holds the lock, and lets it go.
func TestAlone_KeepsTheOtherOff(t *testing.T) {
	t.Parallel()
	db := newRows(t)
	got, err := alone(t.Context(), db, func() error {
		second, err := alone(t.Context(), db, func() error { return errFull })
		if second || err != nil {
			t.Errorf("two at once: %t, %v", second, err)
		}
		return nil
	})
	if !got || err != nil {
		t.Errorf("the first: %t, %v", got, err)
	}
	if got, err := alone(t.Context(), db, func() error { return nil }); !got || err != nil {
		t.Errorf("the next: %t, %v", got, err)
	}
}

const many = 10_000

// plant makes rows of captured payments, as many as asked for.
func plant(t *testing.T, r *Runner, n int) {
	t.Helper()
	if _, err := projection.Keep(t.Context(), r.db, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`INSERT INTO payments (merchant, payment_id, provider, account, state, settled, version, shard, last_seq, last_hash, currency, amount,
			authorized, captured, refunded, capturable, refundable, capture_mode, attention, frozen, opened_by, kind, created_at, updated_at)
		SELECT 'demo', 'p' || lpad(i::text, 6, '0'), 'computop', '', 'captured', true, 3, 0, i, '', 'EUR', 1000, 1000, 1000, 0, 0, 1000, 'manual',
			false, '', 'c' || i, 'authorize', now() - interval '1 hour', now() FROM generate_series(1, $1::int) i`,
		`INSERT INTO operations (merchant, payment_id, command_id, provider, kind, status, version, currency, amount, effect, reason, code, ref,
			attempts, at, accepted_at)
		SELECT 'demo', 'p' || lpad(i::text, 6, '0'), 'c' || i, 'computop', 'authorize', 'succeeded', 3, 'EUR', 1000, 1000, '', '', '', 1,
			now() - interval '1 hour', now() - interval '1 hour' FROM generate_series(1, $1::int) i`,
		`INSERT INTO commands (merchant, command_id, accepted_at, req_id, payment_id, provider, account, kind, fingerprint, shard, seq)
		SELECT 'demo', 'c' || i, now() - interval '1 hour', 'r' || i, 'p' || lpad(i::text, 6, '0'), 'computop', '', 'authorize', '', 0, i
		FROM generate_series(1, $1::int) i`,
	} {
		if _, err := r.db.Exec(t.Context(), sql, n); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRunner_ManyArePaced asks about ten thousand payments, no faster than allowed and
// each once, although it is broken off on the way.
func TestRunner_ManyArePaced(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.PerSecond = 4000
	q := &heap{asked: map[payment.CommandID]int{}, left: many / 2}
	r := New(newRows(t), q, cfg, zap.NewNop())
	plant(t, r, many)
	began := time.Now()
	if err := r.turn(t.Context()); !errors.Is(err, errFull) {
		t.Fatalf("a queue that is full: %v", err)
	}
	half, err := begin(t.Context(), r.db, time.Hour)
	if err != nil || half.EndedAt != nil {
		t.Fatalf("the run is over: %+v, %v", half, err)
	}
	q.left = -1
	if err := r.turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if len(q.asked) != many {
		t.Errorf("%d payments were asked about, want %d", len(q.asked), many)
	}
	// The second pass gives the first half's commands again, and none of its own.
	if least := time.Duration(float64(many*3/2)/cfg.PerSecond*float64(time.Second)) * 9 / 10; took < least {
		t.Errorf("took %v, the pace allows no less than %v", took, least)
	}
	if n := testutil.ToFloat64(r.stats.asked.WithLabelValues("computop")); n != many*3/2 {
		t.Errorf("counted %v", n)
	}
}

// TestRunner_LeavesOutWhoIsBehind does not ask on while what a provider was asked is
// not answered, and asks the others.
func TestRunner_LeavesOutWhoIsBehind(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.Backlog = 1
	q := &heap{asked: map[payment.CommandID]int{}, left: -1}
	r := New(newRows(t), q, cfg, zap.NewNop())
	plant(t, r, 3)
	_, err := r.db.Exec(t.Context(), `UPDATE payments SET provider = 'axerve' WHERE payment_id = 'p000003';
		INSERT INTO operations (merchant, payment_id, command_id, provider, kind, status, version, currency, amount,
			effect, reason, code, ref, attempts, at)
		VALUES ('demo', 'other', 's', 'computop', 'sync', 'accepted', 0, '', 0, 0, '', '', '', 0, now())`)
	if err != nil {
		t.Fatal(err)
	}
	for run, want := range []int{1, 3} {
		wanted, err := Want(t.Context(), r.db, false)
		if err != nil {
			t.Fatal(err)
		}
		clear(q.asked)
		if err := r.turn(t.Context()); err != nil || len(q.asked) != want {
			t.Errorf("run %d asked about %d payments, want %d: %v", run, len(q.asked), want, err)
		}
		if done, err := Look(t.Context(), r.db, wanted.WantedAt); err != nil || done.Asked != int64(want) {
			t.Errorf("run %d: %+v, %v", run, done, err)
		}
		if _, err := r.db.Exec(t.Context(), "UPDATE operations SET status = 'succeeded' WHERE kind = 'sync'"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNext_WhichAreDue changes one thing at a time about payments.
func TestNext_WhichAreDue(t *testing.T) {
	t.Parallel()
	const asked = `INSERT INTO commands (merchant, command_id, accepted_at, req_id, payment_id, provider, account, kind, fingerprint, shard, seq)
		VALUES ('demo', 's', now() - interval '10 minutes', 'payloom:reconcile:p000001:1', 'p000001', 'computop', '', 'sync', '', 0, 9);
		INSERT INTO operations (merchant, payment_id, command_id, provider, kind, status, version, currency, amount,
			effect, reason, code, ref, attempts, at, accepted_at)
		SELECT 'demo', 'p000001', 's', 'computop', 'sync', 'succeeded', 4, '', 0, 0, '', '', '', 0, now(), accepted_at FROM commands WHERE command_id = 's';`
	const differs = `INSERT INTO reconcile_breaks VALUES ('demo', 'b', 'p000001', 'computop', '', 'missing_here', 'refunded', 'open', 'EUR', 0, 1,
		'', '', '', now(), now(), '', '', 4);`
	for name, tt := range map[string]struct {
		sql        string
		everything bool
		want       int
	}{
		"never asked about":                 {"", false, 1},
		"asked about":                       {asked, false, 0},
		"asked about, of everything":        {asked, true, 1},
		"asked about, and changed":          {asked + "UPDATE operations SET at = now() - interval '5 minutes' WHERE kind <> 'sync'", false, 1},
		"asked about long ago":              {asked + "UPDATE commands SET accepted_at = now() - interval '30 minutes' WHERE command_id = 's'; UPDATE operations SET accepted_at = (SELECT accepted_at FROM commands WHERE command_id = 's') WHERE kind = 'sync'", false, 1},
		"asked about, and differs":          {asked + differs, false, 1},
		"being asked about":                 {asked + differs + "UPDATE operations SET status = 'accepted' WHERE kind = 'sync'", true, 0},
		"changed a moment ago":              {"UPDATE operations SET at = now()", true, 0},
		"older than the window":             {"UPDATE commands SET accepted_at = now() - interval '3 days'", true, 0},
		"older, and open":                   {"UPDATE commands SET accepted_at = now() - interval '3 days'; UPDATE operations SET status = 'unknown'", false, 1},
		"older, and differs":                {"UPDATE commands SET accepted_at = now() - interval '3 days';" + differs, false, 1},
		"never opened":                      {"UPDATE payments SET state = 'rejected'", true, 0},
		"a mandate without a payment":       {"UPDATE payments SET state = 'agreed'", true, 0},
		"another sync is no reconciliation": {asked + "UPDATE commands SET req_id = 'mine' WHERE command_id = 's'", false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := New(newRows(t), &heap{}, quick(), zap.NewNop())
			plant(t, r, 1)
			if _, err := r.db.Exec(t.Context(), tt.sql); err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			w := window{since: now.Add(-48 * time.Hour), settled: now.Add(-time.Minute), again: now.Add(-20 * time.Minute), everything: tt.everything}
			list, err := next(t.Context(), r.db, w, due{}, 10)
			if err != nil || len(list) != tt.want {
				t.Errorf("due: %+v, %v; want %d", list, err, tt.want)
			}
			if len(list) > 0 {
				if more, err := next(t.Context(), r.db, w, list[0], 10); err != nil || len(more) > 0 {
					t.Errorf("after it: %+v, %v", more, err)
				}
			}
		})
	}
}
