package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/webhook"
	"github.com/payloom/payloom/services/internal/servicetest"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of thirty-two characters"))

// mustAccounts writes a file of accounts with an endpoint, and the file of its
// secret.
func mustAccounts(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("accounts.yaml", `
merchants:
  - id: demo
    webhooks:
      - id: orders
        url: `+url+`
        secrets: [{id: "1", ref: "file:`+write("secret", secret)+`"}]
`)
}

func start(t *testing.T, environ map[string]string) *servicetest.Service {
	t.Helper()
	cfg := &Config{}
	return servicetest.Start(t, name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, environ)
}

func payout(t *testing.T, broker *bus.Bus) {
	t.Helper()
	var head payment.Head
	var err error
	for _, data := range []payment.EventData{
		payment.AttemptStarted{Kind: payment.Payout, Amount: payment.Money{Minor: 5000, Currency: "INR"}, Attempt: 1, Key: "p1"},
		payment.OperationSucceeded{Ref: "r1", Code: "0", Amount: 5000},
	} {
		head, err = broker.Append(t.Context(), head, payment.Event{
			Payment: "p1", Merchant: "demo", Provider: payment.ECommPay, Command: payment.DeriveCommandID("demo", "1"),
			At: time.Now(), Source: payment.FromWorker, Data: data,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRun starts the service as it is, with a broker and a database, has a payout
// arrive, finds the shop told of it, and stops the service.
func TestRun(t *testing.T) {
	t.Parallel()
	told := make(chan error, 8)
	shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = webhook.Verify(secret, r.Header, body, webhook.Tolerance)
		}
		var b webhook.Body
		if err == nil {
			err = json.Unmarshal(body, &b)
		}
		if err == nil && b.Type != webhook.PayoutPaid {
			t.Errorf("told of %s", b.Type)
		}
		told <- err
	}))
	t.Cleanup(shop.Close)
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	dsn := testkit.Postgres(t)
	s := start(t, map[string]string{
		"NATS_URL": cfg.URL, "PAYLOOM_DURABILITY": bus.Laptop, "DATABASE_URL": dsn,
		"PAYLOOM_ACCOUNTS": mustAccounts(t, shop.URL+"/hooks?token=t0ken-canary"), "WEBHOOK_ALLOW_LOOPBACK": "true",
	})
	s.Ready(t)
	payout(t, bustest.Connect(t, cfg, "test"))
	select {
	case err := <-told:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody was told")
	}
	metrics := get(t, s.URL(t, "admin")+"/metrics")
	for _, want := range []string{"payloom_webhooks_total{result=", "payloom_webhook_oldest_undelivered_seconds", "payloom_webhook_endpoints_disabled 0"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no metric %s", want)
		}
	}
	if code := s.Stop(); code != service.ExitOK {
		t.Errorf("exit code %d:\n%s", code, s.Output())
	}
	for _, canary := range []string{secret[6:], "t0ken-canary", dsn} {
		if strings.Contains(s.Output()+metrics, canary) {
			t.Errorf("log or metrics show %q", canary)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRun_CannotStart(t *testing.T) {
	t.Parallel()
	bare := bustest.Server(t)
	good := func(more map[string]string) map[string]string {
		env := map[string]string{
			"PAYLOOM_ACCOUNTS": mustAccounts(t, "https://shop.example/"), "NATS_URL": bare.URL, "PAYLOOM_DURABILITY": bus.Laptop,
			"DATABASE_URL": testkit.Postgres(t),
		}
		for k, v := range more {
			env[k] = v
		}
		return env
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"nothing is set":           {nil, "DATABASE_URL is not set"},
		"the accounts are missing": {good(map[string]string{"PAYLOOM_ACCOUNTS": "/none.yaml"}), "no such file"},
		"nothing is provisioned":   {good(nil), "payctl provision"},
		"nothing is migrated":      {good(map[string]string{"DATABASE_URL": testkit.PostgresServer(t)}), "payctl migrate"},
		"nobody may send":          {good(map[string]string{"WEBHOOK_PER_ENDPOINT": "0"}), "WEBHOOK_PER_ENDPOINT is 0"},
		"forgotten too early":      {good(map[string]string{"WEBHOOK_KEEP": "1h"}), "WEBHOOK_KEEP is 1h"},
		"no network":               {good(map[string]string{"WEBHOOK_ALLOW_NETWORKS": "10.0.0.0/33"}), "WEBHOOK_ALLOW_NETWORKS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.env)
			if code := s.Wait(); code != service.ExitError || !strings.Contains(s.Output(), c.want) {
				t.Errorf("exit code %d: %s", code, s.Output())
			}
		})
	}
}
