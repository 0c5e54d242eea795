package e2e

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/bench"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// longestStall is how long the live rows may stand still while there is something to
// project: generous, for a machine that does everything at once.
const longestStall = 5 * time.Second

// TestRebuild_UnderLoad rebuilds again and again while payments are made: the rows
// are the same each time, and the live projection goes on meanwhile.
func TestRebuild_UnderLoad(t *testing.T) {
	s := start(t, stack.Options{Env: map[string]string{"RATE_LIMIT": "0", "SOURCE_RATE_LIMIT": "0", "ENDPOINT_RATE_LIMIT": "0"}})
	b, err := bus.Connect(t.Context(), s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	db, err := projection.Open(t.Context(), s.DatabaseURL(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	alone := measureLoad(t, s, b, db, nil)
	var rebuilds []projection.Report
	beside := measureLoad(t, s, b, db, func() {
		r, err := projection.Rebuild(t.Context(), b, s.DatabaseURL(), projection.RebuildOptions{})
		if err != nil {
			t.Errorf("rebuild: %v, %v", err, r.Differences)
		}
		rebuilds = append(rebuilds, r)
	})
	for i, r := range rebuilds {
		if !maps.Equal(r.Live.Tables, r.Rebuilt.Tables) || r.Rebuilt.Tables["events"].Count == 0 || r.Rebuilt.Tables["events"].Hash == "" {
			t.Errorf("rebuild %d: live %v, rebuilt %v", i+1, r.Live.Tables, r.Rebuilt.Tables)
		}
		t.Logf("rebuild %d: %d events in %s, identical", i+1, r.Rebuilt.Tables["events"].Count, r.Took.Round(time.Millisecond))
	}
	if len(rebuilds) == 0 || beside.moves < 10 {
		t.Errorf("%d rebuild(s) while the live rows moved on %d times", len(rebuilds), beside.moves)
	}
	if beside.stall > longestStall {
		t.Errorf("the live rows stood still for %s, at most %s are allowed", beside.stall, longestStall)
	}
	t.Logf("longest standstill of the live rows: %s alone, %s beside %d rebuilds; %.0f and %.0f payments per second",
		alone.stall.Round(time.Millisecond), beside.stall.Round(time.Millisecond), len(rebuilds), alone.perS, beside.perS)
}

// load is what was seen while payments were made.
type load struct {
	perS  float64       // payments that ended
	stall time.Duration // longest time without a step, while there was one to make
	moves int           // steps of the live rows
}

// measureLoad makes payments, calls beside again and again meanwhile, and watches how
// the live rows move on.
func measureLoad(t *testing.T, s *stack.Stack, b *bus.Bus, db *pgxpool.Pool, beside func()) load {
	t.Helper()
	in := verify.Inputs{Streams: b, Database: db, Simulators: []string{s.URLs().Simulator}}
	client, computop := clients(s)
	ended := make(chan error, 1)
	var l load
	go func() {
		r, err := bench.Run(t.Context(), bench.Env{API: client, Computop: computop, Merchant: stack.Merchant, Verify: in, Streams: b},
			bench.Options{Payments: 1200, Concurrency: 16})
		l.perS = r.CompletedPS
		if err == nil && r.Violations+r.Stuck > 0 {
			t.Errorf("%d violation(s), %d stuck: %+v", r.Violations, r.Stuck, r.Verified.Violations())
		}
		ended <- err
	}()
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	seen := make(chan load, 1)
	go func() { seen <- watchRows(watching, t, b, db) }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			stop()
			w := <-seen
			w.perS = l.perS
			return w
		default:
		}
		if beside != nil {
			beside()
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// watchRows looks at the checkpoints until ctx ends.
func watchRows(ctx context.Context, t *testing.T, b *bus.Bus, db *pgxpool.Pool) load {
	t.Helper()
	var l load
	at, since := map[string]uint64{}, map[string]time.Time{}
	for ctx.Err() == nil {
		now, err := checkpoints(ctx, db)
		if err != nil {
			break // ctx has ended, or the load fails as well
		}
		for stream, seq := range now {
			state, err := b.StreamState(ctx, stream)
			if err != nil {
				break
			}
			if seq != at[stream] || seq >= state.LastSeq {
				if seq != at[stream] {
					l.moves++
				}
				at[stream], since[stream] = seq, time.Now()
			}
			l.stall = max(l.stall, time.Since(since[stream]))
		}
		time.Sleep(10 * time.Millisecond)
	}
	return l
}

func checkpoints(ctx context.Context, db *pgxpool.Pool) (map[string]uint64, error) {
	rows, err := db.Query(ctx, "SELECT stream, seq FROM checkpoints")
	if err != nil {
		return nil, err
	}
	all := map[string]uint64{}
	var stream string
	var seq uint64
	_, err = pgx.ForEachRow(rows, []any{&stream, &seq}, func() error { all[stream] = seq; return nil })
	return all, err
}
