package pgbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

const (
	user = "payloom" // the superuser of every cluster

	portTries      = 3                // how often a port may be snatched before we give up
	readyTimeout   = 60 * time.Second // recovery after a crash included
	connectTimeout = 2 * time.Second  // for one try
	stopTimeout    = 15 * time.Second // for a fast shutdown with its checkpoint
)

// ErrEnded says that the server ended while it was needed; its last words follow.
var ErrEnded = errors.New("the server ended")

// Options say what kind of server to start. The zero value is a throw-away one.
type Options struct {
	// Dir keeps the cluster between starts; it is made when missing. Empty means
	// a temporary folder, removed by Stop or when this process ends.
	Dir string
	// Port to listen on; 0 takes a free one.
	Port int
	// Durable means that a commit is on the disk when it is acknowledged. Without
	// it a crash of the machine may destroy the cluster: for tests only.
	Durable bool
	// Log hears of starts and stops; nil means nobody does.
	Log *zap.Logger
}

// Server is a running Postgres server. Its methods are safe for concurrent use.
type Server struct {
	opts Options
	home *home
	port int

	mu      sync.Mutex // guards the next two, which a crash exchanges
	process *process
	guard   *guard

	stop    sync.Once
	stopErr error
}

// Start starts a server and returns once it accepts connections. It makes the
// cluster in an empty folder and reuses one that is there. ctx bounds the start only.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	begin := time.Now()
	h, err := openHome(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s := &Server{opts: opts, home: h}
	if err := s.startOnSomePort(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: %w", err), h.remove())
	}
	opts.Log.Info("postgres started", zap.Int("port", s.port), zap.Int("version", h.binaries.Major),
		zap.Bool("durable", opts.Durable), zap.Float64("took_s", time.Since(begin).Seconds()))
	return s, nil
}

// startOnSomePort tries again when somebody took the free port it had found.
func (s *Server) startOnSomePort(ctx context.Context) error {
	for try := 1; ; try++ {
		port, err := choosePort(ctx, s.opts.Port)
		if err != nil {
			return err
		}
		s.port = port
		err = s.startOnce(ctx)
		if !errors.Is(err, errPortTaken) || s.opts.Port != 0 || try == portTries {
			return err
		}
	}
}

// startOnce starts the server process and waits until it accepts connections.
func (s *Server) startOnce(ctx context.Context) (err error) {
	if s.process, err = s.home.run(ctx, s.port, s.opts.Durable); err != nil {
		return err
	}
	if s.guard, err = newGuard(s.process.pid(), s.home.temporary()); err != nil {
		return errors.Join(err, s.process.stop(stopTimeout))
	}
	if err = s.awaitReady(ctx); err != nil {
		return errors.Join(err, s.process.stop(stopTimeout), s.guard.dismiss())
	}
	return nil
}

// choosePort returns the wanted port, or one that nobody listens on just now.
func choosePort(ctx context.Context, wanted int) (int, error) {
	if wanted != 0 {
		return wanted, nil
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	addr, err := netip.ParseAddrPort(l.Addr().String())
	return int(addr.Port()), errors.Join(err, l.Close())
}

// awaitReady tries to connect until it works, the server ends, or ctx does.
func (s *Server) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.tryConnect(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return s.home.lastWords()
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", err)
		case <-tick.C:
		}
	}
}

// tryConnect gives up early: if somebody else has the port, nobody may answer.
func (s *Server) tryConnect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// DSN returns the URL of a database of this server, for its superuser. It holds the password.
func (s *Server) DSN(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, s.home.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase makes a database unless it is there.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var there bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Done is closed when the server process has ended, asked or not.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.done
}

// Stop ends the server, cutting off its clients, and removes a temporary
// folder. It may be called again.
func (s *Server) Stop() error {
	s.stop.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.process.stop(stopTimeout)
		s.stopErr = errors.Join(err, s.guard.dismiss(), s.home.remove())
		s.opts.Log.Info("postgres stopped", zap.Error(s.stopErr))
	})
	return s.stopErr
}

// LogFile returns where the server writes its own log.
func (s *Server) LogFile() string { return s.home.logFile() }

// temporaryHome makes a folder that only this user, or the server's, can enter.
func temporaryHome() (string, error) {
	dir, err := os.MkdirTemp("", "payloom-pg-")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}
