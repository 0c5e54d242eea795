package projection

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/wire"
)

// grave collects what is buried.
type grave struct {
	mu  sync.Mutex
	all []wire.DeadLetter
}

func (g *grave) bury(_ context.Context, d wire.DeadLetter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, d)
	return nil
}

func TestProjector_SetsAsideAnEventThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.settle(t, "good1")
	open := w.accept(t, authorize("bad"))
	head := w.tell(t, open, started(open), payment.OperationSucceeded{Amount: 1000})
	w.settle(t, "good2")
	g := &grave{}
	p, _ := w.project(t, garbled(w.bus, events0, head.Seq, []byte("\xff\xffgarbage")), Options{Bury: g.bury})
	w.caughtUp(t, p)

	if got := w.count(t, "SELECT count(*) FROM payments WHERE state = 'partially_refunded' AND NOT attention"); got != 2 {
		t.Errorf("%d other payments are whole, want 2", got)
	}
	if got := w.count(t, "SELECT count(*) FROM payments WHERE payment_id = 'bad' AND attention AND quarantined = 'event EVENTS_0/13 could not be projected' AND version = 2"); got != 1 {
		t.Error("the payment of the event is not marked")
	}
	if len(g.all) != 1 || g.all[0].Sequence != head.Seq || g.all[0].Stream != events0 || string(g.all[0].Body) != "\xff\xffgarbage" {
		t.Errorf("buried %+v, want the event once", g.all)
	}
}

// An event may be readable and still be too much for the database. The events
// after it carry the whole payment, so all but the one is right again.
func TestProjector_SetsAsideAnEventThatCannotBeStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	open := w.accept(t, authorize("bad"))
	w.tell(t, open, started(open))
	giant := open
	for range 200 {
		giant.ID += payment.CommandID(strings.ToLower(rand.Text())) // no index holds such an entry
	}
	w.tell(t, giant, payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonState})
	w.tell(t, open, payment.OperationSucceeded{Amount: 1000})
	w.settle(t, "good")
	g := &grave{}
	p, _ := w.project(t, w.bus, Options{Bury: g.bury})
	w.caughtUp(t, p)
	if got := w.count(t, "SELECT count(*) FROM payments WHERE payment_id = 'bad' AND state = 'authorized' AND authorized = 1000 AND version = 3 AND attention"); got != 1 {
		t.Error("the payment is not as its last event tells, or not marked")
	}
	if got := w.count(t, "SELECT count(*) FROM events"); got != 13 {
		t.Errorf("%d events, want all 14 but one", got)
	}
	if len(g.all) != 1 || g.all[0].Sequence != 2 || !strings.Contains(g.all[0].Reason, "54000") {
		t.Errorf("buried %d, want the one event with its reason", len(g.all))
	}
}

func TestProjector_BuriesOnTheBrokerAndShowsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	open := w.accept(t, authorize("bad"))
	head := w.tell(t, open, started(open))
	p, _ := w.project(t, garbled(w.bus, events0, head.Seq, []byte("\xff")), Options{Bury: w.bus.Bury})
	w.caughtUp(t, p)
	testkit.Eventually(t, patience, func() error {
		if w.count(t, "SELECT count(*) FROM dead_letters WHERE service = 'state-tracker' AND stream = 'EVENTS_0' AND stream_seq = 1") != 1 {
			return errors.New("no dead letter")
		}
		return nil
	})
}

func TestProjector_PassesOverACommandThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.accept(t, authorize("p1"))
	w.accept(t, authorize("p2"))
	p, _ := w.project(t, garbled(w.bus, "COMMANDS_0", 1, []byte("\xff")), Options{})
	w.caughtUp(t, p)
	if got := w.count(t, "SELECT count(*) FROM payments"); got != 1 {
		t.Errorf("%d payments, want the other one", got)
	}
}

func TestProjector_StoresTextWithNUL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	open := w.accept(t, authorize("p1"))
	w.tell(t, open, started(open),
		payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "A\x00B", Email: `c:\u0000`}},
		payment.OperationDeclined{Code: "1\x002", Reason: payment.ReasonDeclined})
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)
	var name, email, code string
	err := w.pool.QueryRow(t.Context(), `SELECT buyer->>'name', buyer->>'email', o.code FROM payments JOIN operations o USING (merchant, payment_id)`).
		Scan(&name, &email, &code)
	if err != nil {
		t.Fatal(err)
	}
	if name != "A\uFFFDB" || email != `c:\u0000` || code != "1\uFFFD2" {
		t.Errorf("got %q, %q, %q", name, email, code)
	}
	if got := w.count(t, "SELECT count(*) FROM payments WHERE attention"); got != 0 {
		t.Error("the payment is marked")
	}
}
