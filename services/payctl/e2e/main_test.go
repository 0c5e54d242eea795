package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

var programs struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := testkit.Main(m)
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// binaries builds every program once and returns their folder.
func binaries(t *testing.T) string {
	t.Helper()
	programs.once.Do(func() {
		if programs.dir, programs.err = os.MkdirTemp("", "payloom-e2e-"); programs.err != nil { //nolint:usetesting // it is for every test
			return
		}
		out, err := exec.Command("go", "build", "-o", programs.dir+string(filepath.Separator), "github.com/payloom/payloom/services/...").CombinedOutput()
		if err != nil {
			programs.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	return programs.dir
}

// start runs a stack that ends with the test.
func start(t *testing.T, o stack.Options) *stack.Stack {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real programs")
	}
	o.Bin, o.DatabaseURL = binaries(t), testkit.Postgres(t)
	o.Note = func(text string) { t.Log(text) }
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := stack.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}

func clients(s *stack.Stack) (*api.Client, *api.Computop) {
	u := s.URLs()
	return api.New(u.Ingress, u.Tracker, s.APIKey(), 16), api.NewComputop(u.Simulator, 16)
}

// checkVerified checks every invariant and that there was something to check.
func checkVerified(t *testing.T, s *stack.Stack) verify.Report {
	t.Helper()
	b, err := bus.Connect(t.Context(), s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	db, err := projection.Open(t.Context(), s.DatabaseURL(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	report, err := verify.Run(t.Context(), verify.Inputs{
		Streams: b, Database: db, Simulators: []string{s.URLs().Simulator}, Metrics: s.Metrics(), Logs: s.LogDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range report.Violations() {
		t.Errorf("%s %s %s: %s", v.Invariant, v.Kind, v.Subject, v.What)
	}
	if !report.OK() || report.Commands == 0 || report.Effects == 0 {
		t.Errorf("verified %d commands, %d effects; ok %v", report.Commands, report.Effects, report.OK())
	}
	return report
}
