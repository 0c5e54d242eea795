package delivery

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/webhook"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// clock is a clock that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now().UTC().Truncate(time.Second)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// world is a broker, a database, endpoints and a clock.
type world struct {
	broker bus.Config
	bus    *bus.Bus
	dsn    string
	pool   *pgxpool.Pool
	clock  *clock
	yaml   []string // a merchant each
}

func newWorld(t *testing.T, shards int) *world {
	t.Helper()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{Shards: shards})
	w := &world{dsn: testkit.Postgres(t), clock: newClock(), broker: cfg, bus: bustest.Connect(t, cfg, "test")}
	w.pool = w.open(t)
	return w
}

func (w *world) open(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := Open(t.Context(), w.dsn, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// secretOf returns the secret that env:NAME stands for in these tests.
func secretOf(name string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%-32s", name))
}

func vault(ref string) (conf.Secret, error) {
	return conf.Secret(secretOf(strings.TrimPrefix(ref, "env:"))), nil
}

// fixed is a book that never changes.
type fixed struct{ book *account.Book }

func (f fixed) Book() *account.Book { return f.book }

// merchant adds a merchant with endpoints, each a line of YAML.
func (w *world) merchant(id string, endpoints ...string) {
	text := "  - id: " + id + "\n    webhooks:\n"
	for _, e := range endpoints {
		text += "      - {" + e + "}\n"
	}
	w.yaml = append(w.yaml, text)
}

func (w *world) accounts(t *testing.T) fixed {
	t.Helper()
	book, err := account.Parse("accounts.yaml", []byte("merchants:\n"+strings.Join(w.yaml, "")), vault)
	if err != nil {
		t.Fatal(err)
	}
	return fixed{book}
}

// run runs a component until the returned function, or the test, ends it.
func run(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// quiet logs what no test brings about.
func quiet(t *testing.T) *zap.Logger {
	t.Helper()
	return zaptest.NewLogger(t, zaptest.Level(zap.DPanicLevel))
}

func (w *world) dispatcher(t *testing.T, pool *pgxpool.Pool) *Dispatcher {
	t.Helper()
	return NewDispatcher(w.accounts(t), pool, Options{Guard: Guard{Loopback: true}, Clock: w.clock.Now, Log: quiet(t)})
}

// deliver runs a follower and a dispatcher.
func (w *world) deliver(t *testing.T) (d *Dispatcher, stop func()) {
	t.Helper()
	d = w.dispatcher(t, w.pool)
	stopSending := run(t, d.Run)
	stopFollowing := w.follow(t, w.bus, d.Wake)
	return d, func() { stopFollowing(); stopSending() }
}

func (w *world) follow(t *testing.T, src Source, wake func()) (stop func()) {
	t.Helper()
	return run(t, NewFollower(src, w.accounts(t), w.pool, FollowerOptions{Wake: wake, Clock: w.clock.Now, Log: quiet(t)}).Run)
}

func euros(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

// authorize plays a payment to its authorisation: three events, one of them told.
func (w *world) authorize(t *testing.T, m payment.Merchant, id string) payment.Head {
	t.Helper()
	return w.tell(t, m, id, "open",
		payment.AttemptStarted{Kind: payment.Authorize, Amount: euros(1000), Attempt: 1, Key: id, Account: "eu",
			Terms: &payment.Terms{Capture: payment.CaptureManual, Method: payment.Button}},
		payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "Alex Example"}},
		payment.OperationSucceeded{Ref: "ref-" + id, Code: "00000000", Amount: 1000})
}

// tell appends events of one operation.
func (w *world) tell(t *testing.T, m payment.Merchant, id, req string, all ...payment.EventData) payment.Head {
	t.Helper()
	head, err := w.bus.Load(t.Context(), m, payment.ID(id))
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, data := range all {
		head, err = w.bus.Append(t.Context(), head, payment.Event{
			Payment: payment.ID(id), Merchant: m, Provider: payment.Computop, Command: payment.DeriveCommandID(m, payment.ReqID(req+id)),
			At: time.Now().UTC(), Source: payment.FromWorker, Data: data,
		})
		if err != nil {
			t.Fatalf("append %s: %v", data.Type(), err)
		}
	}
	return head
}

// endpoint is a receiver that notes what it gets.
type endpoint struct {
	url    string
	secret string

	mu     sync.Mutex
	got    []receipt
	answer func(n int, w http.ResponseWriter) // n is how many came before
}

type receipt struct {
	id   string
	at   string
	body webhook.Body
	err  error // of Verify
}

// newEndpoint starts a receiver that verifies with the secret env:NAME.
func newEndpoint(t *testing.T, name string, answer func(n int, w http.ResponseWriter)) *endpoint {
	t.Helper()
	e := &endpoint{secret: secretOf(name), answer: answer}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	e.url = s.URL
	return e
}

// ServeHTTP implements http.Handler.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	got := receipt{id: r.Header.Get(webhook.HeaderID), at: r.Header.Get(webhook.HeaderTimestamp), err: err}
	if err == nil {
		// The tests' clock may be days ahead.
		got.err = webhook.Verify(e.secret, r.Header, text, 100*24*time.Hour)
	}
	if got.err == nil {
		got.err = json.Unmarshal(text, &got.body)
	}
	e.mu.Lock()
	n := len(e.got)
	e.got = append(e.got, got)
	e.mu.Unlock()
	if e.answer != nil {
		e.answer(n, w)
	}
}

func (e *endpoint) receipts() []receipt {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]receipt{}, e.got...)
}

