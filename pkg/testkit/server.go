package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/pgbox"
)

// startTimeout is how long a server may take, its installation included.
const startTimeout = 5 * time.Minute

// errNone says that there is no way to a server on this machine.
var errNone = errors.New("no Postgres here")

// shared is the server of this test binary. A global, because tests share nothing else.
var shared server

type server struct {
	starting  sync.Once
	migrating sync.Once

	dsn      string
	err      error
	stop     func() error
	template string
	tplErr   error
}

// start returns the server's DSN; the first call starts it.
func (s *server) start() (string, error) {
	s.starting.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		s.dsn, s.stop, s.err = source(ctx, os.Getenv)
	})
	return s.dsn, s.err
}

// migrated returns the name of the template database; the first call migrates it.
func (s *server) migrated() (string, error) {
	s.migrating.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		s.template, s.tplErr = ensureTemplate(ctx, s.dsn)
	})
	return s.template, s.tplErr
}

// source finds or starts a server in the order the package promises.
func source(ctx context.Context, getenv func(string) string) (dsn string, stop func() error, err error) {
	if dsn := getenv("DATABASE_URL"); dsn != "" {
		return dsn, func() error { return nil }, nil
	}
	if _, err := pgbox.Find(ctx); err == nil {
		return startPrivate(ctx)
	}
	err = pgbox.Install(ctx)
	if errors.Is(err, pgbox.ErrCannotInstall) {
		return "", nil, fmt.Errorf("%w: set DATABASE_URL, or %s", errNone, pgbox.HowToInstall())
	}
	if err != nil {
		return "", nil, err
	}
	return startPrivate(ctx)
}

func startPrivate(ctx context.Context) (string, func() error, error) {
	s, err := pgbox.Start(ctx, pgbox.Options{})
	if err != nil {
		return "", nil, err
	}
	return s.DSN("postgres"), s.Stop, nil
}

// lacking ends a test that has no server: skipped where none can be had, failed
// where one did not start or skipping is forbidden.
func lacking(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNone) && os.Getenv("TESTKIT_REQUIRE") != "1" {
		t.Skip(err)
	}
	t.Fatalf("testkit: %v", err)
}

// Main runs the tests and stops the server before it returns the exit code:
//
//	func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
//
// It is a courtesy: without it the server ends when it notices that the binary has.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.stop == nil {
		return code
	}
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testkit:", err)
		return max(code, 1)
	}
	return code
}
