package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/doctor"
)

// examine runs the doctor and returns its findings by id.
func (d *office) examine(code int) map[string]doctor.Finding {
	d.t.Helper()
	got := payctl(d.t, d.environ, "", "doctor", "--json")
	var out struct {
		Findings []doctor.Finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(got.out), &out); err != nil {
		d.t.Fatalf("%v\n%s%s", err, got.out, got.err)
	}
	if got.code != code {
		d.t.Errorf("exit code %d, want %d:\n%s", got.code, code, got.out)
	}
	all := map[string]doctor.Finding{}
	for _, f := range out.Findings {
		all[f.ID] = f
	}
	return all
}

func (d *office) expect(all map[string]doctor.Finding, id string, level doctor.Level, says string) {
	d.t.Helper()
	if f := all[id]; f.Level != level || !strings.Contains(f.Is, says) {
		d.t.Errorf("%s: %+v, want %s with %q", id, f, level, says)
	}
}

// clinic is an office with everything that a doctor looks at, in good health.
func clinic(t *testing.T) *office {
	t.Helper()
	d := newOffice(t)
	dir := t.TempDir()
	secret := mustWrite(t, filepath.Join(dir, "secret"), "s3cret")
	d.environ["PAYLOOM_ACCOUNTS"] = mustWrite(t, filepath.Join(dir, "accounts.yaml"), `
merchants:
  - id: demo
    accounts:
      - name: in
        provider: ecommpay
        endpoint: https://gate.example/
        callback_key: Endpoint0fTheProject
        settings: {project_id: 818}
        secrets: {secret: [{id: "1", ref: "file:`+secret+`"}]}
`)
	d.environ["PAYLOOM_DURABILITY"] = bus.Laptop
	return d
}

func TestDoctor_AllIsWellOnALaptop(t *testing.T) {
	t.Parallel()
	d := clinic(t)
	db := d.rows()
	d.authorized("order-1")
	d.project(db)
	if _, err := db.Exec(t.Context(), "SELECT make_partitions('events', now(), now() + interval '3 months'), make_partitions('commands', now(), now() + interval '3 months')"); err != nil {
		t.Fatal(err)
	}
	for id, f := range d.examine(1) {
		if f.Level != doctor.OK && id != "broker.durability" {
			t.Errorf("%+v", f)
		}
	}
	text := payctl(t, d.environ, "", "doctor")
	if text.code != 1 || !strings.Contains(text.out, "ok   broker.reachable") || !strings.Contains(text.out, "→ set sync_interval: always") {
		t.Errorf("%+v", text)
	}
}

func TestDoctor_FindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	d := clinic(t)
	db := d.rows()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	d.parked("order-1")
	d.frozen("order-2")
	d.authorized("order-3")
	c := command26("take order-3")
	d.tell("order-3", c, payment.AttemptStarted{Kind: payment.Capture, Amount: payment.Money{Minor: 5, Currency: "EUR"}, Attempt: 1, Key: "order-3"},
		payment.OutcomeUnknown{Attempt: 1, Reason: payment.ReasonNoAnswer})
	d.project(db)
	err := d.broker.Bury(t.Context(), wire.DeadLetter{Service: "test", Stream: "COMMANDS_0", Sequence: 1, Subject: "x", Reason: "planted", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	exec("UPDATE operations SET at = now() - interval '20 minutes' WHERE command_id = $1", string(c))
	exec("DROP TABLE IF EXISTS " + "commands_" + time.Now().UTC().AddDate(0, 0, 1-time.Now().UTC().Day()).AddDate(0, 1, 0).Format("2006_01"))
	exec("INSERT INTO payloom_kept.webhook_endpoints (merchant, endpoint, disabled_at) VALUES ('demo', 'e', now())")
	exec("UPDATE checkpoints SET digest = 'other' WHERE stream = 'EVENTS_0'")
	accounts := d.environ["PAYLOOM_ACCOUNTS"]
	secret := filepath.Join(filepath.Dir(accounts), "secret")
	old := time.Now().AddDate(0, 0, -100)
	if err := os.Chtimes(secret, old, old); err != nil {
		t.Fatal(err)
	}
	d.environ["PAYLOOM_DURABILITY"] = bus.Money
	all := d.examine(2)
	d.expect(all, "payments.parked", doctor.Warn, "1 operations")
	d.expect(all, "payments.frozen", doctor.Fail, "1 payments")
	d.expect(all, "outcomes.unknown", doctor.Warn, "1 attempts")
	d.expect(all, "sweeper.alive", doctor.Fail, "1 commands")
	d.expect(all, "registry.partitions", doctor.Warn, "commands_")
	d.expect(all, "webhooks.failing", doctor.Warn, "given up")
	d.expect(all, "projection.checkpoint", doctor.Fail, "EVENTS_0 holds another message")
	d.expect(all, "dead.letters", doctor.Fail, "1 are open")
	d.expect(all, "secrets.age", doctor.Warn, "secret is 100 days old")
	d.expect(all, "broker.durability", doctor.Fail, "NATS_MONITOR_URL")
	d.expect(all, "streams.replicas", doctor.Warn, "one copy")
	d.expect(all, "broker.version", doctor.OK, "NATS 2.")
	d.expect(all, "audit.chain", doctor.OK, "0 records")

	exec("UPDATE checkpoints SET seq = seq + 100 WHERE stream = 'EVENTS_0'")
	exec("INSERT INTO wakes VALUES ('demo', 'order-3', $1, 1, now(), now() + interval '1 minute')", string(c))
	mustWrite(t, accounts, "merchants:\n  - id: Shop\n")
	d.run(0, "dead", "discard", "1", "--reason", "planted")
	all = d.examine(2)
	d.expect(all, "projection.checkpoint", doctor.Fail, "and the rows know")
	d.expect(all, "sweeper.alive", doctor.OK, "")
	d.expect(all, "accounts.file", doctor.Fail, "accounts.yaml:2")
	d.expect(all, "dead.letters", doctor.OK, "none")
	d.expect(all, "audit.chain", doctor.OK, "2 records")

	exec("DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
	d.expect(d.examine(2), "database.migrations", doctor.Fail, "payctl migrate")
}

func TestDoctor_NothingAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &office{t: t, environ: map[string]string{
		"NATS_URL": "nats://127.0.0.1:1", "DATABASE_URL": "postgres://127.0.0.1:1/none", "NATS_CERT_FILE": certificateFile(t, dir, 3),
		"NATS_CA_FILE": mustWrite(t, filepath.Join(dir, "ca.pem"), "no certificate"),
	}}
	all := d.examine(2)
	d.expect(all, "broker.reachable", doctor.Fail, "does not answer")
	d.expect(all, "database.reachable", doctor.Fail, "does not answer")
	d.expect(all, "certificates.expiry", doctor.Fail, "cert.pem is good for")
	d.expect(all, "certificates.expiry", doctor.Fail, "holds no certificate")
	if _, judged := all["streams.exist"]; judged {
		t.Error("streams are judged that nobody could look at")
	}
}

// certificateFile writes a certificate that is good for some days.
func certificateFile(t *testing.T, dir string, days int) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, days)}
	der, err := x509.CreateCertificate(rand.Reader, x, x, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return mustWrite(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

func TestDoctor_NotProvisioned(t *testing.T) {
	t.Parallel()
	d := &office{t: t, environ: map[string]string{"NATS_URL": bustest.Server(t).URL}}
	all := d.examine(2)
	d.expect(all, "broker.reachable", doctor.Fail, "payctl provision")
	d.expect(all, "database.reachable", doctor.Warn, "DATABASE_URL")
}