// await waits until n messages have come and returns all there are.
func (e *endpoint) await(t *testing.T, n int) []receipt {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		if got := len(e.receipts()); got < n {
			return fmt.Errorf("%d messages of %d have come", got, n)
		}
		return nil
	})
	all := e.receipts()
	for _, r := range all {
		if r.err != nil {
			t.Errorf("message %s: %v", r.id, r.err)
		}
	}
	return all
}

// checkOnce checks that n messages came, each once.
func checkOnce(t *testing.T, all []receipt, n int) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range all {
		seen[r.id]++
	}
	if len(seen) != n || len(all) != n {
		t.Errorf("%d messages came %d times, want %d once each", len(seen), len(all), n)
	}
}

// row is what the database knows of one message.
type row struct {
	state    string
	attempts int
	due      time.Time
	expires  time.Time
	status   int
	reason   string
}

// row returns the only message of a merchant.
func (w *world) row(t *testing.T, m string) (r row, err error) {
	t.Helper()
	err = w.pool.QueryRow(t.Context(), `SELECT state, attempts, due_at, expires_at, last_status, last_error
		FROM webhook_deliveries WHERE merchant = $1`, m).Scan(&r.state, &r.attempts, &r.due, &r.expires, &r.status, &r.reason)
	return r, err
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

// settled waits until the rows of a merchant are as many as wanted in a state.
func (w *world) settled(t *testing.T, m, state string, want int) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		if n := w.count(t, "SELECT count(*) FROM webhook_deliveries WHERE merchant = $1 AND state = $2", m, state); n != want {
			return fmt.Errorf("%d messages of %s are %s, want %d", n, m, state, want)
		}
		return nil
	})
}

// tried waits until the message of a merchant was tried n times and what came of
// it is noted.
func (w *world) tried(t *testing.T, m string, n int) row {
	t.Helper()
	var r row
	testkit.Eventually(t, patience, func() (err error) {
		if r, err = w.row(t, m); err != nil {
			return err
		}
		noted := r.state != statePending || !r.due.Equal(w.clock.Now().Add(lease))
		if r.attempts != n || !noted {
			return fmt.Errorf("attempt %d is %s, want %d to be over", r.attempts, r.state, n)
		}
		return nil
	})
	return r
}
