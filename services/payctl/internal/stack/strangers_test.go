package stack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
)

// accept has a merchant's command accepted.
func accept(t *testing.T, b *bus.Bus, m payment.Merchant) {
	t.Helper()
	c := payment.Command{
		Merchant: m, ReqID: "r", Payment: "p1", Provider: payment.ECommPay, Kind: payment.Payout, Amount: payment.Money{Minor: 100, Currency: "INR"},
		Beneficiary: &payment.Beneficiary{CustomerID: "c", IPAddress: "203.0.113.7", FirstName: "A", LastName: "B", Email: "a@example.com", Address: "x", AccountNumber: "9100000000"},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := b.Accept(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// TestStart_LeavesSomebodyElsesBrokerAlone: NATS_URL of the environment may be that of a
// real installation.
func TestStart_LeavesSomebodyElsesBrokerAlone(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	s := &Stack{opts: Options{NATSURL: cfg.URL, Durability: bus.Laptop, Note: func(string) {}}, dir: t.TempDir(), secrets: map[string]string{}}
	if err := s.writeSecrets(); err != nil {
		t.Fatal(err)
	}
	if err := s.startBroker(t.Context()); err != nil {
		t.Fatalf("one that was never laid out: %v", err)
	}
	b := bustest.Connect(t, cfg, "test")
	accept(t, b, Merchant)
	if err := s.startBroker(t.Context()); err != nil {
		t.Errorf("one with our own payments: %v", err)
	}
	accept(t, b, "acme")
	if err := s.startBroker(t.Context()); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "merchant acme") {
		t.Errorf("one with somebody else's payments: %v", err)
	}
}

func TestStart_LeavesSomebodyElsesAccountsAlone(t *testing.T) {
	t.Parallel()
	s := &Stack{dir: t.TempDir(), secrets: map[string]string{}, ports: DefaultPorts()}
	if err := os.WriteFile(s.AccountsFile(), []byte("merchants: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.planRelays(), s.writeAccounts()); !errors.Is(err, ErrOptions) {
		t.Errorf("want a refusal, got %v", err)
	}
	if text, err := os.ReadFile(s.AccountsFile()); err != nil || string(text) != "merchants: []\n" {
		t.Errorf("the file is %q now, %v", text, err)
	}
}

// TestStartDatabase_MakesItsOwn: what DATABASE_URL names is not touched, and what was
// made goes with its folder.
func TestStartDatabase_MakesItsOwn(t *testing.T) {
	t.Parallel()
	named := testkit.Postgres(t)
	for name, kept := range map[string]bool{"in a folder that vanishes": false, "in one that is kept": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first, again := startDatabase(t, named, dir, !kept), startDatabase(t, named, dir, !kept)
			if first == named || again == named || (first == again) != kept {
				t.Errorf("first %s, then %s, beside %s", databaseIn(t, first), databaseIn(t, again), databaseIn(t, named))
			}
			conn, err := pgx.Connect(t.Context(), first)
			if (err == nil) != kept {
				t.Errorf("connect to it after the end: %v", err)
			}
			if err == nil {
				_ = conn.Close(t.Context())
				drop(t, named, filepath.Join(dir, "database"))
			}
		})
	}
}

// startDatabase has a stack start its database and stop, and returns what it had.
func startDatabase(t *testing.T, named, dir string, temporary bool) string {
	t.Helper()
	s := &Stack{opts: Options{DatabaseURL: named, OwnDatabase: true}, dir: dir, temporary: temporary}
	if err := s.startDatabase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	return s.DatabaseURL()
}

func databaseIn(t *testing.T, dsn string) string {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return c.Database
}

// drop drops the database that a file names.
func drop(t *testing.T, named, file string) {
	t.Helper()
	name, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stack{opts: Options{DatabaseURL: named}}
	if err := s.atServer(t.Context(), "DROP DATABASE "+pgx.Identifier{strings.TrimSpace(string(name))}.Sanitize()); err != nil {
		t.Error(err)
	}
}
