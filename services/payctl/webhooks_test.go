package main

import (
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/pkg/webhook/delivery"
)

// TestWebhooks_Resume: an endpoint that answered 410 is seen, and sent to again with
// what was given up; the audit knows by whom.
func TestWebhooks_Resume(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	env := map[string]string{"NATS_URL": cfg.URL, "DATABASE_URL": testkit.Postgres(t)}
	if got := payctl(t, env, "", "migrate"); got.code != 0 {
		t.Fatal(got.err)
	}
	pool, err := delivery.Open(t.Context(), env["DATABASE_URL"], "test")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, sql := range []string{
		`INSERT INTO webhook_endpoints VALUES ('demo', 'shop', NULL, now())`,
		`INSERT INTO webhook_deliveries SELECT 'demo', 'shop', 'm' || n, 'operation.succeeded', 'p', n, 'EVENTS_0', n, 'x', 'expired', 3,
			now(), now(), now(), now(), now() - n * interval '1 day', now(), 410, 'status' FROM generate_series(0, 4) n`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if got := payctl(t, env, "", "webhooks", "list"); got.code != 0 || !strings.Contains(got.out, "disabled since") {
		t.Fatalf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	resume := []string{"webhooks", "resume", "demo/shop", "--since", "60h", "--actor", "alex", "--reason", "moved back"}
	if got := payctl(t, env, "", resume...); got.code != 0 || !strings.Contains(got.out, "3 messages are sent again") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	if got := payctl(t, env, "", "webhooks", "list"); !strings.Contains(got.out, " ok ") {
		t.Errorf("after resume: %s", got.out)
	}
	if got := payctl(t, env, "", resume...); got.code != 1 || !strings.Contains(got.err, "nothing to resume") {
		t.Errorf("a second time: exit code %d: %s", got.code, got.err)
	}
	if got := payctl(t, env, "", "audit", "list", "--action", "webhooks.resume"); strings.Count(got.out, "alex") != 2 || !strings.Contains(got.out, "moved back") {
		t.Errorf("the audit says %s%s", got.out, got.err)
	}
	for name, args := range map[string][]string{
		"no endpoint": {"webhooks", "resume", "demo", "--reason", "x"},
		"no reason":   {"webhooks", "resume", "demo/shop"},
	} {
		if got := payctl(t, env, "", args...); got.code != 2 {
			t.Errorf("%s: exit code %d", name, got.code)
		}
	}
}
