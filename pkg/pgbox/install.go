package pgbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// ErrCannotInstall says that this process is not root or has no apt-get.
var ErrCannotInstall = errors.New("cannot install packages here")

// managers maps a package manager to the line that installs the server.
var managers = []struct{ program, line string }{
	{"apt-get", "apt-get update && apt-get install -y --no-install-recommends postgresql"},
	{"dnf", "dnf install -y postgresql-server"},
	{"apk", "apk add postgresql"},
	{"pacman", "pacman -S --noconfirm postgresql"},
	{"brew", "brew install postgresql@17"},
}

// HowToInstall returns the line that installs Postgres on this machine.
func HowToInstall() string {
	for _, m := range managers {
		if _, err := exec.LookPath(m.program); err == nil {
			return m.line
		}
	}
	return "see https://www.postgresql.org/download/"
}

// Install installs the server's Debian package when none is there yet. It needs
// root and takes a minute or so; of several processes that call it one installs.
func Install(ctx context.Context) error {
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("%w; by hand: %s", ErrCannotInstall, HowToInstall())
	}
	unlock, err := lockFile(filepath.Join(os.TempDir(), "payloom-postgres-install.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := Find(ctx); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", managers[0].line)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", managers[0].line, err, lastLines(out))
	}
	_, err = Find(ctx)
	return err
}

// lockFile waits until this process alone holds the lock on path.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Closing gives the lock back; the file stays, as removing it would let two in.
	return func() { _ = f.Close() }, nil
}
