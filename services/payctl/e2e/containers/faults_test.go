package containers

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/compose"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

const (
	// away is how long what fails stays away.
	away = 4 * time.Second
	// between is how long payments go on undisturbed between two faults.
	between = time.Second
	// patience is for a payment to reach its next state. What a client had in hand when
	// it died is handed to another after a minute.
	patience = 4 * time.Minute
	// handedOn is after how long the broker hands on what a client had in hand when it
	// died. What it may have sent is then asked about until it is found or was never
	// sent, with pauses that grow to a quarter of its age.
	handedOn = time.Minute
	// atOnce is how many payments are under way side by side.
	atOnce = 24
)

// fault is something that happens to containers, and its end.
type fault struct {
	name  string
	begin func(ctx context.Context) error
	end   func(ctx context.Context) error
}

// faults lists what happens, in this order.
func faults(i *compose.Installation) []fault {
	all := func(do func(context.Context, string) error, services ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			for _, s := range services {
				if err := do(ctx, s); err != nil {
					return err
				}
			}
			return nil
		}
	}
	killed := func(name string, services ...string) fault {
		return fault{name, all(i.Kill, services...), all(i.Start, services...)}
	}
	list := []fault{
		killed("one NATS node killed", "nats-2"),
		killed("two of three NATS nodes killed", "nats-1", "nats-3"),
		{"one NATS node cut off", all(i.Cut, "nats-3"), all(i.Mend, "nats-3")},
		{"one NATS node hangs", all(i.Pause, "nats-1"), all(i.Unpause, "nats-1")},
		killed("Postgres killed", compose.Postgres),
		{"Postgres hangs", all(i.Pause, compose.Postgres), all(i.Unpause, compose.Postgres)},
		{"a worker cut off", all(i.Cut, "worker-computop"), all(i.Mend, "worker-computop")},
		{"a worker hangs", all(i.Pause, "worker-ecommpay"), all(i.Unpause, "worker-ecommpay")},
		{"the tracker cut off", all(i.Cut, "state-tracker"), all(i.Mend, "state-tracker")},
	}
	for _, s := range compose.Services() {
		list = append(list, killed(s+" killed", s))
	}
	return list
}

// mustUp starts the containers; the test takes them down.
func mustUp(t *testing.T) *compose.Installation {
	t.Helper()
	if os.Getenv("TEST_COMPOSE") == "" {
		t.Skip("needs images and minutes: make test-compose")
	}
	file, err := filepath.Abs("../../../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	i, err := compose.Up(t.Context(), compose.Options{File: file, Note: func(text string) { t.Log(time.Now().Format(time.TimeOnly), text) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Down(context.Background()); err != nil {
			t.Errorf("down: %v", err)
		}
	})
	return i
}

// load drives payments until it is told to finish, in several queues: each begins
// another round only when the last payment of its own has ended, and one payment
// may wait for minutes for what a dead client had in hand.
type load struct {
	env     demo.Env
	finish  atomic.Bool
	through atomic.Int64 // payments that ended as they must

	mu       sync.Mutex
	outcomes []demo.Outcome
}

// queues is in how many queues payments are driven.
const queues = 8

func (l *load) run(ctx context.Context) error {
	var all errgroup.Group
	for range queues {
		all.Go(func() error { return l.rounds(ctx) })
	}
	return all.Wait()
}

