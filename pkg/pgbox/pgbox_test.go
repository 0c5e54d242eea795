package pgbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/pgbox"
)

// childEnv makes this test binary start a server and wait to be killed.
const childEnv = "PGBOX_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	s, err := pgbox.Start(context.Background(), pgbox.Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.DSN("postgres"))
	fmt.Println(s.LogFile())
	select {}
}

// needBinaries skips where no server is installed, unless skipping is forbidden.
func needBinaries(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a database server")
	}
	if _, err := pgbox.Find(t.Context()); err == nil {
		return
	}
	if os.Getenv("TESTKIT_REQUIRE") == "1" {
		t.Fatal(pgbox.HowToInstall())
	}
	t.Skip(pgbox.HowToInstall())
}

func mustStart(t *testing.T, opts pgbox.Options) *pgbox.Server {
	t.Helper()
	s, err := pgbox.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustExec(t *testing.T, dsn, sql string) {
	t.Helper()
	conn := mustConnect(t, dsn)
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func mustQuery(t *testing.T, dsn, sql string) string {
	t.Helper()
	var got string
	if err := mustConnect(t, dsn).QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func mustConnect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// mustSharedDir returns a folder that other users may enter, unlike t.TempDir.
func mustSharedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgbox-test-") //nolint:usetesting // above t.TempDir's folder is one that only we may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestStart_Temporary(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	s := mustStart(t, pgbox.Options{})
	for range 2 {
		if err := s.CreateDatabase(t.Context(), `odd "name"`); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustQuery(t, s.DSN(`odd "name"`), "SELECT current_database()::text"); got != `odd "name"` {
		t.Errorf("connected to %q", got)
	}
	for setting, want := range map[string]string{"fsync": "off", "synchronous_commit": "off", "TimeZone": "UTC", "server_encoding": "UTF8"} {
		if got := mustQuery(t, s.DSN("postgres"), "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if err := errors.Join(s.Stop(), s.Stop()); err != nil {
		t.Errorf("Stop twice: %v", err)
	}
	select {
	case <-s.Done():
	default:
		t.Error("stopped, but not done")
	}
	if _, err := os.Stat(filepath.Dir(s.LogFile())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
}

func TestStart_NeedsThePassword(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	s := mustStart(t, pgbox.Options{})
	cfg, err := pgx.ParseConfig(s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Password = "guessed"
	if conn, err := pgx.ConnectConfig(t.Context(), cfg); err == nil {
		_ = conn.Close(t.Context())
		t.Error("any password will do")
	}
}

func TestStart_Persistent(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	opts := pgbox.Options{Dir: filepath.Join(mustSharedDir(t), "deep", "er"), Durable: true}
	first := mustStart(t, opts)
	mustExec(t, first.DSN("postgres"), "CREATE TABLE kept AS SELECT 'yes' AS answer")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	// What a crash leaves behind, after the number went to somebody else: this test.
	pidFile := filepath.Join(opts.Dir, "data", "postmaster.pid")
	if err := os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	second := mustStart(t, opts)
	if got := mustQuery(t, second.DSN("postgres"), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("found %q", got)
	}
	if got := mustQuery(t, second.DSN("postgres"), "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %q", got)
	}
}

func TestStart_SaysWhyNot(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	port := netip.MustParseAddrPort(busy.Addr().String()).Port()
	foreign := mustSharedDir(t)
	if err := os.Mkdir(filepath.Join(foreign, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign, "data", "PG_VERSION"), []byte("7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		opts pgbox.Options
		is   error
		text string
	}{
		"a port in use":          {pgbox.Options{Port: int(port)}, pgbox.ErrEnded, "Address already in use"},
		"an unknown old cluster": {pgbox.Options{Dir: foreign}, pgbox.ErrNoBinaries, "of version 7, which made this cluster"},
	}
	if os.Geteuid() == 0 {
		tests["a folder below one that is root's alone"] = struct {
			opts pgbox.Options
			is   error
			text string
		}{pgbox.Options{Dir: t.TempDir()}, pgbox.ErrUnreachable, "choose another"}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := pgbox.Start(t.Context(), tt.opts)
			if err == nil {
				t.Fatal(s.Stop())
			}
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestServer_DiesWithItsOwner(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	dsn, dir := mustLine(t, lines), filepath.Dir(mustLine(t, lines))
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatalf("the child says %q", dsn)
	}
	mustConnect(t, dsn)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	awaitGone(t, "the server", func() bool {
		conn, err := net.Dial("tcp", net.JoinHostPort(cfg.Host, fmt.Sprint(cfg.Port)))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	awaitGone(t, "its folder", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, fs.ErrNotExist)
	})
}

func mustLine(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatal("the child ended")
	}
	return lines.Text()
}

func awaitGone(t *testing.T, what string, gone func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !gone(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s outlives its owner", what)
		}
	}
}
