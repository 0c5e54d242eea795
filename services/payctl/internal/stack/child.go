package stack

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	firstPause = 200 * time.Millisecond // before a child that died is started again
	longPause  = 10 * time.Second
	healthy    = 30 * time.Second // a run that long starts the pauses anew

	stopPatience = 15 * time.Second // between SIGTERM and SIGKILL
)

// child is one service process, started again whenever it ends unasked.
type child struct {
	name  string
	path  string
	args  []string
	env   []string
	admin string // host and port of health and metrics
	ready string // URL that answers 200 when it is ready
	log   io.Writer
	note  func(string)

	mu       sync.Mutex
	run      *run // the present one
	restarts int
	wasReady bool
	stopping bool
	held     chan struct{} // nil, or closed when it may be started again
	wake     chan struct{} // ends a pause
	gone     chan struct{} // closed when the child will not be started again
}

// run is one life of a child.
type run struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; readable after done

	killed atomic.Bool // by Kill9: no fault of its own
}

// start starts the child and the goroutine that watches it.
func (c *child) start() error {
	c.wake, c.gone = make(chan struct{}, 1), make(chan struct{})
	r, err := c.launch()
	if err != nil {
		close(c.gone)
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.run = r
	go c.supervise(r)
	return nil
}

// launch starts the process. It is watched on one locked thread: to the kernel the
// parent is the thread, and a thread may end long before the process.
func (c *child) launch() (*run, error) {
	r := &run{cmd: exec.Command(c.path, c.args...), done: make(chan struct{})} //nolint:noctx // it outlives its start; stop ends it
	r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = c.env, c.log, c.log
	// A group of its own: Ctrl-C in a terminal is for us, and we stop it in order.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(r.cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.cmd.Start()
		started <- err
		if err == nil {
			r.err = r.cmd.Wait()
		}
		close(r.done)
	}()
	return r, <-started
}

// supervise starts the child again until it is to stop.
func (c *child) supervise(r *run) {
	defer close(c.gone)
	pause := firstPause
	for {
		began := time.Now()
		<-r.done
		if time.Since(began) > healthy || r.killed.Load() {
			pause = firstPause
		}
		if c.isStopping() {
			return
		}
		c.note(fmt.Sprintf("%s ended (%s); starting it again in %s", c.name, ending(r.err), pause))
		if r = c.again(&pause); r == nil {
			return
		}
	}
}

// again waits and starts the child, trying until that works; nil when it is to stop.
func (c *child) again(pause *time.Duration) *run {
	for {
		select {
		case <-time.After(*pause):
		case <-c.wake:
		}
		c.awaitRelease()
		*pause = min(2**pause, longPause)
		r, stopping, err := c.relaunch()
		if stopping {
			return nil
		}
		if err == nil {
			return r
		}
		c.note(fmt.Sprintf("%s does not start: %v; again in %s", c.name, err, *pause))
	}
}

// relaunch launches under the lock, so that a stop sees either no run or the new one.
func (c *child) relaunch() (r *run, stopping bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return nil, true, nil
	}
	r, err = c.launch()
	if err == nil {
		c.run = r
		c.restarts++
	}
	return r, false, err
}

// hold keeps the child down from its next end on, until release is called.
func (c *child) hold() (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		return func() {} // somebody else holds it, and will let it go
	}
	held := make(chan struct{})
	c.held = held
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.held = nil
		close(held)
	})
}

// awaitRelease returns when nobody holds the child down, or it is to stop.
func (c *child) awaitRelease() {
	c.mu.Lock()
	held, stopping := c.held, c.stopping
	c.mu.Unlock()
	if held == nil || stopping {
		return
	}
	select {
	case <-held:
	case <-c.wake:
	}
}

func (c *child) isStopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopping
}

func (c *child) current() *run {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run
}

// signal sends s to the child and whatever it started, unless it has ended.
func (r *run) signal(s syscall.Signal) error {
	select {
	case <-r.done:
		return nil
	default:
	}
	if err := syscall.Kill(-r.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// stop ends the child for good, gently at first.
func (c *child) stop() error {
	c.mu.Lock()
	c.stopping = true
	r := c.run
	c.mu.Unlock()
	if r == nil {
		return nil
	}
	select {
	case c.wake <- struct{}{}: // it may be waiting to come back
	default:
	}
	err := r.end()
	<-c.gone
	return err
}

// end asks a run to end, and makes it when that takes too long.
func (r *run) end() error {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} { // one that was stopped hears of it, too
		if err := r.signal(s); err != nil {
			return err
		}
	}
	select {
	case <-r.done:
		return nil
	case <-time.After(stopPatience):
	}
	if err := r.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-r.done
	return fmt.Errorf("did not end within %s and was killed", stopPatience)
}

// ending says how a process ended.
func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}
