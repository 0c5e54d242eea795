package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// shifted is a bus whose clock is somewhere else, and that notes what is asked of it.
type shifted struct {
	queue
	mu    sync.Mutex
	by    time.Duration
	woken []string
	asked []payment.Command
	fail  error
}

func (s *shifted) Now(ctx context.Context) (time.Time, error) {
	now, err := s.queue.Now(ctx)
	return now.Add(s.by), err
}

func (s *shifted) Wake(_ context.Context, c payment.Command, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = append(s.woken, string(c.Payment)+" "+string(c.Kind))
	return s.fail
}

func (s *shifted) Accept(ctx context.Context, c payment.Command) (payment.Command, bool, error) {
	s.mu.Lock()
	s.asked = append(s.asked, c)
	s.mu.Unlock()
	return s.queue.Accept(ctx, c)
}

// takeWoken returns, in order, what was handed out since the last call.
func (s *shifted) takeWoken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.woken
	s.woken = nil
	slices.Sort(out)
	return out
}

func (s *shifted) takeAsked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, c := range s.asked {
		out = append(out, string(c.ReqID))
	}
	s.asked = nil
	slices.Sort(out)
	return out
}

var thresholds = SweepConfig{
	Every: time.Second, CommandIdle: 30 * time.Second, CommandMost: 10 * time.Minute,
	CallbackAfter: 15 * time.Minute, CallbackMost: 6 * time.Hour, Session: 24 * time.Hour,
}

// sweeping returns a projected world and a sweeper whose clock the test sets.
func sweeping(t *testing.T) (*world, *sweeper, *shifted) {
	t.Helper()
	w := newWorld(t)
	p := projection.New(w.bus, w.pool, projection.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("projector: %v", err)
		}
	})
	q := &shifted{queue: w.bus}
	s := newSweeper(store.New(w.pool, nil), q, thresholds, store.Sessions{Otherwise: 24 * time.Hour}, zap.NewNop())
	return w, s, q
}

// projected waits until a count is as it should be.
func (w *world) projected(t *testing.T, want int, sql string) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		var n int
		if err := w.pool.QueryRow(t.Context(), sql).Scan(&n); err != nil || n != want {
			return fmt.Errorf("%s: %d, %w, want %d", sql, n, err, want)
		}
		return nil
	})
}

// at sweeps as if d had passed.
func at(t *testing.T, s *sweeper, q *shifted, d time.Duration) {
	t.Helper()
	q.by = d
	if err := s.sweep(t.Context()); err != nil {
		t.Fatalf("sweep after %v: %v", d, err)
	}
}

func TestSweeper_HandsStalledCommandsOutAgain(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	now := time.Now()
	w.open(t, "accepted")
	c := w.open(t, "open")
	w.tell(t, now, c, started(c))
	c = w.open(t, "unknown")
	w.tell(t, now, c, started(c), payment.OutcomeUnknown{Attempt: 1, RetryAt: now.Add(time.Hour)})
	c = w.open(t, "waiting")
	w.tell(t, now, c, started(c), payment.AttemptNotSent{Attempt: 1, RetryAt: now.Add(-time.Second)})
	for _, id := range []string{"done", "declined", "parked", "buyer"} {
		c = w.open(t, id)
		w.tell(t, now, c, started(c), map[string]payment.EventData{
			"done": payment.OperationSucceeded{Amount: 1000}, "declined": payment.OperationDeclined{}, "parked": payment.Parked{Attempt: 1}, "buyer": action(id),
		}[id])
	}
	w.projected(t, 7, "SELECT count(*) FROM operations WHERE version > 0 AND accepted_at IS NOT NULL")
	w.projected(t, 1, "SELECT count(*) FROM operations WHERE status = 'accepted'")

	all := []string{"accepted authorize", "open authorize", "waiting authorize"}
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{10 * time.Second, nil},
		{40 * time.Second, all},
		{60 * time.Second, nil}, // the interval is not over
		{71 * time.Second, all},
		{100 * time.Second, nil}, // and it doubles
		{135 * time.Second, all},
		{2 * time.Hour, append([]string{"unknown authorize"}, all...)},
	} {
		at(t, s, q, step.after)
		got := q.takeWoken()
		slices.Sort(step.want)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.after, diff)
		}
	}
}