// rounds drives every plain scenario, round after round.
func (l *load) rounds(ctx context.Context) error {
	for !l.finish.Load() {
		r, err := demo.Run(ctx, l.env, demo.Options{
			Payments: 1, Concurrency: atOnce / queues, Patience: patience, Plain: true, Progress: func(n int) { l.through.Add(int64(n)) },
		})
		l.mu.Lock()
		l.outcomes = append(l.outcomes, r.Outcomes...)
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func envOf(i *compose.Installation) demo.Env {
	u := i.URLs()
	return demo.Env{
		API: api.New(u.Ingress, u.Tracker, i.APIKey(), atOnce), Computop: api.NewComputop(u.Simulator, atOnce),
		Axerve: api.NewAxerve(u.Simulator, atOnce), ECommPay: api.NewECommPay(u.Simulator, atOnce),
	}
}

// TestContainers_NothingIsLostDoubledOrStuck lets everything fail in turn while
// payments go on, and then checks every payment and every invariant.
func TestContainers_NothingIsLostDoubledOrStuck(t *testing.T) {
	i := mustUp(t)
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	l := &load{env: envOf(i)}
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- l.run(ctx) }()
	for _, f := range faults(i) {
		mustProgress(ctx, t, l, done)
		play(ctx, t, f)
	}
	if err := i.WaitHealthy(ctx); err != nil {
		t.Fatalf("when all faults were over: %v", err)
	}
	mustProgress(ctx, t, l, done)
	healed := time.Now()
	l.finish.Store(true)
	if err := <-done; err != nil {
		t.Fatalf("load: %v", err)
	}
	t.Logf("%d payments under %d faults; the last ended %s after the last fault", l.through.Load(), len(faults(i)), time.Since(healed).Round(time.Second))
	for _, o := range l.outcomes {
		if o.Err != nil {
			t.Errorf("%s: %v", o.Scenario, o.Err)
		}
	}
	checkInvariants(t, i, l, began, healed)
}

// play lets one fault happen and end.
func play(ctx context.Context, t *testing.T, f fault) {
	t.Helper()
	if err := f.begin(ctx); err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	wait(ctx, away)
	if err := f.end(ctx); err != nil {
		t.Fatalf("end of: %s: %v", f.name, err)
	}
	wait(ctx, between)
}

// mustProgress waits until further payments have come through: a fault that meets
// no payment proves nothing.
func mustProgress(ctx context.Context, t *testing.T, l *load, done <-chan error) {
	t.Helper()
	for before := l.through.Load(); l.through.Load() == before; wait(ctx, 50*time.Millisecond) {
		select {
		case err := <-done:
			t.Fatalf("the load has ended: %v", err)
		case <-ctx.Done():
			t.Fatal("no payment comes through any more")
		default:
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// checkInvariants reads the streams, the rows and the provider's ledger.
func checkInvariants(t *testing.T, i *compose.Installation, l *load, began, healed time.Time) {
	t.Helper()
	b, err := bus.Connect(t.Context(), i.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	db, err := projection.Open(t.Context(), i.DatabaseURL(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	logs := filepath.Join(t.TempDir(), "log")
	if err := i.WriteLogs(t.Context(), logs); err != nil {
		t.Fatal(err)
	}
	report, err := verify.Run(t.Context(), verify.Inputs{
		Streams: b, Database: db, Simulators: []string{i.URLs().Simulator}, Logs: logs, Canaries: canaries(i),
		HealedAt: healed, Drained: handedOn + compose.SettleMost + healed.Sub(began)/4,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range report.Violations() {
		if v.Kind == verify.Wrong && strings.Contains(v.What, cardLookAlike) {
			t.Logf("not held against it: %s %s: %s", v.Invariant, v.Subject, v.What)
			continue
		}
		t.Errorf("%s %s %s: %s", v.Invariant, v.Kind, v.Subject, v.What)
	}
	if report.Payments < int(l.through.Load()) || report.Effects == 0 {
		t.Errorf("the streams hold %d payments and %d effects, the load drove %d payments", report.Payments, report.Effects, l.through.Load())
	}
}

// cardLookAlike is what verification says of a number whose check digit fits a
// card's, as that of one number in ten does. There is no card in these payments; what
// must be nowhere are the canaries.
const cardLookAlike = "looks like a card number"

// canaries are the secrets of the compose file and the accounts.
func canaries(i *compose.Installation) []verify.Canary {
	return []verify.Canary{
		{Name: "API key", Text: i.APIKey()},
		{Name: "Computop MAC", Text: "demo-mac-password-of-nobody-0001"},
		{Name: "Axerve API key", Text: "demo-api-key-of-nobody-0001"},
		{Name: "ECommPay secret", Text: "demo-secret-of-nobody-0001"},
	}
}
