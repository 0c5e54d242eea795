package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/internal/servicetest"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// The keys of the tests' merchants.
const (
	reader  = "reader-key-of-demo"
	blind   = "capture-key-of-demo"
	strange = "reader-key-of-other"
)

// world is a broker and a database, and state-tracker on them.
type world struct {
	*servicetest.Service
	bus  *bus.Bus
	env  map[string]string
	pool *pgxpool.Pool
	url  string
}

// newWorld makes all but the service.
func newWorld(t *testing.T) *world {
	t.Helper()
	dsn := testkit.Postgres(t)
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	pool, err := projection.Open(t.Context(), dsn, "test")
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(pool.Close)
	return &world{
		bus: bustest.Connect(t, cfg, "test"), pool: pool,
		env: map[string]string{
			"NATS_URL": cfg.URL, "PAYLOOM_DURABILITY": bus.Laptop, "DATABASE_URL": dsn, "PAYLOOM_ACCOUNTS": accountsFile(t),
			"SHUTDOWN_GRACE": "10s",
		},
	}
}

// start starts a service on w.
func start(t *testing.T, w *world) *servicetest.Service {
	t.Helper()
	cfg := &Config{}
	return servicetest.Start(t, projection.Service, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, w.env)
}

// running returns a world whose service is ready.
func running(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.Service = start(t, w)
	w.Ready(t)
	w.url = w.URL(t, "http")
	return w
}

func accountsFile(t *testing.T) string {
	t.Helper()
	key := func(id, key, scope string) string {
		return fmt.Sprintf("      - {id: %s, sha256: %x, scopes: [%s]}\n", id, sha256.Sum256([]byte(key)), scope)
	}
	text := "merchants:\n  - id: demo\n    api_keys:\n" + key("k1", reader, "read") + key("k2", blind, "capture") +
		"  - id: other\n    api_keys:\n" + key("k1", strange, "read")
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// reply is an HTTP answer that was read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// get asks with a key; header fields come in pairs.
func (w *world) get(t *testing.T, key, path string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return reply{res.StatusCode, res.Header, body}
}

// mustGet asks as demo's reader and decodes the answer into v.
func (w *world) mustGet(t *testing.T, path string, v any) reply {
	t.Helper()
	r := w.get(t, reader, path)
	if r.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, r.status, r.body)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, r.body)
	}
	return r
}

// shows waits until the payment has a version and returns its JSON.
func (w *world) shows(t *testing.T, id payment.ID, version uint64) map[string]any {
	t.Helper()
	var p map[string]any
	testkit.Eventually(t, patience, func() error {
		r := w.get(t, reader, "/v1/payments/"+string(id))
		if r.status != http.StatusOK {
			return fmt.Errorf("status %d", r.status)
		}
		p = nil
		if err := json.Unmarshal(r.body, &p); err != nil {
			return err
		}
		if p["version"] != float64(version) {
			return fmt.Errorf("version %v, want %d", p["version"], version)
		}
		return nil
	})
	return p
}

func euros(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

func newCommand(m payment.Merchant, id string, k payment.Kind, req string, amount payment.Money) payment.Command {
	c := payment.Command{
		Merchant: m, ReqID: payment.ReqID(req), Payment: payment.ID(id), Provider: payment.Computop, Account: "eu", Kind: k, Amount: amount,
	}
	if k == payment.Authorize {
		c.Reference = "order " + id
		c.Authorization = &payment.Authorization{
			Method: payment.Button, Capture: payment.CaptureManual, Country: "EU", Return: payment.ReturnURLs{Success: "https://shop.example/ok"},
		}
	}
	c.ID = payment.DeriveCommandID(m, c.ReqID)
	return c
}

func (w *world) accept(t *testing.T, c payment.Command) payment.Command {
	t.Helper()
	if _, _, err := w.bus.Accept(t.Context(), c); err != nil {
		t.Fatalf("accept: %v", err)
	}
	return c
}

func (w *world) open(t *testing.T, id string) payment.Command {
	t.Helper()
	return w.accept(t, newCommand("demo", id, payment.Authorize, "open-"+id, euros(1000)))
}

// tell appends events of c at broker time at.
func (w *world) tell(t *testing.T, at time.Time, c payment.Command, all ...payment.EventData) {
	t.Helper()
	head, err := w.bus.Load(t.Context(), c.Merchant, c.Payment)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, data := range all {
		head, err = w.bus.Append(t.Context(), head, payment.Event{
			Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: at.UTC(), Source: payment.FromWorker, Data: data,
		})
		if err != nil {
			t.Fatalf("append %s: %v", data.Type(), err)
		}
	}
}

func started(c payment.Command) payment.AttemptStarted {
	s := payment.AttemptStarted{Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: string(c.Payment), Idem: string(c.ID), Account: "eu"}
	if c.Kind.Opens() {
		s.Terms = &payment.Terms{Capture: payment.CaptureManual, Method: payment.Button}
	}
	return s
}

func action(id string) payment.ActionRequired {
	return payment.ActionRequired{Attempt: 1, Ref: "pay-" + id, Refs: map[string]string{"pay_id": "pay-" + id},
		Action: payment.Action{Type: payment.ActionButton, Payload: "p", Signature: "s", PublicKeyID: "k"}}
}
