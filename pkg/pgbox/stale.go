package pgbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrInUse says that another server runs on the same cluster.
var ErrInUse = errors.New("the cluster is in use")

// leaveTimeout is how long a server that has just lost its parent may take to end.
const leaveTimeout = 10 * time.Second

// awaitNobody makes sure that no server runs on the cluster in dir. A pid file
// left by a crash is removed when its number belongs to nobody or, as after a
// reboot, to somebody else; Postgres itself would not dare in the second case.
func awaitNobody(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		pid, err := postmaster(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !serves(pid, dir) {
			return os.Remove(pidFile(dir))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w by process %d: %s", ErrInUse, pid, dir)
		case <-tick.C:
		}
	}
}

func pidFile(dir string) string { return filepath.Join(dir, "postmaster.pid") }

// postmaster returns the process that the pid file names in its first line.
func postmaster(dir string) (int, error) {
	b, err := os.ReadFile(pidFile(dir))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0, fmt.Errorf("%s is damaged: %w", pidFile(dir), err)
	}
	return pid, nil
}

// serves reports whether process pid is a server working in dir, as a server
// does all its life. Where the system does not tell, a living process counts.
func serves(pid int, dir string) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	if errors.Is(err, fs.ErrNotExist) {
		// Either it ended meanwhile or it is a zombie, or there is no /proc.
		_, noProc := os.Stat("/proc/self")
		return noProc != nil
	}
	if err != nil {
		return true
	}
	real, err := filepath.EvalSymlinks(dir)
	return err != nil || cwd == real
}
