package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// bury stores the dead letter of an accepted command, as its worker does.
func (w *world) bury(t *testing.T, c payment.Command) {
	t.Helper()
	state, err := w.bus.StreamState(t.Context(), "COMMANDS_0")
	if err != nil {
		t.Fatal(err)
	}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := w.bus.MessageAt(t.Context(), "COMMANDS_0", seq)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(m.Subject, "."+string(c.ID)) {
			continue
		}
		err = w.bus.Bury(t.Context(), wire.DeadLetter{
			Service: "worker-computop", Reason: "poison", At: time.Now(), Stream: m.Stream, Sequence: m.Seq, Subject: m.Subject, Body: m.Data,
		})
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("command %s is not stored", c.ID)
}

func TestSweeper_LeavesBuriedCommandsAlone(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	w.bury(t, w.open(t, "dead"))
	c := w.open(t, "begun")
	w.tell(t, time.Now(), c, started(c))
	w.bury(t, c)
	w.open(t, "alive")
	w.projected(t, 2, "SELECT count(*) FROM operations WHERE status = 'dead' AND accepted_at IS NOT NULL")
	w.projected(t, 1, "SELECT count(*) FROM operations WHERE status = 'accepted'")
	at(t, s, q, time.Hour)
	if diff := cmp.Diff([]string{"alive authorize"}, q.takeWoken()); diff != "" {
		t.Errorf("handed out (-want +got):\n%s", diff)
	}
	if got := testutil.ToFloat64(s.stats.open.WithLabelValues("computop", projection.StatusDead)); got != 2 {
		t.Errorf("%v operations are counted as dead, want 2", got)
	}
	// An event takes the place of the burial.
	w.tell(t, time.Now(), c, payment.OperationSucceeded{Amount: 1000})
	w.projected(t, 1, "SELECT count(*) FROM operations WHERE payment_id = 'begun' AND status = 'succeeded'")
}

func TestAPI_ShowsThatACommandIsDead(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := w.open(t, "p1")
	w.bury(t, c)
	testkit.Eventually(t, patience, func() error {
		r := w.get(t, reader, "/v1/commands/"+string(c.ID))
		if !strings.Contains(string(r.body), `"status":"dead","done":true`) {
			return fmt.Errorf("command: %d %s", r.status, r.body)
		}
		return nil
	})
	r := w.get(t, reader, "/v1/payments/p1")
	if !strings.Contains(string(r.body), `"status":"dead"`) {
		t.Errorf("payment: %s", r.body)
	}
}

// The broker forgets a command after 40 days; nobody is woken for what may be gone.
func TestSweeper_CountsWhatIsTooOldToBeWoken(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	w.open(t, "p1")
	c := w.open(t, "p2")
	w.tell(t, time.Now().Add(30*24*time.Hour), c, started(c))
	w.projected(t, 1, "SELECT count(*) FROM operations WHERE status = 'accepted'")
	w.projected(t, 1, "SELECT count(*) FROM operations WHERE status = 'open' AND accepted_at IS NOT NULL")
	at(t, s, q, 35*24*time.Hour-time.Minute)
	if got := q.takeWoken(); len(got) != 2 {
		t.Errorf("before its time is over, handed out %v, want both", got)
	}
	at(t, s, q, 36*24*time.Hour)
	if got := q.takeWoken(); got != nil {
		t.Errorf("handed out %v, want none", got)
	}
	for _, status := range []string{"accepted", "open"} {
		if got := testutil.ToFloat64(s.stats.stranded.WithLabelValues("computop", status)); got != 1 {
			t.Errorf("%v stranded commands are %s, want 1", got, status)
		}
	}
}

// taken is a queue in which the questions about one payment cannot be stored.
type taken struct {
	*shifted
	id payment.ID
}

func (q taken) Accept(ctx context.Context, c payment.Command) (payment.Command, bool, error) {
	if c.Payment == q.id {
		return c, false, bus.ErrReqIDReused
	}
	return q.shifted.Accept(ctx, c)
}

