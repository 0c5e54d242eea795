package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/payloom/payloom/pkg/pgbox"
)

// Stack is a running Payloom. Its methods are safe for concurrent use.
type Stack struct {
	opts      Options
	dir       string
	temporary bool
	secrets   map[string]string
	accounts  []string
	// The secrets that are good, see Rotate; empty: the first.
	generations []string
	ports       Ports
	portsLeft   *portFinder
	listen      map[string]int // ports of what is reached by HTTP, by name
	broker      *broker
	nodes       []*child
	database    string
	postgres    *pgbox.Server // nil: somebody else's
	// Where workers reach the simulator, and where it sends callbacks.
	providerURL, notifyURL string
	http                   *http.Client
	began                  time.Time  // before the simulator, which remembers nothing older
	verbose                sync.Mutex // guards Options.Verbose

	mu       sync.Mutex
	children []*child
	cleanup  []step
	stopOnce sync.Once
	stopErr  error
}

// step undoes something that Start did.
type step struct {
	name string
	undo func() error
}

// Start starts everything and returns when all services are ready. What had been
// started is ended again when it fails. ctx bounds the start only.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Stack{opts: opts, generations: opts.Generations, secrets: map[string]string{}, began: time.Now(), http: &http.Client{Timeout: 5 * time.Second}}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := s.openDir(); err != nil {
		return err
	}
	if err := s.plan(); err != nil {
		return err
	}
	if err := s.writeAccounts(); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	if err := s.startBroker(ctx); err != nil {
		return err
	}
	if err := s.startDatabase(ctx); err != nil {
		return err
	}
	if err := s.startServices(); err != nil {
		return err
	}
	if err := s.WaitReady(ctx); err != nil {
		return err
	}
	return s.writeEnviron()
}

// openDir makes the folder and sees to it that nobody else runs in it.
func (s *Stack) openDir() (err error) {
	s.temporary = s.opts.Dir == ""
	if s.temporary {
		if s.dir, err = os.MkdirTemp("", "payloom-"); err != nil {
			return err
		}
		s.onStop("folder", func() error { return os.RemoveAll(s.dir) })
	} else if s.dir, err = filepath.Abs(s.opts.Dir); err != nil {
		return err
	}
	// Postgres may run as another user and has to get through to its own part.
	if err := os.MkdirAll(filepath.Join(s.dir, "log"), 0o755); err != nil {
		return err
	}
	return s.lock()
}

// lock fails when another process runs in the folder. The kernel unlocks when
// this one ends, however it does.
func (s *Stack) lock() error {
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%w: another payctl runs in %s: end it, or take another --dir", ErrOptions, s.dir), f.Close())
	}
	s.onStop("lock", f.Close)
	return nil
}

func (s *Stack) note(format string, args ...any) { s.opts.Note(fmt.Sprintf(format, args...)) }

func (s *Stack) onStop(name string, undo func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanup = append(s.cleanup, step{name, undo})
}

// Stop ends everything that Start started, the last first, and returns when all
// of it has ended. It may be called again.
func (s *Stack) Stop() error {
	s.stopOnce.Do(func() {
		s.mu.Lock()
		steps := s.cleanup
		s.mu.Unlock()
		var errs []error
		for _, st := range slices.Backward(steps) {
			if err := st.undo(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", st.name, err))
			}
		}
		s.stopErr = errors.Join(errs...)
	})
	return s.stopErr
}

// Dir returns the folder of broker, database, keys and logs.
func (s *Stack) Dir() string { return s.dir }

// URLs are where a stack is reached, without a slash at the end.
type URLs struct{ Ingress, Notify, Tracker, Simulator string }

// URLs returns where the services are reached.
func (s *Stack) URLs() URLs {
	return URLs{
		Ingress: localURL(s.ports.Ingress), Notify: localURL(s.ports.Notify),
		Tracker: localURL(s.ports.Tracker), Simulator: localURL(s.ports.Simulator),
	}
}

// BrokerURL returns where the broker is reached, and where its monitoring is.
func (s *Stack) BrokerURL() (client, monitor string) { return s.broker.url, s.broker.monitor }

// Durability returns what the broker promises.
func (s *Stack) Durability() string { return s.opts.Durability }

// Webhook returns where the merchant is told, or "".
func (s *Stack) Webhook() string { return s.opts.Webhook }

// Service is a running service process.
type Service struct {
	Name     string
	PID      int
	Admin    string // host and port of health and metrics
	Restarts int
}

// Services returns the services in the order in which they were started.
func (s *Stack) Services() []Service {
	var list []Service
	for _, c := range s.all() {
		c.mu.Lock()
		list = append(list, Service{c.name, c.run.cmd.Process.Pid, c.admin, c.restarts})
		c.mu.Unlock()
	}
	return list
}

func (s *Stack) all() []*child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.children)
}

func (s *Stack) child(name string) (*child, error) {
	for _, c := range append(s.all(), s.nodes...) {
		if c.name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("no service %q runs here", name)
}

// Kill9 kills a service as a crash would and returns when it is dead. It is
// started again after a moment, as any service that dies.
func (s *Stack) Kill9(name string) error {
	c, err := s.child(name)
	if err != nil {
		return err
	}
	r := c.current()
	r.killed.Store(true)
	if err := r.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", name, err)
	}
	<-r.done
	return nil
}

// Hold keeps a service down from its next end on, until release is called.
func (s *Stack) Hold(name string) (release func(), err error) {
	c, err := s.child(name)
	if err != nil {
		return nil, err
	}
	return c.hold(), nil
}

// Freeze stops a service in its tracks; thaw lets that same process go on, unless
// it has ended meanwhile.
func (s *Stack) Freeze(name string) (thaw func() error, err error) {
	c, err := s.child(name)
	if err != nil {
		return nil, err
	}
	r := c.current()
	if err := r.signal(syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("freeze %s: %w", name, err)
	}
	return func() error { return r.signal(syscall.SIGCONT) }, nil
}

// PID returns the process in which a service or broker node runs at present.
func (s *Stack) PID(name string) (int, error) {
	c, err := s.child(name)
	if err != nil {
		return 0, err
	}
	return c.current().cmd.Process.Pid, nil
}

// Postgres returns the database server, nil when it is not the stack's own.
func (s *Stack) Postgres() *pgbox.Server { return s.postgres }

// KillWorkers kills every worker of a program, as Kill9 does.
func (s *Stack) KillWorkers(program string) error {
	var errs []error
	for _, name := range s.Names(program) {
		errs = append(errs, s.Kill9(name))
	}
	return errors.Join(errs...)
}

// Restart asks a service to stop and returns when it is ready again. One that does
// not stop in time, or not with exit status 0, is an error.
func (s *Stack) Restart(ctx context.Context, name string) error {
	c, err := s.child(name)
	if err != nil {
		return err
	}
	before := c.current()
	if err := before.end(); err != nil {
		return fmt.Errorf("restart %s: %w", name, err)
	}
	if before.err != nil {
		return fmt.Errorf("restart %s: asked to stop, it ended otherwise: %w", name, before.err)
	}
	return s.WaitService(ctx, name, before.cmd.Process.Pid)
}

// WaitService returns when a service runs in another process than pid and is
// ready.
func (s *Stack) WaitService(ctx context.Context, name string, pid int) error {
	c, err := s.child(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	for c.current().cmd.Process.Pid == pid {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not come back: %w", name, ctx.Err())
		case <-time.After(readyTick):
		}
	}
	return s.waitReady(ctx, c)
}