func TestSweeper_TwoShareTheWork(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	for i := range 30 {
		w.open(t, fmt.Sprintf("p%02d", i))
	}
	w.projected(t, 30, "SELECT count(*) FROM operations")
	q.by = time.Minute
	other := newSweeper(s.rows, q, thresholds, s.sessions, zap.NewNop())
	var wg sync.WaitGroup
	for _, one := range []*sweeper{s, other, s, other} {
		wg.Go(func() {
			if err := one.wake(t.Context(), time.Now().Add(time.Minute)); err != nil {
				t.Errorf("wake: %v", err)
			}
		})
	}
	wg.Wait()
	if got := q.takeWoken(); len(got) != 30 || len(slices.Compact(got)) != 30 {
		t.Errorf("%d handed out, want each of 30 once", len(got))
	}
}

func TestSweeper_ForgetsWhatHasEnded(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	c := w.open(t, "p1")
	w.open(t, "p2")
	w.projected(t, 2, "SELECT count(*) FROM operations")
	at(t, s, q, time.Minute)
	w.projected(t, 2, "SELECT count(*) FROM wakes")
	w.tell(t, time.Now(), c, started(c), payment.OperationSucceeded{Amount: 1000})
	w.projected(t, 1, "SELECT count(*) FROM operations WHERE status = 'succeeded'")
	s.kept = time.Time{}
	at(t, s, q, time.Minute)
	w.projected(t, 1, "SELECT count(*) FROM wakes")
}

func TestSweeper_HasProvidersAskedAboutWaitingPayments(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	now := time.Now()
	c := w.open(t, "buyer")
	w.tell(t, now, c, started(c), action("buyer"))
	c = w.open(t, "pending")
	w.tell(t, now, c, started(c), payment.OperationPending{Attempt: 1})
	c = w.open(t, "done")
	w.tell(t, now, c, started(c), payment.OperationSucceeded{Amount: 1000})
	w.projected(t, 3, "SELECT count(*) FROM payments WHERE version = 2")

	at(t, s, q, 10*time.Minute)
	if got := q.takeAsked(); got != nil {
		t.Errorf("asked too early: %v", got)
	}
	at(t, s, q, 16*time.Minute)
	if diff := cmp.Diff([]string{"payloom:recheck:buyer:2:1", "payloom:recheck:pending:2:1"}, q.takeAsked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	// While a question is open there is no other.
	w.projected(t, 2, "SELECT count(*) FROM operations WHERE kind = 'sync' AND status = 'accepted'")
	at(t, s, q, 2*time.Hour)
	if got := q.takeAsked(); got != nil {
		t.Errorf("asked again: %v", got)
	}
	// An answer that changes nothing: the next question comes when the wait has doubled.
	sync := newCommand("demo", "buyer", payment.Sync, "payloom:recheck:buyer:2:1", payment.Money{})
	w.tell(t, now.Add(20*time.Minute), sync, payment.Synced{Found: true})
	w.projected(t, 1, "SELECT count(*) FROM operations WHERE kind = 'sync' AND status = 'succeeded'")
	at(t, s, q, 39*time.Minute)
	if got := q.takeAsked(); got != nil {
		t.Errorf("asked before the wait had doubled: %v", got)
	}
	at(t, s, q, 41*time.Minute)
	if diff := cmp.Diff([]string{"payloom:recheck:buyer:3:2"}, q.takeAsked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// A buyer who never comes back: when the session is over the provider is asked
// once more, whatever the intervals say, so that the worker can let it expire.
func TestSweeper_AsksWhenASessionIsOver(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	now := time.Now()
	c := w.open(t, "buyer")
	w.tell(t, now, c, started(c), action("buyer"))
	sync := newCommand("demo", "buyer", payment.Sync, "earlier", payment.Money{})
	w.tell(t, now.Add(23*time.Hour), sync, payment.Synced{Found: true})
	w.projected(t, 1, "SELECT count(*) FROM payments WHERE version = 3")
	at(t, s, q, 23*time.Hour+50*time.Minute)
	if got := q.takeAsked(); got != nil {
		t.Errorf("asked too early: %v", got)
	}
	at(t, s, q, 24*time.Hour+time.Minute)
	if got := q.takeAsked(); len(got) != 1 {
		t.Errorf("asked %v, want once when the session is over", got)
	}
}

// All sweepers make the same command of the same rows, so it is accepted once.
func TestSweeper_RechecksAreIdempotent(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	c := w.open(t, "buyer")
	w.tell(t, time.Now(), c, started(c), action("buyer"))
	w.projected(t, 1, "SELECT count(*) FROM payments WHERE version = 2")
	q.by = 16 * time.Minute
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.ask(t.Context(), time.Now().Add(16*time.Minute)); err != nil {
				t.Errorf("ask: %v", err)
			}
		})
	}
	wg.Wait()
	w.projected(t, 1, "SELECT count(*) FROM commands WHERE kind = 'sync' AND req_id LIKE 'payloom:recheck:buyer:2:%'")
	w.projected(t, 1, "SELECT count(*) FROM commands WHERE kind = 'sync'")
}

