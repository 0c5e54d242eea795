package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/internal/reconcile"
)

// counted is a broker and rows that follow it.
type counted struct {
	t   *testing.T
	env map[string]string
	bus *bus.Bus
	db  *pgxpool.Pool
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	w := &counted{t: t, env: map[string]string{"NATS_URL": cfg.URL, "DATABASE_URL": testkit.Postgres(t)}, bus: bustest.Connect(t, cfg, "test")}
	var err error
	if w.db, err = projection.Open(t.Context(), w.env["DATABASE_URL"], "test"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = projection.New(w.bus, w.db, projection.Options{}).Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return w
}

// paid plays a captured payment, with what was found about it after.
func (w *counted) paid(id string, found ...payment.EventData) {
	w.t.Helper()
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID("open-" + id), Payment: payment.ID(id), Provider: payment.Computop, Kind: payment.Authorize,
		Amount:        payment.Money{Minor: 1000, Currency: "EUR"},
		Authorization: &payment.Authorization{Method: payment.Button, Capture: payment.CaptureAuto},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := w.bus.Accept(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
	all := append([]payment.EventData{
		payment.AttemptStarted{Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: id, Account: "eu", Terms: &payment.Terms{}},
		payment.OperationSucceeded{Ref: "x", Amount: 1000, Captured: true},
	}, found...)
	var head payment.Head
	for _, d := range all {
		e := payment.Event{Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: time.Now().UTC(), Source: payment.FromWorker, Data: d}
		var err error
		if head, err = w.bus.Append(w.t.Context(), head, e); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *counted) until(want int, sql string) {
	w.t.Helper()
	testkit.Eventually(w.t, 20*time.Second, func() error {
		var n int
		if err := w.db.QueryRow(w.t.Context(), sql).Scan(&n); err != nil {
			return err
		}
		if n != want {
			return fmt.Errorf("%s: %d, want %d", sql, n, want)
		}
		return nil
	})
}

// TestReconcile_ReportAndClose: a difference is reported until a person accepts it,
// and the audit knows who.
func TestReconcile_ReportAndClose(t *testing.T) {
	t.Parallel()
	w := newCounted(t)
	w.paid("good")
	w.paid("bad", payment.ReconcileBreak{Break: payment.Break{
		ID: "4pzr6nmykvblm2alixwmpcjq4m", Kind: payment.MissingHere, Figure: payment.FigureRefunded, Status: payment.BreakOpen,
		There: 250, Ref: "=pay", Since: time.Now().UTC().Add(-2 * time.Hour),
	}})
	w.until(2, "SELECT count(*) FROM payments WHERE state = 'captured'")
	w.until(2, "SELECT count(*) FROM commands")
	w.until(1, "SELECT count(*) FROM reconcile_breaks")

	got := payctl(t, w.env, "", "reconcile", "report")
	for _, want := range []string{"computop  eu       EUR", "missing_here", "demo/bad", "2.50", "2h0m0s"} {
		if got.code != 1 || !strings.Contains(got.out, want) {
			t.Errorf("exit code %d, and no %q in:\n%s%s", got.code, want, got.out, got.err)
		}
	}
	var r reconcile.Report
	got = payctl(t, w.env, "", "reconcile", "report", "--json")
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || len(r.Lines) != 1 || len(r.Breaks) != 1 ||
		r.Lines[0] != (reconcile.Line{Provider: "computop", Account: "eu", Currency: "EUR", Payments: 2, Differ: 1, Waiting: 1}) {
		t.Errorf("JSON: %v %+v", err, r)
	}
	got = payctl(t, w.env, "", "reconcile", "report", "--format", "csv")
	lines, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
	if err != nil || len(lines) != 2 || lines[1][9] != "250" || lines[1][12] != "'=pay" {
		t.Errorf("CSV: %v %q", err, lines)
	}
	if got := payctl(t, w.env, "", "reconcile", "report", "--provider", "axerve", "--json"); got.code != 0 {
		t.Errorf("of another provider: exit code %d: %s%s", got.code, got.out, got.err)
	}

	closing := []string{"reconcile", "close", "4pzr6nmykvblm2alixwmpcjq4m", "--actor", "alex", "--reason", "by telephone"}
	if got := payctl(t, w.env, "", closing...); got.code != 0 {
		t.Fatalf("close: exit code %d: %s", got.code, got.err)
	}
	w.until(1, "SELECT count(*) FROM reconcile_breaks WHERE status = 'closed' AND actor = 'alex' AND reason = 'by telephone'")
	if got := payctl(t, w.env, "", "reconcile", "report"); got.code != 0 || !strings.Contains(got.out, "no open breaks") {
		t.Errorf("after it was closed: exit code %d: %s%s", got.code, got.out, got.err)
	}
	if got := payctl(t, w.env, "", closing...); got.code != 1 || !strings.Contains(got.err, "not open") {
		t.Errorf("a second time: exit code %d: %s", got.code, got.err)
	}
	if got := payctl(t, w.env, "", "audit", "list", "--action", "reconcile.close"); strings.Count(got.out, "alex") != 2 {
		t.Errorf("the audit says %s%s", got.out, got.err)
	}
	w.until(0, "SELECT count(*) FROM payments WHERE captured <> 1000 OR refunded <> 0 OR state <> 'captured'")
}

// TestReconcile_Run has a run wanted, and carried out by whoever is there.
func TestReconcile_Run(t *testing.T) {
	t.Parallel()
	w := newCounted(t)
	if got := payctl(t, w.env, "", "reconcile", "run", "--reason", "x", "--actor", "alex"); got.code != 0 || !strings.Contains(got.out, "is wanted") {
		t.Fatalf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	w.until(1, "SELECT count(*) FROM reconcile_runs WHERE ended_at IS NULL AND NOT everything")
	if got := payctl(t, w.env, "", "--timeout", "300ms", "reconcile", "run", "--everything", "--wait", "--reason", "x", "--actor", "alex"); got.code != 1 {
		t.Errorf("nobody runs, and it ended with %d: %s", got.code, got.out)
	}
	for name, args := range map[string][]string{
		"no reason": {"run"}, "no break": {"close", "--reason", "x"}, "no time": {"report", "--since", "0s"},
		"no such provider": {"report", "--provider", "x"}, "no such format": {"report", "--format", "xls"},
	} {
		if got := payctl(t, w.env, "", append([]string{"reconcile"}, args...)...); got.code != 2 {
			t.Errorf("%s: exit code %d: %s", name, got.code, got.err)
		}
	}
}
