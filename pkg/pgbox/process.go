package pgbox

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Signals by which a server is asked to stop (PostgreSQL documentation, Shutting
// Down the Server): fast, cutting off its clients, and immediate, without a checkpoint.
const (
	fastShutdown      = syscall.SIGINT
	immediateShutdown = syscall.SIGQUIT
)

// process is a running server process.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// startProcess starts cmd such that it is told to stop when this process dies.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	// A group of its own: Ctrl-C in a terminal is for us, and we stop it in order.
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	started := make(chan error)
	go p.watch(started)
	return p, <-started
}

// watch starts the process and waits for its end on one locked thread: to the
// kernel the parent is the thread, and a thread may end long before the process.
func (p *process) watch(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // how it ended stands in its log
	}
	close(p.done)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks more and more firmly until the process has ended.
func (p *process) stop(patience time.Duration) error {
	for _, s := range []syscall.Signal{fastShutdown, immediateShutdown, syscall.SIGKILL} {
		if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(patience):
		}
	}
	return errors.New("the server does not end")
}
