package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/payloom/payloom/pkg/testkit"
)

// standalone runs a payctl that starts a stack of its own, and reads what it prints.
func standalone[T any](t *testing.T, args ...string) T {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real programs")
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries(t), "payctl"), append(args, "--json")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "NATS_URL=", "DATABASE_URL="+testkit.Postgres(t))
	if err := cmd.Run(); err != nil {
		t.Errorf("payctl %v: %v\n%s", args, err, stderr.String())
	}
	var v T
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil {
		t.Fatalf("payctl %v printed no JSON: %v\n%s", args, err, stdout.String())
	}
	return v
}

// TestStorm_Forged throws forged callbacks at a real notify-receiver: none may be
// believed.
func TestStorm_Forged(t *testing.T) {
	t.Parallel()
	r := standalone[struct {
		OK                                         bool
		Count, Accepted, Variants, Events, Refused int
		NoAnswer                                   int  `json:"no_answer"`
		Flat                                       bool `json:"memory_flat"`
		Violations                                 []any
	}](t, "storm", "forged", "--count", "20000")
	if !r.OK || r.Count != 20000 || r.Accepted != 0 || r.Events != 0 || r.NoAnswer != 0 || !r.Flat || len(r.Violations) != 0 {
		t.Errorf("%+v", r)
	}
	if r.Refused < r.Count/2 || r.Variants > r.Count/100 {
		t.Errorf("%d of %d were refused, %d variants stored", r.Refused, r.Count, r.Variants)
	}
}

// TestStorm_Duplicates repeats genuine callbacks, racing and shuffled: each counts
// once.
func TestStorm_Duplicates(t *testing.T) {
	t.Parallel()
	r := standalone[struct {
		OK                      bool
		Genuine, Stored, Posted int
		Doubled                 int
		Extra                   int `json:"extra_events"`
		Again                   int `json:"stored_again"`
		NotTaken                int `json:"not_taken"`
		Events                  int `json:"events_of_callbacks"`
		Violations              []any
	}](t, "storm", "duplicates", "--count", "2000", "--payments", "40", "--faults=false")
	if !r.OK || r.Posted < 2000 || r.Genuine < 40 || r.Stored < 40 || r.Stored > r.Genuine || r.Events == 0 || len(r.Violations) != 0 {
		t.Errorf("%+v", r)
	}
	if r.Doubled+r.Extra+r.Again+r.NotTaken != 0 {
		t.Errorf("%+v", r)
	}
}
