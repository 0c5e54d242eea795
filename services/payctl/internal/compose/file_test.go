package compose

import (
	"os"
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
