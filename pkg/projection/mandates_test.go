package projection

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

// agree plays the first payment of a series, which gives a mandate.
func (w *world) agree(t *testing.T, id, mandate string) {
	t.Helper()
	c := authorize(id)
	c.Account = "eu"
	c.Authorization.Recurring = &payment.Recurring{Cycle: payment.Month, Interval: 1}
	c = w.accept(t, c)
	s := started(c)
	s.Account, s.Terms.Cycle = "eu", payment.Month
	w.tell(t, c, s, payment.OperationSucceeded{Ref: "pay-" + id, Amount: 1000},
		payment.MandateIssued{Mandate: payment.Mandate{ID: mandate, Cycle: payment.Month}})
}

func charge(id, mandate string) payment.Command {
	c := authorize(id)
	c.Authorization.Method, c.Authorization.Mandate = payment.MandateCharge, mandate
	return c
}

// charge plays a charge of a mandate to its end.
func (w *world) charge(t *testing.T, id, mandate string, end payment.EventData) {
	t.Helper()
	c := w.accept(t, charge(id, mandate))
	s := started(c)
	s.Terms.Method = payment.MandateCharge
	w.tell(t, c, s, end)
}

// mandateLine is a row of mandates without its time.
type mandateLine struct{ ID, Provider, Account, Payment, Cycle string }

func (w *world) mandates(t *testing.T) []mandateLine {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), "SELECT mandate_id, provider, account, payment_id, cycle FROM mandates ORDER BY mandate_id")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mandateLine])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestMandates_AreThoseGivenAndThoseOnlyCharged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.agree(t, "first", "given")
	w.agree(t, "again", "given") // some providers name one permission with every payment
	w.charge(t, "next", "given", payment.OperationSucceeded{Amount: 1000})
	w.charge(t, "other", "brought", payment.OperationDeclined{Reason: payment.ReasonMandateInvalid})
	w.charge(t, "long", strings.Repeat("x", maxRef+1), payment.OperationSucceeded{Amount: 1000})
	w.settle(t, "button")
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	want := []mandateLine{{"brought", "computop", "", "", ""}, {"given", "computop", "eu", "first", "month"}}
	if diff := cmp.Diff(want, w.mandates(t)); diff != "" {
		t.Errorf("mandates (-want +got):\n%s", diff)
	}
	for sql, want := range map[string]int{
		"SELECT count(*) FROM operations WHERE mandate = 'given' AND payment_id = 'next'":                                                     1,
		"SELECT count(*) FROM operations WHERE mandate <> ''":                                                                                 2,
		"SELECT count(*) FROM mandates m JOIN events e ON e.type = 'MandateIssued' AND e.payment_id = m.payment_id AND e.at = m.at":           1,
		"SELECT count(*) FROM mandates m JOIN commands c ON c.payment_id = 'other' AND c.accepted_at = m.at AND m.mandate_id = 'brought'":     1,
		"SELECT count(*) FROM payments WHERE kind = 'authorize'":                                                                              6,
		"SELECT count(*) FROM payments p JOIN operations o ON o.command_id = p.opened_by AND o.kind = p.kind AND o.payment_id = p.payment_id": 6,
	} {
		if got := w.count(t, sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
}

// Charges come by other streams than the payments that give mandates, and may be
// projected long before or after.
func TestMandates_OrderOfStreamsDoesNotShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	for i := range 24 {
		mandate := fmt.Sprintf("m%d", rand.IntN(8))
		id := fmt.Sprintf("p%d", i)
		if rand.IntN(2) == 0 {
			w.agree(t, id, mandate)
		} else {
			w.charge(t, id, mandate, payment.OperationSucceeded{Amount: 1000})
		}
	}
	p, _ := w.project(t, edited{Bus: w.bus}, Options{Batch: 1})
	w.caughtUp(t, p)
	for range 3 {
		r, err := Rebuild(t.Context(), w.bus, w.dsn, RebuildOptions{})
		if err != nil {
			t.Fatalf("%v %v", err, r.Differences)
		}
		checkEqual(t, r)
		if r.Live.Tables["mandates"].Count == 0 {
			t.Error("there are no mandates")
		}
	}
}

func TestMandates_AreKeptWhenTheStreamsForget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.agree(t, "a", "given")
	w.charge(t, "b", "given", payment.OperationSucceeded{Amount: 1000})
	w.charge(t, "c", "brought", payment.OperationSucceeded{Amount: 1000})
	w.agree(t, "d", "late")
	w.agree(t, "e", "given")
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	for name, first := range map[string]map[string]uint64{
		"a command":         {"COMMANDS_0": 2},
		"all commands":      {"COMMANDS_0": 6},
		"what gave one":     {events0: 4},
		"some charges":      {events0: 6, "COMMANDS_0": 3},
		"all events":        {events0: 14},
		"all of everything": {events0: 14, "COMMANDS_0": 6},
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

// A database that was made before these migrations gets them although one with a
// higher number has run, and its rows are filled in as far as they can be.
func TestMigrate_FillsInWhatWasThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.agree(t, "a", "given")
	w.agree(t, "b", "given")
	w.settle(t, "c")
	w.buryCommand(t, w.accept(t, authorize("d")))
	p, stop := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	stop()
	before, err := RowHashes(t.Context(), w.dsn, Live)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"DROP TABLE mandates", "ALTER TABLE operations DROP COLUMN mandate", "ALTER TABLE payments DROP COLUMN kind",
		"UPDATE operations SET status = 'accepted' WHERE status = 'dead'", "ALTER TABLE operations DROP COLUMN buried_at",
		"ALTER TABLE payments DROP COLUMN outlived", "DROP INDEX IF EXISTS operations_dead",
		"DROP TABLE reconcile_runs, reconcile_breaks", "DROP INDEX commands_by_time", "ALTER TABLE payments DROP COLUMN personal",
		"DELETE FROM goose_db_version WHERE version_id IN (2, 3, 4, 15)",
	} {
		if _, err := w.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := CheckMigrated(t.Context(), w.pool); err == nil || !strings.Contains(err.Error(), "lacks one before") {
		t.Errorf("CheckMigrated = %v", err)
	}
	if lines, err := Migrate(t.Context(), w.dsn); err != nil || len(lines) != 4 {
		t.Fatalf("Migrate = %v, %v, want four files", lines, err)
	}
	after, err := RowHashes(t.Context(), w.dsn, Live)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
	if err := CheckMigrated(t.Context(), w.pool); err != nil {
		t.Error(err)
	}
}

func TestFirst_IsTheEarliestWhateverTheOrder(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	rows := []mandateRow{
		{merchant: "a", id: "m", payment: "p1", at: at}, {merchant: "a", id: "m", payment: "p2", at: at},
		{merchant: "a", id: "m", payment: "p0", at: at.Add(time.Second)}, {merchant: "a", id: "n", at: at}, {merchant: "b", id: "m", at: at},
	}
	want := []mandateRow{rows[0], rows[3], rows[4]}
	for range 20 {
		mixed := append([]mandateRow{}, rows...)
		rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if diff := cmp.Diff(want, first(mixed), cmp.AllowUnexported(mandateRow{})); diff != "" {
			t.Fatalf("first (-want +got):\n%s", diff)
		}
	}
}
