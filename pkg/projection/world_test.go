package projection

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/wire"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// world is a broker, a database and a merchant's payments.
type world struct {
	bus  *bus.Bus
	cfg  bus.Config
	dsn  string
	pool *pgxpool.Pool
}

func newWorld(t *testing.T, shards int) *world {
	t.Helper()
	dsn := testkit.Postgres(t)
	pool, err := Open(t.Context(), dsn, "test")
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(pool.Close)
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{Shards: shards})
	return &world{bus: bustest.Connect(t, cfg, "test"), cfg: cfg, dsn: dsn, pool: pool}
}

// project runs a projector on src until the returned function, or the test, ends it.
func (w *world) project(t *testing.T, src Source, o Options) (p *Projector, stop func()) {
	t.Helper()
	o.Log = zaptest.NewLogger(t, zaptest.Level(zap.DPanicLevel))
	p = New(src, w.pool, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("projector: %v", err)
		}
	}
	t.Cleanup(stop)
	return p, stop
}

// caughtUp waits until every stream is projected.
func (w *world) caughtUp(t *testing.T, p *Projector) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		if err := p.Err(); err != nil {
			t.Fatalf("halted: %v", err)
		}
		lags, err := p.Lag(t.Context())
		if err != nil {
			return err
		}
		for _, l := range lags {
			if l.Messages > 0 {
				return fmt.Errorf("%d messages of %s are not projected", l.Messages, l.Stream)
			}
		}
		return nil
	})
}

func euros(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

func authorize(id string) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID("open-" + id), Payment: payment.ID(id), Provider: payment.Computop,
		Kind: payment.Authorize, Amount: euros(1000), Reference: "order " + id,
		Authorization: &payment.Authorization{
			Method: payment.Button, Capture: payment.CaptureManual, Country: "EU",
			Return: payment.ReturnURLs{Success: "https://shop.example/ok"},
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

func followUp(id string, k payment.Kind, n int, amount payment.Money) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID(fmt.Sprintf("%s-%s-%d", k, id, n)), Payment: payment.ID(id),
		Provider: payment.Computop, Kind: k, Amount: amount,
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

func (w *world) accept(t *testing.T, c payment.Command) payment.Command {
	t.Helper()
	if _, _, err := w.bus.Accept(t.Context(), c); err != nil {
		t.Fatalf("accept: %v", err)
	}
	stored, err := w.bus.Command(t.Context(), c.Merchant, c.ID)
	if err != nil {
		t.Fatalf("command: %v", err)
	}
	return stored
}

// tell appends events of c, in order.
func (w *world) tell(t *testing.T, c payment.Command, all ...payment.EventData) payment.Head {
	t.Helper()
	head, err := w.bus.Load(t.Context(), c.Merchant, c.Payment)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, data := range all {
		head, err = w.bus.Append(t.Context(), head, payment.Event{
			Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID,
			At: time.Now().UTC(), Source: payment.FromWorker, Data: data,
		})
		if err != nil {
			t.Fatalf("append %s: %v", data.Type(), err)
		}
	}
	return head
}

func started(c payment.Command) payment.AttemptStarted {
	s := payment.AttemptStarted{Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: string(c.Payment), Idem: string(c.ID)}
	if c.Kind.Opens() {
		s.Terms = &payment.Terms{Capture: payment.CaptureManual, Method: payment.Button}
	}
	return s
}

// settle plays a payment: opened, authorised, captured in part, refunded in part.
func (w *world) settle(t *testing.T, id string) {
	t.Helper()
	open := w.accept(t, authorize(id))
	w.tell(t, open, started(open),
		payment.ActionRequired{Attempt: 1, Ref: "pay-" + id, Refs: map[string]string{"pay_id": "pay-" + id},
			Action: payment.Action{Type: payment.ActionButton, Payload: "p", Signature: "s", PublicKeyID: "k"}},
		payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "A. Buyer", Email: "buyer@example.org"}},
		payment.OperationSucceeded{Ref: "pay-" + id, Code: "00000000", Amount: 1000})
	take := w.accept(t, followUp(id, payment.Capture, 1, euros(600)))
	w.tell(t, take, started(take), payment.OperationSucceeded{Ref: "cap-" + id, Amount: 600})
	give := w.accept(t, followUp(id, payment.Refund, 1, euros(200)))
	w.tell(t, give, started(give), payment.OperationPending{Attempt: 1, Ref: "ref-" + id}, payment.OperationSucceeded{Ref: "ref-" + id, Amount: 200})
	nope := w.accept(t, followUp(id, payment.Cancel, 1, payment.Money{}))
	w.tell(t, nope, payment.OperationRejected{Kind: payment.Cancel, Reason: payment.ReasonState, Detail: "nothing to cancel"})
	ask := w.accept(t, followUp(id, payment.Sync, 1, payment.Money{}))
	w.tell(t, ask, payment.Synced{Found: true})
}

// callback stores a callback.
func (w *world) callback(t *testing.T, id string) {
	t.Helper()
	_, err := w.bus.StoreCallback(t.Context(), wire.StoredCallback{
		ID: id, Provider: payment.Computop, Merchant: "demo", Account: "eu", Kind: wire.FromServer, Method: "POST",
		Body: []byte("secret body"), ReceivedAt: time.Now(), Verdict: wire.Accepted, Payment: "p1", Dedup: id,
	})
	if err != nil {
		t.Fatalf("callback: %v", err)
	}
}

// count returns the result of a query for one number.
func (w *world) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := w.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// emptyDatabase makes a database without tables that goes with the test.
func emptyDatabase(t *testing.T, server string) string {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("empty_%d", time.Now().UnixNano())
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		_, _ = admin.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		_ = admin.Close(ctx)
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
