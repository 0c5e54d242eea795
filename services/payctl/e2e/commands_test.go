package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// payctl runs the program against a stack and returns what it printed.
func payctl(t *testing.T, s *stack.Stack, wantCode int, args ...string) (out, notes string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries(t), "payctl"), append([]string{"--dir", s.Dir()}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "NATS_URL=", "DATABASE_URL=")
	_ = cmd.Run() // the exit code tells
	if got := cmd.ProcessState.ExitCode(); got != wantCode {
		t.Fatalf("payctl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, wantCode, stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String()
}

// read runs payctl with --json and reads what it printed.
func read[T any](t *testing.T, s *stack.Stack, args ...string) T {
	t.Helper()
	out, _ := payctl(t, s, 0, append(args, "--json")...)
	var v T
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("payctl %s printed no JSON: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

func TestCommands_AgainstARunningStack(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Dir: t.TempDir()})
	x := newTill(t, s)
	x.mustOpen("order-1", "manual", "authorized", nil)
	command := x.mustSend("/v1/payments/order-1/captures", api.FollowUp{Amount: amount(5000)})
	paid := x.mustReach("order-1", "captured")

	got := read[struct {
		State      string
		Version    int
		Captured   int
		Operations []struct{ Kind, Status string }
	}](t, s, "payment", "get", "order-1")
	if got.State != "captured" || got.Captured != 5000 || len(got.Operations) != 2 || uint64(got.Version) < paid.Version {
		t.Errorf("payment get: %+v", got)
	}
	list := read[struct {
		Payments []struct {
			ID string `json:"payment_id"`
		}
	}](t, s, "payment", "list", "--state", "captured")
	if len(list.Payments) != 1 || list.Payments[0].ID != "order-1" {
		t.Errorf("payment list: %+v", list)
	}
	if other := read[struct{ Payments []any }](t, s, "payment", "list", "--state", "declined"); len(other.Payments) != 0 {
		t.Errorf("payment list of another state: %+v", other)
	}
	what := read[struct {
		Timeline []struct{ What, Type string }
	}](t, s, "payment", "timeline", "order-1")
	seen := map[string]int{}
	for _, m := range what.Timeline {
		seen[m.What]++
	}
	if seen["command"] != 2 || seen["event"]+seen["attempt"] != got.Version || seen["callback"] == 0 {
		t.Errorf("payment timeline: %v of a payment with %d events", seen, got.Version)
	}
	if csv, _ := payctl(t, s, 0, "payments", "export", "--state", "captured"); strings.Count(csv, "\r\n") != 2 || !strings.Contains(csv, "\r\norder-1,authorize,computop,") {
		t.Errorf("payments export: %q", csv)
	}
	stats := read[struct {
		Rows []struct {
			Payments, Approved, Captured int
			Rate                         float64 `json:"approval_rate"`
		}
	}](t, s, "stats", "--group", "provider")
	if len(stats.Rows) != 1 || stats.Rows[0].Payments != 1 || stats.Rows[0].Approved != 1 || stats.Rows[0].Captured != 5000 || stats.Rows[0].Rate != 1 {
		t.Errorf("stats: %+v", stats)
	}
	fate := read[struct{ Kind, Status string }](t, s, "command", "get", command)
	if fate.Kind != "capture" || fate.Status != "succeeded" {
		t.Errorf("command get: %+v", fate)
	}
	events, _ := payctl(t, s, 0, "events", "--payment", "order-1")
	if lines := strings.Split(strings.TrimSpace(events), "\n"); len(lines) != got.Version || !json.Valid([]byte(lines[0])) {
		t.Errorf("events: %d lines, want %d\n%s", len(lines), got.Version, events)
	}
	asked := read[struct {
		Command string `json:"command_id"`
		Status  string
		Payment struct{ Captured int }
	}](t, s, "payment", "sync", "order-1", "--wait", "1m")
	if asked.Status != "succeeded" || asked.Payment.Captured != 5000 {
		t.Errorf("payment sync: %+v", asked)
	}
	if told := read[struct{ Kind, Status string }](t, s, "command", "get", asked.Command); told.Kind != "sync" || told.Status != "succeeded" {
		t.Errorf("command get of the sync: %+v", told)
	}
	callbacks := read[struct{ Callbacks []struct{ Verdict string } }](t, s, "callbacks", "list")
	if len(callbacks.Callbacks) == 0 || callbacks.Callbacks[0].Verdict != "accepted" {
		t.Errorf("callbacks list: %+v", callbacks)
	}
	again, _ := payctl(t, s, 0, "callbacks", "reverify", "--since", "1h", "--which", "all", "--reason", "a test")
	if !strings.Contains(again, "0 event(s)") || strings.Contains(again, "1 event(s)") {
		t.Errorf("callbacks reverify taught something new:\n%s", again)
	}
	if dead, _ := payctl(t, s, 0, "dead", "list"); dead != "no dead letters\n" {
		t.Errorf("dead list: %s", dead)
	}
	checked := read[struct {
		OK      bool
		Effects int
	}](t, s, "verify", "--grace", "0")
	if !checked.OK || checked.Effects != 2 {
		t.Errorf("verify: %+v", checked)
	}
	rebuilt := read[struct {
		Identical bool
		Tables    []struct{ Table string }
	}](t, s, "rebuild")
	if !rebuilt.Identical || len(rebuilt.Tables) == 0 {
		t.Errorf("rebuild: %+v", rebuilt)
	}
	for _, once := range []string{"provision", "migrate"} {
		if out, _ := payctl(t, s, 0, once); out != "nothing to change\n" {
			t.Errorf("%s a second time: %s", once, out)
		}
	}
	if out, _ := payctl(t, s, 0, "accounts", "check"); !strings.Contains(out, "nothing wrong") {
		t.Errorf("accounts check: %s", out)
	}
	if out, _ := payctl(t, s, 0, "__complete", "payment", "get", "ord"); !strings.Contains(out, "order-1\tcaptured") {
		t.Errorf("completion: %s", out)
	}
	if _, why := payctl(t, s, 1, "payment", "get", "order-2"); !strings.Contains(why, "--merchant") {
		t.Errorf("payment get of none does not say what to do: %s", why)
	}
	if _, why := payctl(t, s, 2, "payment", "list", "--limit", "0"); !strings.Contains(why, "--limit") {
		t.Errorf("payment list with a bad limit: %s", why)
	}
}
