package projection

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/migrations"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
)

// checkEqual compares the rows of two reports' schemas.
func checkEqual(t *testing.T, r Report) {
	t.Helper()
	if diff := cmp.Diff(r.Live.Tables, r.Rebuilt.Tables); diff != "" || len(r.Differences) > 0 {
		t.Errorf("live and rebuilt rows differ %v (-live +rebuilt):\n%s", r.Differences, diff)
	}
}

func TestRebuild_UnderLoadGivesTheSameRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	p, _ := w.project(t, w.bus, Options{Wait: time.Millisecond})
	w.load(t, "before", 8)
	var wg sync.WaitGroup
	var stopped atomic.Bool
	more := 0
	wg.Go(func() {
		for ; !stopped.Load(); more++ {
			w.settle(t, fmt.Sprintf("during%d", more))
		}
	})
	for i := range 3 {
		r, err := Rebuild(t.Context(), w.bus, w.dsn, RebuildOptions{Swap: i > 0})
		if err != nil {
			t.Fatalf("rebuild %d: %v", i, err)
		}
		checkEqual(t, r)
		if r.Swapped != (i > 0) || r.Rebuilt.Tables["payments"].Count < 8 {
			t.Errorf("rebuild %d: %+v", i, r)
		}
		_ = sleep(t.Context(), 1100*time.Millisecond) // retired schemas are named by the second
	}
	stopped.Store(true)
	wg.Wait()
	w.caughtUp(t, p)
	w.checkWhole(t, 8+more)
	retired, err := Retired(t.Context(), w.pool)
	if err != nil || len(retired) != 2 {
		t.Errorf("retired schemas: %v, %v, want two", retired, err)
	}
}

// The streams are read beside each other, and in another order each time.
func TestRebuild_OrderOfStreamsDoesNotShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	for i := range 6 {
		id := fmt.Sprintf("p%d", i)
		w.settle(t, id)
		twin := authorize(id) // a second command wants to open the same payment
		twin.ReqID, twin.Amount = payment.ReqID("twin-"+id), euros(5)
		twin.ID = payment.DeriveCommandID(twin.Merchant, twin.ReqID)
		w.accept(t, twin)
		early := w.accept(t, followUp("never"+id, payment.Capture, 1, euros(1)))
		w.tell(t, early, payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonNotStarted})
		lone := authorize("lone" + id)
		w.accept(t, lone)
		lone.ReqID, lone.Amount = payment.ReqID("other-"+id), euros(7)
		lone.ID = payment.DeriveCommandID(lone.Merchant, lone.ReqID)
		w.accept(t, lone)
	}
	// Events first, commands later, one by one.
	later, _ := w.project(t, edited{Bus: w.bus}, Options{Batch: 1})
	w.caughtUp(t, later)
	for range 3 {
		r, err := Rebuild(t.Context(), w.bus, w.dsn, RebuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, r)
	}
}

func TestRebuild_TellsAndMendsWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.load(t, "p", 4)
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	if _, err := w.pool.Exec(t.Context(), "UPDATE payments SET captured = 999 WHERE payment_id = 'p1'"); err != nil {
		t.Fatal(err)
	}
	r, err := Rebuild(t.Context(), w.bus, w.dsn, RebuildOptions{Swap: true})
	if !errors.Is(err, ErrDiffers) || r.Swapped || len(r.Differences) != 1 {
		t.Fatalf("Rebuild = %+v, %v, want one difference and no swap", r, err)
	}
	r, err = Rebuild(t.Context(), w.bus, w.dsn, RebuildOptions{Swap: true, Force: true})
	if err != nil || !r.Swapped {
		t.Fatalf("Rebuild with force = %+v, %v", r, err)
	}
	w.checkWhole(t, 4)
	w.settle(t, "after")
	w.caughtUp(t, p)
	w.checkWhole(t, 5)
}

func TestRebuild_KeepsWhatTheStreamsForgot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.load(t, "p", 4)
	w.accept(t, authorize("lone"))
	w.callback(t, "cb1")
	w.callback(t, "cb2")
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	for name, first := range map[string]map[string]uint64{
		"commands only":   {"COMMANDS_0": 9},
		"all commands":    {"COMMANDS_0": 22},
		"events only":     {events0: 17},
		"all events":      {events0: 45},
		"a bit of each":   {"COMMANDS_0": 15, events0: 6, "CALLBACKS": 2},
		"commands before": {"COMMANDS_0": 3, events0: 30},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Rebuild(t.Context(), forgetful(w.bus, first), w.dsn, RebuildOptions{})
			if err != nil {
				t.Fatalf("rebuild: %v %v", err, r.Differences)
			}
			checkEqual(t, r)
			if r.Carried == 0 || r.Missing != 0 {
				t.Errorf("carried %d, missing %d", r.Carried, r.Missing)
			}
		})
	}
}

