package compose

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
)

// TestFile_GivesEveryClientItsKeysAlone reads docker-compose.yml: the job that makes
// keys must have a volume for every client of the broker, and one service mount it.
func TestFile_GivesEveryClientItsKeysAlone(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, p := range bus.Permissions(1) {
		volume := "keys-" + p.Client
		if !strings.Contains(text, "- "+volume+":/keys/"+p.Client+"\n") {
			t.Errorf("the job keys has no volume for %s", p.Client)
		}
		if n := strings.Count(text, volume+":/run/payloom:ro"); n != 1 {
			t.Errorf("%d services mount the keys of %s, want one", n, p.Client)
		}
		if !strings.Contains(text, "\n  "+volume+":\n") {
			t.Errorf("the volume %s is not declared", volume)
		}
	}
	if n := strings.Count(text, "keys-ca:"); n != 2 {
		t.Errorf("the authorities' keys are named %d times, want by the job and as a volume only", n)
	}
}

// TestPlan_SetsWhatTheFileReads: a variable that the file does not name would be set
// for nothing.
func TestPlan_SetsWhatTheFileReads(t *testing.T) {
	t.Parallel()
	const file = "../../../../docker-compose.yml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := &Installation{opts: Options{File: file}, dir: t.TempDir()}
	if err := i.plan(); err != nil {
		t.Fatal(err)
	}
	set := i.environ[len(os.Environ()):]
	for _, line := range set {
		if name, _, _ := strings.Cut(line, "="); !strings.Contains(string(text), "${"+name+":-") {
			t.Errorf("%s is set, and the file does not read it", name)
		}
	}
	if !slices.Contains(set, "TIME_SCALE=10") || !slices.Contains(set, "SETTLE_MOST=1m0s") {
		t.Errorf("the simulator is as slow as providers are: %v", set)
	}
}