func (q taken) Wake(ctx context.Context, c payment.Command, at time.Time) error {
	if c.Payment == q.id {
		return bus.ErrUnavailable
	}
	return q.shifted.Wake(ctx, c, at)
}

func TestSweeper_OnePaymentDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	for _, id := range []string{"a", "b", "c"} {
		c := w.open(t, id)
		w.tell(t, time.Now(), c, started(c), action(id))
		w.open(t, id+"-new")
	}
	w.projected(t, 3, "SELECT count(*) FROM payments WHERE version = 2")
	w.projected(t, 3, "SELECT count(*) FROM operations WHERE status = 'accepted'")
	q.by = 16 * time.Minute
	s.queue = taken{q, "a"}
	if err := s.sweep(t.Context()); !errors.Is(err, bus.ErrReqIDReused) {
		t.Errorf("sweep = %v, want ErrReqIDReused", err)
	}
	if diff := cmp.Diff([]string{"payloom:recheck:b:2:1", "payloom:recheck:c:2:1"}, q.takeAsked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	q.takeWoken()
	s.queue = taken{q, "a-new"}
	q.by = time.Hour
	if err := s.sweep(t.Context()); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("sweep = %v, want ErrUnavailable", err)
	}
	if got := q.takeWoken(); len(got) < 2 {
		t.Errorf("handed out %v, want b-new and c-new among them", got)
	}
}

// Whoever calls an own key by what the sweeper used to call its questions is in
// nobody's way.
func TestSweeper_AsksUnderKeysThatNoCallerHas(t *testing.T) {
	t.Parallel()
	w, s, _ := sweeping(t)
	id := s.recheck(waitingFor("p1"), time.Now()).ReqID
	if err := id.Validate(); err != nil || !id.Reserved() {
		t.Errorf("ReqID %q, %v, want a reserved one", id, err)
	}
	long := s.recheck(waitingFor(strings.Repeat("x", 64)), time.Now()).ReqID
	if err := long.Validate(); err != nil {
		t.Errorf("ReqID of the longest payment id: %v", err)
	}
	w.accept(t, newCommand("demo", "p1", payment.Sync, "recheck-p1-2-1", payment.Money{}))
	if _, replayed, err := w.bus.Accept(t.Context(), s.recheck(waitingFor("p1"), time.Now())); err != nil || replayed {
		t.Errorf("Accept: replayed %t, %v", replayed, err)
	}
}

func waitingFor(id string) store.Waiting {
	return store.Waiting{Merchant: "demo", Payment: payment.ID(id), Provider: payment.Computop, Account: "eu", Version: 2, Since: time.Now()}
}

// TestSweeper_CountsDeadLettersUntilAnOperatorEndsThem: an alarm that nobody can end
// is one that nobody hears.
func TestSweeper_CountsDeadLettersUntilAnOperatorEndsThem(t *testing.T) {
	t.Parallel()
	w, s, q := sweeping(t)
	w.bury(t, w.open(t, "one"))
	w.bury(t, w.open(t, "two"))
	w.projected(t, 2, "SELECT count(*) FROM dead_letters")
	counted := func(want string) {
		t.Helper()
		at(t, s, q, 0)
		if want != "" {
			want = "# HELP payloom_dead_letters Dead letters that nobody has replayed or discarded.\n# TYPE payloom_dead_letters gauge\n" +
				`payloom_dead_letters{service="worker-computop",stream="COMMANDS_0"} ` + want + "\n"
		}
		if err := testutil.CollectAndCompare(s, strings.NewReader(want), "payloom_dead_letters"); err != nil {
			t.Error(err)
		}
	}
	counted("2")
	r := wire.AuditRecord{Actor: "alex", Action: bus.DiscardLetter, Stream: bus.DeadStream, Sequence: 1}
	if err := w.bus.Audited(t.Context(), r, func(context.Context) (string, error) { return "", nil }); err != nil {
		t.Fatal(err)
	}
	counted("1")
	r.Sequence, r.Action = 2, bus.ReplayLetter
	failed := errors.New("it failed")
	if err := w.bus.Audited(t.Context(), r, func(context.Context) (string, error) { return "", failed }); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	counted("1")
}
