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

// TestBroker_InitAgainWithSomeFlags runs it as a monthly job does, which knows the
// folder and nothing else.
func TestBroker_InitAgainWithSomeFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	initAgain := func(code int, says string, flags ...string) {
		t.Helper()
		p := payctl(t, nil, "", append([]string{"broker", "init", "--out", dir}, flags...)...)
		if p.code != code || !strings.Contains(p.out+p.err, says) {
			t.Errorf("init %v: exit %d, want %d with %q: %s%s", flags, p.code, code, says, p.out, p.err)
		}
	}
	initAgain(exitOK, "wrote broker/auth.conf", "--hosts", "nats-1.internal", "--shards", "8", "--mount", "/etc/nats/broker")
	initAgain(exitOK, "nothing to change")
	initAgain(exitOK, "nothing to change", "--shards", "8")
	initAgain(exitOK, "nothing to change", "--hosts", "nats-1.internal")
	initAgain(exitOK, "nothing to change", "--mount", "/etc/nats/broker")
	initAgain(exitFailed, "it is for 8, not 1", "--shards", "1")
	initAgain(exitFailed, "--force", "--shards", "16")
	initAgain(exitUsage, "--shards", "--shards", "0")
	initAgain(exitUsage, "--hosts", "--hosts", "")
	initAgain(exitOK, "nothing to change")
	initAgain(exitOK, "wrote broker/server.pem", "--hosts", "nats-1.internal,nats-2.internal")
	auth, err := os.ReadFile(filepath.Join(dir, "broker", "auth.conf"))
	if err != nil || !strings.Contains(string(auth), "EVENTS_7") || !strings.Contains(string(auth), "/etc/nats/broker/server.pem") {
		t.Errorf("after another host, shards or mount are forgotten: %v", err)
	}
	initAgain(exitOK, "wrote broker/auth.conf", "--shards", "16", "--force")
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
