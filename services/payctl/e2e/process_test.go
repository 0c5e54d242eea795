package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/testkit"
)

// TestUp_LeavesNothingBehind ends payctl up, gently and with kill -9, and looks for
// what it had started.
func TestUp_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the real programs")
	}
	testkit.Postgres(t) // or the test is skipped
	tests := map[string]struct {
		signal syscall.Signal
		code   int
		gone   bool // its folder, too
	}{
		"asked to stop":   {syscall.SIGINT, 0, true},
		"killed outright": {syscall.SIGKILL, -1, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, up := mustUp(t)
			started := descendants(t, cmd.Process.Pid)
			if len(started) < 5 {
				t.Fatalf("payctl up has %d processes below it, want every service", len(started))
			}
			if err := cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the exit code tells
			if got := cmd.ProcessState.ExitCode(); got != tt.code {
				t.Errorf("exit code %d, want %d", got, tt.code)
			}
			testkit.Eventually(t, 30*time.Second, func() error { return noneOf(started) })
			if _, err := os.Stat(up.Dir); tt.gone != errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder: %v, want it gone: %v", err, tt.gone)
			}
			_ = os.RemoveAll(up.Dir) // after kill -9 nobody else does
		})
	}
}

// upLine is what payctl up --json prints once everything runs.
type upLine struct {
	Dir     string `json:"dir"`
	Ingress string `json:"ingress"`
}

// mustUp runs payctl up as a person would and returns when it says that it is up.
func mustUp(t *testing.T) (*exec.Cmd, upLine) {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries(t), "payctl"), "up", "--ports", "auto", "--json")
	cmd.Env = append(os.Environ(), "NATS_URL=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var up upLine
	text, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(text, &up) != nil {
		t.Fatalf("payctl up says %q: %v", text, err)
	}
	return cmd, up
}

// processOf is a process that existed: its id may be given out again, with a later
// start.
type processOf struct {
	pid   int
	name  string
	start string
}

// descendants returns the processes below pid.
func descendants(t *testing.T, pid int) []processOf {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(paths) == 0 {
		t.Skip("there is no /proc here")
	}
	parents := map[int]int{}
	all := map[int]processOf{}
	for _, path := range paths {
		p, parent, err := readStat(path)
		if err != nil {
			continue // it has ended
		}
		parents[p.pid], all[p.pid] = parent, p
	}
	var below []processOf
	for id, p := range all {
		for up := parents[id]; up > 1; up = parents[up] {
			if up == pid {
				below = append(below, p)
				break
			}
		}
	}
	return below
}

// readStat reads the fields of proc(5): the name in parentheses, the parent, and
// the start time.
func readStat(path string) (p processOf, parent int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p, 0, err
	}
	end := strings.LastIndexByte(string(text), ')')
	begin := strings.IndexByte(string(text), '(')
	f := strings.Fields(string(text[end+1:]))
	if begin < 0 || end < begin || len(f) < 20 {
		return p, 0, errors.New("no stat line")
	}
	if f[0] == "Z" {
		return p, 0, errors.New("a zombie has ended")
	}
	p.name, p.start = string(text[begin+1:end]), f[19]
	p.pid, err = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	if err != nil {
		return p, 0, err
	}
	parent, err = strconv.Atoi(f[1])
	return p, parent, err
}

// noneOf returns an error while one of the processes is still there.
func noneOf(all []processOf) error {
	for _, p := range all {
		now, _, err := readStat(fmt.Sprintf("/proc/%d/stat", p.pid))
		if err == nil && now.start == p.start {
			return fmt.Errorf("%s, process %d, is still there", p.name, p.pid)
		}
	}
	return nil
}
