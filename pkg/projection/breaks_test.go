package projection

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

func refundedByHand(id string) payment.Break {
	return payment.Break{
		ID: "break-" + id, Kind: payment.AmountDiffers, Figure: payment.FigureRefunded, Status: payment.BreakOpen,
		Here: 200, There: 350, Ref: "pay-" + id, Since: time.Now().UTC(),
	}
}

// differ settles a payment whose provider's books differ.
func (w *world) differ(t *testing.T, id string) {
	t.Helper()
	w.settle(t, id)
	w.tell(t, followUp(id, payment.Sync, 1, payment.Money{}), payment.ReconcileBreak{Break: refundedByHand(id)})
}

// breakLine is a row of reconcile_breaks without its times.
type breakLine struct {
	ID, Payment, Kind, Figure, Status, Currency string
	Here, There                                 int64
	Reason, Actor                               string
}

func (w *world) breaks(t *testing.T) []breakLine {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), `SELECT break_id, payment_id, kind, figure, status, currency, here, there, reason, actor
		FROM reconcile_breaks ORDER BY break_id`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[breakLine])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestBreaks_AreAsTheirLastEventsTell projects breaks that were found, that grew,
// healed and were closed, some of them in one batch.
func TestBreaks_AreAsTheirLastEventsTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	for _, id := range []string{"open", "grown", "healed", "closed"} {
		w.differ(t, id)
	}
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	grown, healed, closed := refundedByHand("grown"), refundedByHand("healed"), refundedByHand("closed")
	grown.There, healed.Status = 400, payment.BreakHealed
	closed.Status, closed.Reason, closed.Actor = payment.BreakClosed, "by telephone", "ann"
	again := grown
	again.There = 500
	w.tell(t, followUp("grown", payment.Sync, 1, payment.Money{}), payment.ReconcileBreak{Break: grown}, payment.ReconcileBreak{Break: again})
	w.tell(t, followUp("healed", payment.Sync, 1, payment.Money{}), payment.ReconcileBreak{Break: healed})
	w.tell(t, followUp("closed", payment.Sync, 1, payment.Money{}), payment.ReconcileBreak{Break: closed})
	w.caughtUp(t, p)
	line := func(id, status string, there int64, reason, actor string) breakLine {
		return breakLine{"break-" + id, id, "amount_differs", "refunded", status, "EUR", 200, there, reason, actor}
	}
	want := []breakLine{
		line("closed", "closed", 350, "by telephone", "ann"), line("grown", "open", 500, "", ""),
		line("healed", "healed", 350, "", ""), line("open", "open", 350, "", ""),
	}
	if diff := cmp.Diff(want, w.breaks(t)); diff != "" {
		t.Errorf("breaks (-want +got):\n%s", diff)
	}
	if n := w.count(t, "SELECT count(*) FROM payments WHERE refunded <> 200 OR captured <> 600 OR state <> 'partially_refunded'"); n != 0 {
		t.Errorf("breaks changed %d payments", n)
	}
}

// TestBreaks_AreKeptWhenTheStreamsForget rebuilds from streams that begin later.
func TestBreaks_AreKeptWhenTheStreamsForget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.differ(t, "a")
	w.differ(t, "b")
	healed := refundedByHand("a")
	healed.Status = payment.BreakHealed
	w.tell(t, followUp("a", payment.Sync, 1, payment.Money{}), payment.ReconcileBreak{Break: healed})
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	for name, first := range map[string]map[string]uint64{
		"nothing": {}, "what found one": {events0: 13}, "what found both": {events0: 25}, "all": {events0: 26},
	} {
		r, err := Rebuild(t.Context(), forgetful(w.bus, first), w.dsn, RebuildOptions{})
		if err != nil {
			t.Fatalf("%s: %v %v", name, err, r.Differences)
		}
		if live, made := r.Live.Tables["reconcile_breaks"], r.Rebuilt.Tables["reconcile_breaks"]; live.Count != 2 || live != made {
			t.Errorf("%s: %+v, rebuilt %+v", name, live, made)
		}
	}
}