// The database is lost, and the streams have forgotten their beginning: a rebuild
// makes what can be made and says what is missing.
func TestRebuild_FromNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.load(t, "p", 4)
	src := forgetful(w.bus, map[string]uint64{events0: 17})
	r, err := Rebuild(t.Context(), src, w.dsn, RebuildOptions{Swap: true})
	if err != nil || r.Missing != 16 {
		t.Fatalf("Rebuild = %+v, %v, want 16 missing", r, err)
	}
	p, _ := w.project(t, src, Options{})
	w.caughtUp(t, p)
	if got := w.count(t, "SELECT count(*) FROM events"); got != 28 {
		t.Errorf("%d events, want 28", got)
	}
}

func TestRowHashes_SeeEveryChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.differ(t, "p1")
	w.agree(t, "p2", "m")
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	before, err := RowHashes(t.Context(), w.dsn, Live)
	if err != nil {
		t.Fatal(err)
	}
	again, err := RowHashes(t.Context(), w.dsn, Live)
	if err != nil || cmp.Diff(before, again) != "" {
		t.Errorf("the same rows have other hashes: %v %s", err, cmp.Diff(before, again))
	}
	for table, sql := range map[string]string{
		"payments": "UPDATE payments SET refunded = 201", "operations": "UPDATE operations SET code = 'x'",
		"events": `UPDATE events SET body = '\x01' WHERE seq = 1`, "commands": "DELETE FROM commands WHERE seq = 2",
		"refs": "DELETE FROM refs WHERE value = 'cap-p1'", "reconcile_breaks": "UPDATE reconcile_breaks SET there = 0", "mandates": "UPDATE mandates SET cycle = 'year'",
	} {
		if _, err := w.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		after, err := RowHashes(t.Context(), w.dsn, Live)
		if err != nil {
			t.Fatal(err)
		}
		for name, hash := range after {
			if changed := hash != before[name]; changed != (name == table) {
				t.Errorf("after a change of %s, that of %s changed: %t", table, name, changed)
			}
		}
		before = after
	}
}

func TestMigrate_OnceAndAgain(t *testing.T) {
	t.Parallel()
	server := testkit.PostgresServer(t)
	dsn := emptyDatabase(t, server)
	pool, err := Open(t.Context(), dsn, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := CheckMigrated(t.Context(), pool); !errors.Is(err, ErrNotMigrated) {
		t.Errorf("CheckMigrated on nothing = %v, want ErrNotMigrated", err)
	}
	var wg sync.WaitGroup
	lines := make([]int, 3)
	for i := range lines {
		wg.Go(func() {
			done, err := Migrate(t.Context(), dsn)
			if err != nil {
				t.Errorf("Migrate: %v", err)
			}
			lines[i] = len(done)
		})
	}
	wg.Wait()
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if lines[0]+lines[1]+lines[2] != len(files) {
		t.Errorf("files were run %v times, want each of %d once in all", lines, len(files))
	}
	if err := CheckMigrated(t.Context(), pool); err != nil {
		t.Errorf("CheckMigrated: %v", err)
	}
}

func TestPartitions_ByMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	jan := time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC)
	for _, want := range []string{"make", "again"} {
		if err := makePartitions(t.Context(), w.pool, "commands", jan, jan.AddDate(0, 2, 1)); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
	}
	parts := "SELECT count(*) FROM pg_inherits WHERE inhparent = 'commands'::regclass"
	if got := w.count(t, parts); got != 5 {
		t.Errorf("%d partitions, want four months and the rest", got)
	}
	if got := w.count(t, "SELECT drop_partitions('commands', '2026-03-15')"); got != 2 {
		t.Errorf("dropped %d, want January and February", got)
	}
	if got := w.count(t, parts); got != 3 {
		t.Errorf("%d partitions are left, want 3", got)
	}
}

func TestKeep_MakesMonthsAheadAndDropsOldOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	now := time.Date(2026, 5, 20, 0, 0, 0, 0, time.UTC)
	for _, table := range []string{"events", "commands"} {
		if err := makePartitions(t.Context(), w.pool, table, now.AddDate(0, -15, 0), now); err != nil {
			t.Fatal(err)
		}
	}
	dropped, err := Keep(t.Context(), w.pool, now)
	if err != nil || dropped != 2 {
		t.Errorf("Keep = %d, %v, want the two months before the thirteenth dropped", dropped, err)
	}
	for table, want := range map[string]int{"events": 16 + 3 + 1, "commands": 14 + 3 + 1} {
		if got := w.count(t, "SELECT count(*) FROM pg_inherits WHERE inhparent = $1::regclass", table); got != want {
			t.Errorf("%s has %d partitions, want %d", table, got, want)
		}
	}
}
