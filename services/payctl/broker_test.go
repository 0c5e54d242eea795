package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
)

func TestBroker_InitAndRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := payctl(t, nil, "", "broker", "init", "--out", dir, "--hosts", "nats-1,nats-2", "--shards", "2", "--json")
	var said struct{ Changed []string }
	if err := json.Unmarshal([]byte(p.out), &said); p.code != exitOK || err != nil || len(said.Changed) == 0 {
		t.Fatalf("exit %d, %v: %s%s", p.code, err, p.out, p.err)
	}
	if p := payctl(t, nil, "", "broker", "init", "--out", dir, "--hosts", "nats-1,nats-2", "--shards", "2"); p.code != exitOK || p.out != "nothing to change\n" {
		t.Errorf("again: exit %d: %s%s", p.code, p.out, p.err)
	}
	if p := payctl(t, nil, "", "broker", "rotate", "worker-axerve", "--out", dir); p.code != exitOK || !strings.Contains(p.out, "wrote worker-axerve/user.nk") {
		t.Errorf("rotate: exit %d: %s%s", p.code, p.out, p.err)
	}
	auth, err := os.ReadFile(filepath.Join(dir, "broker", "auth.conf"))
	if n := strings.Count(string(auth), "# worker-axerve\n"); err != nil || n != 2 {
		t.Errorf("%d keys of worker-axerve after a rotation, %v; want 2", n, err)
	}
	if p := payctl(t, nil, "", "broker", "retire", "worker-axerve", "--out", dir); p.code != exitOK {
		t.Errorf("retire: exit %d: %s", p.code, p.err)
	}
	for _, bad := range [][]string{{"broker", "init"}, {"broker", "rotate", "ingress"}, {"broker", "permissions", "--shards", "0"}} {
		if p := payctl(t, nil, "", bad...); p.code != exitUsage {
			t.Errorf("%v: exit %d, want %d", bad, p.code, exitUsage)
		}
	}
	if p := payctl(t, nil, "", "broker", "rotate", "nobody", "--out", dir); p.code != exitFailed {
		t.Errorf("rotate nobody's key: exit %d, want %d", p.code, exitFailed)
	}
}

func TestBroker_Permissions(t *testing.T) {
	t.Parallel()
	p := payctl(t, nil, "", "broker", "permissions", "--shards", "3", "--json")
	var said struct{ Permissions []bus.Permission }
	if err := json.Unmarshal([]byte(p.out), &said); err != nil || len(said.Permissions) != len(bus.Permissions(3)) {
		t.Errorf("exit %d, %v: %s", p.code, err, p.err)
	}
	if p := payctl(t, nil, "", "broker", "permissions"); p.code != exitOK || !strings.Contains(p.out, "_INBOX_ingress.>") {
		t.Errorf("exit %d: %s%s", p.code, p.out, p.err)
	}
}
