package callback_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// mustReverify returns the counts and the lines.
func (w *world) mustReverify(which callback.Which, since time.Time) (callback.Counts, []callback.Line) {
	w.t.Helper()
	var lines []callback.Line
	counts, err := callback.Reverify(w.t.Context(), w.bus, w.interpreter(), callback.Choice{Which: which, Since: since}, func(l callback.Line) { lines = append(lines, l) })
	if err != nil {
		w.t.Fatalf("reverify: %v", err)
	}
	return counts, lines
}

func checkCounts(t *testing.T, got, want callback.Counts) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestReverify_AfterAFix has callbacks come while the parser could not read them.
func TestReverify_AfterAFix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *callback.Options) { o.Parsers = failing(provider.ErrUnreadable) })
	w.append("order-1", opened("order-1", ""))
	w.append("order-2", opened("order-2", ""))
	for _, fields := range [][]string{notify("order-1"), notify("order-2"), notify("nobody")} {
		w.mustNotify(w.sealed(fields))
	}
	broken := w.interpreter(func(o *callback.InterpreterOptions) { o.Parsers = failing(provider.ErrUnreadable) })
	for _, c := range w.stored() {
		w.mustHandle(broken, c)
	}
	w.checkTypes("order-1", payment.TypeAttemptStarted)

	counts, lines := w.mustReverify(callback.OnlyQuarantined, time.Time{})
	checkCounts(t, counts, callback.Counts{callback.Applied: 2, callback.Waiting: 1})
	if len(lines) != 3 || lines[0].Payment != "order-1" || lines[0].Was != wire.Quarantined || lines[0].Events != 1 || lines[0].ID == "" {
		t.Errorf("lines are %+v", lines)
	}
	if lines[2].Why == "" || lines[2].Payment != "nobody" {
		t.Errorf("the last line does not say why: %+v", lines[2])
	}
	if got := w.find("order-2").State; got != payment.StateAuthorized {
		t.Errorf("payment is %s, want authorized", got)
	}

	counts, _ = w.mustReverify(callback.OnlyQuarantined, time.Time{})
	checkCounts(t, counts, callback.Counts{callback.Known: 2, callback.Waiting: 1})
	w.checkTypes("order-1", payment.TypeAttemptStarted, payment.TypeOperationSucceeded)
}

func TestReverify_Which(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	w.append("order-2", opened("order-2", ""))
	for _, fields := range [][]string{
		notify("order-1"), notify("order-2"), notify("order-1", "AmountAuth", "ten", "XID", "x"),
	} {
		w.mustNotify(w.sealed(fields))
	}
	all := w.stored()
	w.mustHandle(w.interpreter(), all[0])

	counts, _ := w.mustReverify(callback.OnlyQuarantined, time.Time{})
	checkCounts(t, counts, callback.Counts{callback.Quarantined: 1})
	counts, _ = w.mustReverify(callback.OnlyFailed, time.Time{})
	checkCounts(t, counts, callback.Counts{callback.Quarantined: 1, callback.Applied: 1})
	counts, _ = w.mustReverify(callback.Everything, time.Time{})
	checkCounts(t, counts, callback.Counts{callback.Quarantined: 1, callback.Known: 2})
}

func TestReverify_Since(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var times []time.Time
	for _, id := range []payment.ID{"a", "b", "c", "d", "e"} {
		w.mustNotify(w.sealed(notify(id)))
	}
	_, lines := w.mustReverify(callback.Everything, time.Time{})
	for _, l := range lines {
		times = append(times, l.Stored)
	}
	if len(times) != 5 {
		t.Fatalf("%d lines, want 5", len(times))
	}
	for k, since := range times {
		_, lines := w.mustReverify(callback.Everything, since)
		if len(lines) != 5-k || lines[0].Stored != since {
			t.Errorf("since the callback %d: %d lines, want %d", k, len(lines), 5-k)
		}
	}
	_, lines = w.mustReverify(callback.Everything, times[4].Add(time.Nanosecond))
	if len(lines) != 0 {
		t.Errorf("since after the last: %d lines, want none", len(lines))
	}
}

func TestReverify_NothingStored(t *testing.T) {
	t.Parallel()
	counts, _ := newWorld(t).mustReverify(callback.Everything, time.Now())
	checkCounts(t, counts, callback.Counts{})
}
