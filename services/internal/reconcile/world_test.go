package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/worker"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// world is a broker, a database that is kept up to date, and a worker before a
// provider.
type world struct {
	t    *testing.T
	bus  *bus.Bus
	db   *pgxpool.Pool
	fake *providertest.Fake
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: newRows(t), fake: providertest.NewFake(providertest.FakeCapability(provider.T3), providertest.Hooks{})}
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{Shards: 2})
	w.bus = bustest.Connect(t, cfg, "test")
	w.background(projection.New(w.bus, w.db, projection.Options{}).Run)
	at := worker.New(worker.Options{Ledger: w.bus, Timers: w.bus, Provider: w.fake})
	w.background(func(ctx context.Context) error {
		return w.bus.ConsumeCommands(ctx, payment.Computop, bus.ConsumeOptions{Concurrency: 8, Grace: time.Second}, at.Handle)
	})
	return w
}

func newRows(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db, err := projection.Open(t.Context(), testkit.Postgres(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// background runs f until the test ends.
func (w *world) background(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			w.t.Errorf("in the background: %v", err)
		}
	})
	w.t.Cleanup(func() { cancel(); done.Wait() })
}

// quick is a configuration for tests.
func quick() Config {
	return Config{Every: time.Hour, Since: 48 * time.Hour, Again: 24 * time.Hour, Look: time.Second, PerSecond: 10_000, Backlog: 1000}
}

func (w *world) runner() *Runner { return New(w.db, w.bus, quick(), zap.NewNop()) }

func command(id string, k payment.Kind, minor int64) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID(fmt.Sprintf("%s-%s", k, id)), Payment: payment.ID(id), Provider: payment.Computop, Kind: k,
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if minor > 0 {
		c.Amount = payment.Money{Minor: minor, Currency: "EUR"}
	}
	if k == payment.Authorize {
		c.Authorization = &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureManual, Mandate: "m"}
	}
	return c
}

// captured has payments captured, and waits until the rows say so.
func (w *world) captured(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		for _, c := range []payment.Command{command(id, payment.Authorize, 1000), command(id, payment.Capture, 1000)} {
			if _, _, err := w.bus.Accept(w.t.Context(), c); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.until(len(ids), "SELECT count(*) FROM payments WHERE state = 'captured'")
}

// byHand has a clerk refund so much.
func (w *world) byHand(id string, minor int64) {
	w.fake.ByHand(providertest.Effect{Payment: payment.ID(id), Kind: payment.Refund, Amount: payment.Money{Minor: minor, Currency: "EUR"}})
}

func (w *world) count(sql string, args ...any) int {
	w.t.Helper()
	return count(w.t, w.db, sql, args...)
}

func count(t *testing.T, db *pgxpool.Pool, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// until waits until a query for a number gives it.
func (w *world) until(want int, sql string, args ...any) {
	w.t.Helper()
	testkit.Eventually(w.t, patience, func() error {
		if n := w.count(sql, args...); n != want {
			return fmt.Errorf("%s: %d, want %d", sql, n, want)
		}
		return nil
	})
}

const answered = "SELECT count(*) FROM operations WHERE kind = 'sync' AND status = 'succeeded'"

// pass carries out a run of everything, and waits until all was compared.
func (w *world) pass(everything bool) Run {
	w.t.Helper()
	before := w.count("SELECT count(*) FROM operations WHERE kind = 'sync'")
	run, err := Want(w.t.Context(), w.db, everything)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.runner().turn(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	run, err = Look(w.t.Context(), w.db, run.WantedAt)
	if err != nil || run.EndedAt == nil {
		w.t.Fatalf("run %+v, %v", run, err)
	}
	w.until(before+int(run.Asked), "SELECT count(*) FROM operations WHERE kind = 'sync' AND status IN ('succeeded', 'rejected')")
	return run
}

// heap is a queue that only remembers.
type heap struct {
	mu    sync.Mutex
	asked map[payment.CommandID]int
	left  int // questions until it fails; negative: never
}

var errFull = errors.New("full")

func (h *heap) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func (h *heap) Accept(_ context.Context, c payment.Command) (payment.Command, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left == 0 {
		return payment.Command{}, false, errFull
	}
	h.left--
	h.asked[c.ID]++
	return c, h.asked[c.ID] > 1, nil
}
