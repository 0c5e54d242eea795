package projection

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/wire"
)

// buryCommand stores the dead letter of c, as a worker does that cannot handle it.
func (w *world) buryCommand(t *testing.T, c payment.Command) {
	t.Helper()
	state, err := w.bus.StreamState(t.Context(), commands0)
	if err != nil {
		t.Fatal(err)
	}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := w.bus.MessageAt(t.Context(), commands0, seq)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := wire.UnmarshalCommand(m.Data); err == nil && found.ID == c.ID {
			w.bury(t, m.Stream, m.Seq, m.Subject, m.Data)
			return
		}
	}
	t.Fatalf("command %s is not stored", c.ID)
}

func (w *world) bury(t *testing.T, stream string, seq uint64, subject string, body []byte) {
	t.Helper()
	err := w.bus.Bury(t.Context(), wire.DeadLetter{
		Service: "worker-computop", Reason: "poison", At: time.Now(), Stream: stream, Sequence: seq, Subject: subject, Deliveries: 3, Body: body,
	})
	if err != nil {
		t.Fatal(err)
	}
}

const commands0 = "COMMANDS_0"

// buryAll plays payments whose commands are buried, each named by the status that
// its operation has in the end.
func (w *world) buryAll(t *testing.T) map[string]string {
	t.Helper()
	want := make(map[string]string)
	play := func(id, status string, before, after []payment.EventData) {
		c := w.accept(t, authorize(id))
		if len(before) > 0 {
			w.tell(t, c, before...)
		}
		w.buryCommand(t, c)
		if len(after) > 0 {
			w.tell(t, c, after...)
		}
		want[id] = status
	}
	begun := started(authorize("any"))
	unknown := payment.OutcomeUnknown{Attempt: 1, RetryAt: time.Now().Add(time.Hour).UTC()}
	play("accepted", StatusDead, nil, nil)
	play("begun", StatusDead, []payment.EventData{begun}, nil)
	play("unknown", StatusDead, []payment.EventData{begun, unknown}, nil)
	play("declined", "declined", []payment.EventData{begun, payment.OperationDeclined{}}, nil)
	play("replayed", "open", nil, []payment.EventData{begun})
	play("ended", "declined", []payment.EventData{begun}, []payment.EventData{payment.OperationDeclined{}})
	return want
}

// projectOnly brings one stream up to its end.
func (w *world) projectOnly(t *testing.T, pool *pgxpool.Pool, stream string) {
	t.Helper()
	state, err := w.bus.StreamState(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	until := make(map[string]uint64)
	for _, s := range streamsOf(w.bus) {
		until[s] = 0
	}
	until[stream] = state.LastSeq
	if err := New(w.bus, pool, Options{Until: until}).Run(t.Context()); err != nil {
		t.Fatalf("project %s: %v", stream, err)
	}
}

func statuses(t *testing.T, pool *pgxpool.Pool) map[string]string {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT payment_id, status FROM operations")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := make(map[string]string)
	for rows.Next() {
		var id, status string
		if err := rows.Scan(&id, &status); err != nil {
			t.Fatal(err)
		}
		got[id] = status
	}
	return got
}

func TestProjector_ABuriedCommandIsDeadInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	want := w.buryAll(t)
	server := testkit.PostgresServer(t)
	var first map[string]string
	for _, order := range [][3]string{
		{commands0, events0, bus.DeadStream}, {commands0, bus.DeadStream, events0}, {events0, commands0, bus.DeadStream},
		{events0, bus.DeadStream, commands0}, {bus.DeadStream, commands0, events0}, {bus.DeadStream, events0, commands0},
	} {
		dsn := emptyDatabase(t, server)
		if _, err := Migrate(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
		pool, err := Open(t.Context(), dsn, "test")
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range order {
			w.projectOnly(t, pool, stream)
		}
		if diff := cmp.Diff(want, statuses(t, pool)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", order, diff)
		}
		pool.Close()
		hashes, err := RowHashes(t.Context(), dsn, Live)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = hashes
		}
		if diff := cmp.Diff(first, hashes); diff != "" {
			t.Errorf("%v has other rows (-first +this):\n%s", order, diff)
		}
	}
}

func TestRebuild_OfBuriedCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.buryAll(t)
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	for name, first := range map[string]map[string]uint64{
		"all there":       nil,
		"no letters":      {bus.DeadStream: 7},
		"some letters":    {bus.DeadStream: 3},
		"no commands":     {commands0: 7},
		"nothing":         {commands0: 7, events0: 9, bus.DeadStream: 7},
		"a bit of it all": {commands0: 2, events0: 4, bus.DeadStream: 5},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Rebuild(t.Context(), forgetful(w.bus, first), w.dsn, RebuildOptions{})
			if err != nil {
				t.Fatalf("rebuild: %v %v", err, r.Differences)
			}
			checkEqual(t, r)
		})
	}
}

// A command on another merchant's subject says nothing about the one it names,
// buried or not.
func TestProjector_DeadLettersCountByTheirSubject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.accept(t, authorize("p1"))
	body, err := wire.MarshalCommand(c)
	if err != nil {
		t.Fatal(err)
	}
	w.bury(t, commands0, 99, "pay.cmd.0.computop.other."+string(c.ID), body)
	w.bury(t, commands0, 100, "pay.cmd.0.computop.demo."+string(c.ID), []byte("\xff"))
	w.bury(t, "TIMERS", 101, "pay.timer.due.computop.demo."+string(c.ID), nil)
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	if got := w.count(t, "SELECT count(*) FROM dead_letters"); got != 3 {
		t.Errorf("%d dead letters, want 3", got)
	}
	if diff := cmp.Diff(map[string]string{"p1": StatusAccepted}, statuses(t, w.pool)); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestDecodeCommand_RefusesAnothersSubject(t *testing.T) {
	t.Parallel()
	c := authorize("p1")
	data, err := wire.MarshalCommand(c)
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]error{
		"pay.cmd.0.computop.demo." + string(c.ID):  nil,
		"pay.cmd.0.computop.other." + string(c.ID): errMisplaced,
		"pay.cmd.0.axerve.demo." + string(c.ID):    errMisplaced,
		"pay.cmd.0.computop.demo.x":                errMisplaced,
		"pay.dead.worker":                          errMisplaced,
	} {
		if _, err := decodeCommand(subject, data); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", subject, err, want)
		}
	}
}
