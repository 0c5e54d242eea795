package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payloom/payloom/services/payctl/internal/chaos"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// TestStackOptions_OwnRows: whatever the environment names, what only tries things out
// has rows of its own, and chaos a broker as well.
func TestStackOptions_OwnRows(t *testing.T) {
	t.Parallel()
	flags := stackFlags{ports: "auto", workers: 1}
	ways := map[string]struct {
		options func(*app) (stack.Options, error)
		broker  bool // that NATS_URL counts
	}{
		"up":                    {func(a *app) (stack.Options, error) { return a.stackOptions(flags) }, true},
		"demo, bench and storm": {func(a *app) (stack.Options, error) { return a.ownStackOptions(flags) }, true},
		"chaos": {func(a *app) (stack.Options, error) {
			return a.chaosStack(chaosOptions{stackFlags: flags}, []string{"tracker-rollback"})
		}, false},
	}
	for name, way := range ways {
		for _, natsURL := range []string{"", "nats://somebody:4222"} {
			for _, dir := range []string{"", filepath.Join(t.TempDir(), "new")} {
				a := newApp(process{environ: map[string]string{"NATS_URL": natsURL, "DATABASE_URL": "postgres://somebody/prod"}})
				a.dir = dir
				o, err := way.options(a)
				own := name != "up" || natsURL == "" // up with both goes on where somebody ended
				if err != nil || o.DatabaseURL == "" || o.OwnDatabase != own || (o.NATSURL == natsURL) != (way.broker || natsURL == "") {
					t.Errorf("%s with NATS_URL %q and --dir %q: own database %v, broker %q, %v", name, natsURL, dir, o.OwnDatabase, o.NATSURL, err)
				}
			}
		}
	}
}

// TestChaos_WantsAnEmptyFolder: that of a payctl up holds what somebody wants to keep.
func TestChaos_WantsAnEmptyFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "database"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if p := payctl(t, nil, "", "chaos", "--dir", dir, "--faults", chaos.All); p.code != exitUsage || !strings.Contains(p.err, "new or empty") {
		t.Errorf("exit %d: %s", p.code, p.err)
	}
}