func TestSweeper_Measures(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	now := time.Now()
	w.open(t, "accepted")
	c := w.open(t, "unknown")
	w.tell(t, now, c, started(c), payment.OutcomeUnknown{Attempt: 1})
	c = w.open(t, "parked")
	w.tell(t, now, c, started(c), payment.Parked{Attempt: 1})
	c = w.open(t, "late")
	w.tell(t, now, c, started(c), payment.LateOutcome{Kind: payment.Authorize, Status: payment.Approved})
	w.projected(t, 4, "SELECT count(*) FROM operations WHERE accepted_at IS NOT NULL AND (version > 0 OR payment_id = 'accepted')")
	at(t, s, q, time.Hour)
	err := testutil.CollectAndCompare(s, strings.NewReader(`
# HELP payloom_attention_payments Payments that a person has to look at.
# TYPE payloom_attention_payments gauge
payloom_attention_payments{provider="computop",state="processing"} 2
# HELP payloom_open_operations Operations that are not at their end, or buried, by status.
# TYPE payloom_open_operations gauge
payloom_open_operations{provider="computop",status="accepted"} 1
payloom_open_operations{provider="computop",status="open"} 1
payloom_open_operations{provider="computop",status="parked"} 1
payloom_open_operations{provider="computop",status="unknown"} 1
# HELP payloom_open_payments Payments with an operation that is not at its end, by state.
# TYPE payloom_open_payments gauge
payloom_open_payments{provider="computop",state="accepted"} 1
payloom_open_payments{provider="computop",state="processing"} 3
# HELP payloom_parked_operations Operations that wait for a person.
# TYPE payloom_parked_operations gauge
payloom_parked_operations{provider="computop"} 1
# HELP payloom_unknown_outcomes Attempts that the provider may or may not have executed.
# TYPE payloom_unknown_outcomes gauge
payloom_unknown_outcomes{provider="computop"} 1
`), "payloom_attention_payments", "payloom_open_operations", "payloom_open_payments", "payloom_parked_operations", "payloom_unknown_outcomes")
	if err != nil {
		t.Error(err)
	}
	if age := testutil.ToFloat64(s.stats.oldest.WithLabelValues("computop")); age < 3590 || age > 3700 {
		t.Errorf("the oldest command is %v seconds old, want an hour", age)
	}
}

// A sweep that fails leaves the command to a later one.
func TestSweeper_FailsAndComesBack(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	w.open(t, "p1")
	w.projected(t, 1, "SELECT count(*) FROM operations")
	q.by, q.fail = time.Minute, errors.New("no broker")
	if err := s.sweep(t.Context()); !errors.Is(err, q.fail) {
		t.Errorf("sweep = %v, want the broker's error", err)
	}
	q.fail = nil
	q.takeWoken()
	at(t, s, q, 3*time.Minute)
	if got := q.takeWoken(); len(got) != 1 {
		t.Errorf("handed out %v, want the command", got)
	}
}

