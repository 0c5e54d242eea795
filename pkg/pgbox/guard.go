package pgbox

import (
	"errors"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// guardScript waits for the end of its input, which is the end of whoever holds
// the other end, then asks the server to stop, waits for that up to ten seconds,
// and removes the folder.
const guardScript = `cat >/dev/null
kill -INT "$1" 2>/dev/null
n=0
while kill -0 "$1" 2>/dev/null && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done
[ -z "$2" ] || rm -rf -- "$2"`

// guard is a small process that cleans up when this one is killed.
type guard struct {
	cmd  *exec.Cmd
	hold io.Closer
}

// newGuard starts a guard over the server process and its folder; an empty one is kept.
func newGuard(pid int, dir string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "sh", strconv.Itoa(pid), dir) //nolint:noctx // it is for when this process, and every context in it, has ended
	cmd.Dir = "/"
	cmd.Env = bare()
	// Whoever kills our group must not kill the guard with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, hold.Close())
	}
	return &guard{cmd, hold}, nil
}

// dismiss ends the guard before it does anything. It is for when the server has ended.
// It may be called again.
func (g *guard) dismiss() error {
	if g.cmd.ProcessState != nil {
		return nil
	}
	// The whole group: the shell waits in a child of its own.
	if err := syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	_ = g.cmd.Wait() // it was killed, and says so
	_ = g.hold.Close()
	return nil
}
