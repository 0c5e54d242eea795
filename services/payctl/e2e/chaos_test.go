package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/pgbox"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/chaos"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// TestChaos_EveryFault runs the program with every fault that this machine can play,
// and has a look at what it leaves behind.
func TestChaos_EveryFault(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the real programs")
	}
	faults := chaos.All
	if _, err := pgbox.Find(t.Context()); err != nil {
		var names []string
		for _, f := range chaos.List() {
			if f.Name != "postgres" { // somebody else's server is not ours to kill
				names = append(names, f.Name)
			}
		}
		faults = strings.Join(names, ",")
	}
	dir := openFolder(t)
	picture := filepath.Join(dir, "chaos.svg")
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries(t), "payctl"), "chaos", "--secure", "--payments", "150", "--faults", faults, //nolint:gosec // our own program
		"--storm", "35s", "--seed", "11", "--json", "--svg", picture)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(os.Environ(), "TMPDIR="+dir, "NATS_URL=", "DATABASE_URL="+testkit.Postgres(t))
	err := cmd.Run()
	var r chaos.Report
	if jsonErr := json.Unmarshal(stdout.Bytes(), &r); jsonErr != nil {
		t.Fatalf("%v, %v\n%s%s", err, jsonErr, stdout.String(), stderr.String())
	}
	if !strings.Contains(stdout.String(), `"violations": []`) {
		t.Error("programs are not told that there are no violations")
	}
	if err != nil || r.Lost+r.Doubled+r.Stuck != 0 || len(r.Violations) != 0 || r.Payments < 150 {
		t.Errorf("%v: %d payments, %d lost, %d doubled, %d stuck, %v\n%s", err, r.Payments, r.Lost, r.Doubled, r.Stuck, r.Violations, stderr.String())
	}
	for name, f := range r.Faults {
		if f.Injected == 0 || len(f.Times) < f.Injected {
			t.Errorf("%s happened %d times, at %v", name, f.Injected, f.Times)
		}
	}
	if info, err := os.Stat(picture); err != nil || info.Size() < 5000 {
		t.Errorf("the picture: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "payloom-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("it left behind %v, %v", left, err)
	}
}

// TestChaos_AtMoneyDurability runs the program with three broker nodes that sync
// every write, and kills nodes.
func TestChaos_AtMoneyDurability(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the real programs")
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries(t), "payctl"), "chaos", "--durability", bus.Money, //nolint:gosec // our own program
		"--payments", "30", "--faults", "net-latency,broker", "--storm", "12s", "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(os.Environ(), "TMPDIR="+openFolder(t), "NATS_URL=", "DATABASE_URL="+testkit.Postgres(t))
	err := cmd.Run()
	var r chaos.Report
	if jsonErr := json.Unmarshal(stdout.Bytes(), &r); jsonErr != nil {
		t.Fatalf("%v, %v\n%s%s", err, jsonErr, stdout.String(), stderr.String())
	}
	if err != nil || !r.OK() || r.Durability != bus.Money || r.Brokers != 3 || r.Payments < 30 || r.Faults["broker"].Injected == 0 {
		t.Errorf("%v: %d payments on %d node(s) at durability %s, %+v\n%s", err, r.Payments, r.Brokers, r.Durability, r.Violations, stderr.String())
	}
}

// openFolder returns a folder that is removed with the test, and that the user
// Postgres runs as can get through, which t.TempDir does not grant.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "payloom-chaos-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	return dir
}

// TestChaos_EndsWhenInterrupted also has no process left.
func TestChaos_EndsWhenInterrupted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the real programs")
	}
	cmd := exec.Command(filepath.Join(binaries(t), "payctl"), "chaos", "--payments", "5000", "--faults", "zombies,worker,net-cut")
	cmd.Env = append(os.Environ(), "TMPDIR="+openFolder(t), "NATS_URL=", "DATABASE_URL="+testkit.Postgres(t))
	var stderr said
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 2*time.Minute, func() error {
		if text := stderr.String(); !strings.Contains(text, "zombies: ") {
			return fmt.Errorf("nobody was frozen: %s", text)
		}
		return nil
	})
	pids := childrenOf(t, cmd.Process.Pid)
	if len(pids) < 10 {
		t.Errorf("only %d processes", len(pids))
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Wait(); err == nil {
		t.Error("it says that all is well")
	}
	if took := time.Since(began); took > 90*time.Second {
		t.Errorf("it took %s to end", took)
	}
	testkit.Eventually(t, 10*time.Second, func() error {
		if left := slices.DeleteFunc(slices.Clone(pids), gone); len(left) > 0 {
			return fmt.Errorf("processes %v are still there", left)
		}
		return nil
	})
}

// gone tells whether a process has ended. One that nobody has asked about yet counts:
// it is whoever adopts orphans here who has to.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// said keeps what a program prints while it runs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// tampered runs a small storm in which somebody acts behind Payloom's back, and
// returns what is said of it.
func tampered(t *testing.T, act func(ctx context.Context, s *stack.Stack)) chaos.Report {
	t.Helper()
	network := chaos.NewNet()
	t.Cleanup(network.Close)
	s := start(t, stack.Options{Brokers: 1, Relay: network.Relay, Env: map[string]string{"RATE_LIMIT": "0"}})
	b, err := bus.Connect(t.Context(), s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	db, err := projection.Open(t.Context(), s.DatabaseURL(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	done := make(chan struct{})
	go func() { defer close(done); act(t.Context(), s) }()
	r, err := chaos.Run(t.Context(), chaos.Env{
		Stack: s, Net: network, Bus: b, Verify: verify.Inputs{Streams: b, Database: db, Simulators: []string{s.URLs().Simulator}},
	}, chaos.Options{Payments: 30, Seed: 5, Faults: []string{"net-latency"}, Storm: 12 * time.Second, Journal: filepath.Join(t.TempDir(), "journal")})
	if err != nil {
		t.Fatal(err)
	}
	<-done
	return r
}

// TestChaos_TellsOfASecondEffect: a charge at the provider that no command asked for.
func TestChaos_TellsOfASecondEffect(t *testing.T) {
	t.Parallel()
	r := tampered(t, func(ctx context.Context, s *stack.Stack) {
		u := s.URLs()
		shop := api.New(u.Ingress, u.Tracker, s.APIKey(), 4)
		open := opening("tampered", "manual")
		if _, err := shop.Send(ctx, "/v1/payments", "tampered/1", open); err != nil {
			t.Error(err)
			return
		}
		if _, err := shop.Await(ctx, "tampered", inState("requires_action")); err != nil {
			t.Error(err)
			return
		}
		for _, act := range []string{"approve", "back-capture"} {
			if err := post(ctx, u.Simulator+"/control/computop/payments/tampered/"+act); err != nil {
				t.Error(err)
			}
		}
	})
	if r.Doubled == 0 || r.OK() {
		t.Errorf("%d doubled, %v", r.Doubled, r.Violations)
	}
}

func inState(state string) func(api.Payment) (bool, error) {
	return func(p api.Payment) (bool, error) { return p.State == state, nil }
}

// post asks the simulator to do something.
func post(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return res.Body.Close()
}

// childrenOf returns the processes that a process started, and those that these did.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	var all []int
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skip("there is no /proc")
	}
	parents := map[int]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parents[child], _ = strconv.Atoi(fields[1])
	}
	for child := range parents {
		for p := child; p > 1; p = parents[p] {
			if parents[p] == pid {
				all = append(all, child)
				break
			}
		}
	}
	return all
}