// The real bus hands a woken command to its worker's consumer.
func TestSweeper_WakesByTheBus(t *testing.T) {
	t.Parallel()
	w, s, _ := sweeping(t)
	c := w.open(t, "p1")
	w.projected(t, 1, "SELECT count(*) FROM operations")
	s.queue = ahead{w.bus}
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, err := w.bus.StreamState(t.Context(), "TIMERS")
	if err != nil || state.Messages != 1 {
		t.Fatalf("TIMERS holds %+v, %v, want one wake-up", state, err)
	}
	m, err := w.bus.MessageAt(t.Context(), "TIMERS", state.LastSeq)
	if err != nil || m.Subject != "pay.timer.due.computop.demo."+string(c.ID) {
		t.Errorf("wake-up %q, %v", m.Subject, err)
	}
}

// ahead is a bus that tells a minute more than it is, and wakes at its own time.
type ahead struct{ queue }

func (a ahead) Now(ctx context.Context) (time.Time, error) {
	now, err := a.queue.Now(ctx)
	return now.Add(time.Minute), err
}

func (a ahead) Wake(ctx context.Context, c payment.Command, at time.Time) error {
	return a.queue.Wake(ctx, c, at.Add(-time.Minute))
}

// TestSweeper_LeavesAloneWhatIsSetAside: commands of a paused provider, and of an
// account whose breaker is open, are neither woken nor counted as stuck; those of
// others are.
func TestSweeper_LeavesAloneWhatIsSetAside(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	book, err := account.Load(accountsFile(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHolds(func() *account.Book { return book }, zap.NewNop())
	s.held = h
	computop, axerve := protection.Account{Provider: payment.Computop}, protection.Account{Provider: payment.Axerve}
	w.open(t, "at-computop")
	elsewhere := newCommand("demo", "at-axerve", payment.Authorize, "open-at-axerve", euros(1000))
	elsewhere.Provider, elsewhere.Account = payment.Axerve, "it"
	w.accept(t, elsewhere)
	other := newCommand("demo", "at-axerve-us", payment.Authorize, "open-at-axerve-us", euros(1000))
	other.Provider, other.Account = payment.Axerve, "us"
	w.accept(t, other)
	w.projected(t, 3, "SELECT count(*) FROM operations WHERE status = 'accepted' AND accepted_at IS NOT NULL")

	tell := func(r protection.Record, a protection.Account, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		h.learn(protection.Key(r, a), data, 1)
	}
	tell(protection.SwitchRecord, computop, protection.Switch{Mode: protection.Paused})
	axerve.Merchant, axerve.Name = "demo", "it"
	tell(protection.BreakerRecord, axerve, protection.Breaker{State: protection.Open, RetryAt: time.Now().Add(24 * time.Hour)})
	at(t, s, q, time.Minute)
	if diff := cmp.Diff([]string{"at-axerve-us authorize"}, q.takeWoken()); diff != "" {
		t.Errorf("while held (-want +got):\n%s", diff)
	}
	if age := testutil.ToFloat64(s.stats.oldest.WithLabelValues("computop")); age != 0 {
		t.Errorf("a paused provider's oldest command is %v seconds old, want none", age)
	}
	if age := testutil.ToFloat64(s.stats.oldest.WithLabelValues("axerve")); age < 50 {
		t.Errorf("the oldest command elsewhere is %v seconds old, want a minute", age)
	}
	tell(protection.SwitchRecord, computop, protection.Switch{Mode: protection.Running})
	// Its time has come: somebody has to make the next try, or it stays open.
	tell(protection.BreakerRecord, axerve, protection.Breaker{State: protection.Open, RetryAt: time.Now()})
	at(t, s, q, time.Hour)
	if got := q.takeWoken(); len(got) != 3 {
		t.Errorf("after the release %v were woken, want all three", got)
	}
}
