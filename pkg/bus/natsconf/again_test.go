package natsconf_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/natsconf"
)

// anyGroup is a group that this user may hand files to: root to every one.
func anyGroup() int {
	if gid := os.Getgid(); gid != 0 {
		return gid
	}
	return 65532
}

// TestWrite_LeavesOutWhatIsRemembered: whoever runs it again names the folder alone.
func TestWrite_LeavesOutWhatIsRemembered(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Shards, o.Mount, o.Group = 8, new("/etc/nats/broker"), new(anyGroup())
	mustWrite(t, o)
	if again := mustWrite(t, natsconf.Options{Dir: o.Dir}); len(again) != 0 {
		t.Errorf("the folder alone changed %v", again)
	}
	auth := mustRead(t, o.Dir, "broker", natsconf.AuthFile)
	if !strings.Contains(auth, "EVENTS_7") || !strings.Contains(auth, "/etc/nats/broker/server.pem") {
		t.Errorf("shards or mount are forgotten:\n%.300s", auth)
	}
	if err := mustCertificate(t, o.Dir, "broker", "server.pem").VerifyHostname("nats-2"); err != nil {
		t.Errorf("the hosts are forgotten: %v", err)
	}
	if changed := mustWrite(t, natsconf.Options{Dir: o.Dir, Mount: new("")}); len(changed) == 0 ||
		strings.Contains(mustRead(t, o.Dir, "broker", natsconf.AuthFile), "/etc/nats/broker") {
		t.Errorf("the mount was taken away, which changed %v", changed)
	}
}

func TestWrite_OtherShardsAreRefused(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	mustWrite(t, o)
	before := mustRead(t, o.Dir, "broker", natsconf.AuthFile)
	for _, shards := range []int{1, 4} {
		o.Shards = shards
		if changed, err := natsconf.Write(o); !errors.Is(err, natsconf.ErrOtherShards) || len(changed) != 0 {
			t.Errorf("%d shards: %v, %v", shards, changed, err)
		}
	}
	if mustRead(t, o.Dir, "broker", natsconf.AuthFile) != before {
		t.Error("what was refused was written")
	}
	o.Reshard = true
	mustWrite(t, o)
	if again := mustWrite(t, natsconf.Options{Dir: o.Dir}); len(again) != 0 || !strings.Contains(mustRead(t, o.Dir, "broker", natsconf.AuthFile), "EVENTS_3") {
		t.Errorf("forced, and then %v", again)
	}
}

// TestWrite_TheGroupIsTakenAway: only when that is said.
func TestWrite_TheGroupIsTakenAway(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Group = new(anyGroup())
	mustWrite(t, o)
	for _, step := range []struct {
		group *int
		want  os.FileMode
	}{{nil, 0o440}, {new(0), 0o400}, {nil, 0o400}} {
		mustWrite(t, natsconf.Options{Dir: o.Dir, Group: step.group})
		info, err := os.Stat(filepath.Join(o.Dir, bus.Ingress, natsconf.SeedFile))
		if err != nil || info.Mode().Perm() != step.want {
			t.Errorf("mode %v, %v; want %v", info.Mode(), err, step.want)
		}
	}
}

// TestWrite_RefusesAnInstallationWithoutItsMemory: the folder ca is kept elsewhere, and
// somebody runs it on a server.
func TestWrite_RefusesAnInstallationWithoutItsMemory(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	mustWrite(t, o)
	before := mustRead(t, o.Dir, "broker", natsconf.AuthFile)
	if err := os.RemoveAll(filepath.Join(o.Dir, "ca")); err != nil {
		t.Fatal(err)
	}
	if changed, err := natsconf.Write(o); !errors.Is(err, natsconf.ErrForgotten) || len(changed) != 0 {
		t.Errorf("%v, %v", changed, err)
	}
	if mustRead(t, o.Dir, "broker", natsconf.AuthFile) != before {
		t.Error("what was refused was written")
	}
}
