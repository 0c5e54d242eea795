package stack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/pgbox"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/internal/providers"
)

// notes collects what a stack says. It may be used concurrently.
type notes struct {
	mu   sync.Mutex
	text []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = append(n.text, text)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.text, "\n")
}

// script returns a child that runs a shell script.
func script(t *testing.T, n *notes, text string) *child {
	t.Helper()
	path := filepath.Join(t.TempDir(), "service")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	c := &child{name: "service", path: path, env: []string{"PATH=" + os.Getenv("PATH")}, log: &bytes.Buffer{}, note: n.add}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	return c
}

func TestChild_ComesBackWhenItDies(t *testing.T) {
	t.Parallel()
	var n notes
	c := script(t, &n, "exec sleep 1000")
	first := c.current()
	if err := first.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 5*time.Second, func() error {
		if c.current() == first {
			return errors.New("it is the first one still")
		}
		return nil
	})
	if !strings.Contains(n.String(), "service ended (signal: killed); starting it again in 200ms") {
		t.Errorf("nobody was told: %s", &n)
	}
	second := c.current()
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(second.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestChild_PausesGrow(t *testing.T) {
	t.Parallel()
	var n notes
	script(t, &n, "exit 3")
	testkit.Eventually(t, 10*time.Second, func() error {
		if !strings.Contains(n.String(), "service ended (exit status 3); starting it again in 800ms") {
			return fmt.Errorf("so far: %s", &n)
		}
		return nil
	})
}

func TestChild_HeldDownUntilReleased(t *testing.T) {
	t.Parallel()
	var n notes
	c := script(t, &n, "exec sleep 1000")
	first := c.current()
	release := c.hold()
	if err := first.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-first.done
	time.Sleep(2 * firstPause) // it would be back by now
	if c.current() != first {
		t.Fatal("it came back while it was held")
	}
	release()
	testkit.Eventually(t, 5*time.Second, func() error {
		if c.current() == first {
			return errors.New("it does not come back")
		}
		return nil
	})
	c.hold()
	if err := c.current().signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.stop(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("one that is held does not stop: %v after %s", err, time.Since(began))
	}
}

func TestNodeConfig_IsOneThatTheServerTakes(t *testing.T) {
	t.Parallel()
	all := []node{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}
	for _, secure := range []bool{false, true} {
		for _, durability := range []string{bus.Laptop, bus.Money} {
			s := &Stack{opts: Options{Secure: secure, Durability: durability}, dir: t.TempDir()}
			keys, err := s.installation()
			if err != nil || (keys != "") != secure {
				t.Fatalf("the installation is in %q, %v", keys, err)
			}
			s.broker = &broker{keys: keys}
			path, err := s.writeNode("broker-2", 1, all)
			o := &server.Options{}
			if err := errors.Join(err, o.ProcessConfigFile(path)); err != nil {
				t.Fatal(err)
			}
			if o.SyncAlways != (durability == bus.Money) || o.Port != 4 || o.Cluster.Port != 6 || !o.Cluster.NoAdvertise || len(o.Routes) != 3 {
				t.Errorf("%s: %+v", durability, o)
			}
			if (o.TLSConfig != nil) != secure || (o.Cluster.TLSConfig != nil) != secure || (len(o.Nkeys) > 0) != secure {
				t.Errorf("secure %v: clients by TLS %v, nodes by TLS %v, %d keys", secure, o.TLSConfig != nil, o.Cluster.TLSConfig != nil, len(o.Nkeys))
			}
		}
	}
}

func TestChild_StopsWhilePausing(t *testing.T) {
	t.Parallel()
	var n notes
	c := script(t, &n, "exit 3")
	testkit.Eventually(t, 10*time.Second, func() error {
		if !strings.Contains(n.String(), "in 800ms") {
			return fmt.Errorf("so far: %s", &n)
		}
		return nil
	})
	began := time.Now()
	if err := c.stop(); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestPortFinder(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := netip.MustParseAddrPort(l.Addr().String()).Port()
	f := newPortFinder()
	if _, err := f.take(int(taken), Ingress); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "--ports auto") {
		t.Errorf("a port that is taken: %v", err)
	}
	seen := map[int]bool{}
	for range 50 {
		port, err := f.take(0, Ingress)
		if err != nil || seen[port] || port < lowestPort || port > highestPort {
			t.Fatalf("port %d: %v", port, err)
		}
		seen[port] = true
	}
}

func TestStart_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options Options
		want    string
	}{
		"no binaries":                   {Options{Bin: t.TempDir()}, "make build"},
		"a durability that is none":     {Options{Durability: "paper"}, `durability is "paper"`},
		"a broker that cannot be asked": {Options{Durability: bus.Money, NATSURL: "nats://127.0.0.1:1"}, "NATS_MONITOR_URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Start(t.Context(), tt.options)
			if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestOpenDir_OneAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := &Stack{opts: Options{Dir: dir}}
	if err := first.openDir(); err != nil {
		t.Fatal(err)
	}
	second := &Stack{opts: Options{Dir: dir}}
	if err := second.openDir(); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("a second in the same folder: %v", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	third := &Stack{opts: Options{Dir: dir}}
	// What another test forks just now has the lock as well, until its exec.
	testkit.Eventually(t, 10*time.Second, func() error {
		if err := third.openDir(); err != nil {
			return fmt.Errorf("after the first has ended: %w", err)
		}
		return nil
	})
	if err := third.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestWriteAccounts_IsAFileThatServicesTake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func() *Stack {
		s := &Stack{dir: dir, secrets: map[string]string{}, ports: DefaultPorts(), opts: Options{Webhook: "http://127.0.0.1:9000/hook"}}
		if err := errors.Join(s.planRelays(), s.writeAccounts()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := write()
	book, err := account.Load(s.AccountsFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range account.Check(book, providers.Exam) {
		t.Errorf("%s", p)
	}
	for _, p := range payment.Providers() {
		a, err := book.Account(Merchant, p, "")
		if err != nil || a.Live {
			t.Errorf("no account at %s that serves: %v", p, err)
			continue
		}
		if !slices.Contains(s.Accounts(), string(p)+"/"+a.Name) {
			t.Errorf("nobody is told of %s at %s", a.Name, p)
		}
	}
	if hooks := book.Merchants()[0].Webhooks; len(hooks) != 1 || hooks[0].URL != "http://127.0.0.1:9000/hook" {
		t.Errorf("webhooks %v", hooks)
	}
	if access, ok := book.Merchant(s.APIKey()); !ok || access.Merchant != Merchant || len(access.Scopes) != len(account.Scopes()) {
		t.Errorf("the key opens %+v, %v", access, ok)
	}
	if again := write(); again.APIKey() != s.APIKey() {
		t.Error("another start has another key")
	}
	for name := range secretNames {
		info, err := os.Stat(filepath.Join(s.secretDir(), name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(s.AccountsFile())
	if err != nil || strings.Contains(string(text), s.APIKey()) || strings.Contains(string(text), s.secrets["computop-mac"]) {
		t.Errorf("the file shows a secret, or %v", err)
	}
}

// TestInherited_TheMarkOfATestRun: what a run leaves behind is known by it. Nothing
// else of the environment reaches services unasked.
func TestInherited_TheMarkOfATestRun(t *testing.T) {
	t.Setenv(pgbox.RunMark, "1.2")
	t.Setenv("NATS_URL", "nats://somebody.example")
	env := inherited()
	if env[pgbox.RunMark] != "1.2" {
		t.Errorf("the mark is %q", env[pgbox.RunMark])
	}
	if _, ok := env["NATS_URL"]; ok {
		t.Error("services hear of our broker")
	}
}

func TestEnviron_RoundTrip(t *testing.T) {
	t.Parallel()
	s := &Stack{dir: t.TempDir(), database: "postgres://u:p=w@127.0.0.1/x?sslmode=disable", broker: &broker{url: "nats://127.0.0.1:1"}}
	if err := s.writeEnviron(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadEnviron(s.dir)
	if err != nil || got["DATABASE_URL"] != s.database || got["NATS_URL"] != s.broker.url {
		t.Errorf("%v, %v", got, err)
	}
	if info, err := os.Stat(s.EnvironFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEnviron(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there after the end: %v", err)
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ dsn, want string }{
		"a URL":    {"postgres://u:p@h:5/a?sslmode=disable", "postgres://u:p@h:5/fresh?sslmode=disable"},
		"keywords": {"host=h dbname=a", "host=h dbname=a dbname=fresh"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := withDatabase(tt.dsn, "fresh"); err != nil || got != tt.want {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
	if _, err := withDatabase("postgres://u:sec%ret@h/a", "x"); err == nil || strings.Contains(err.Error(), "sec") {
		t.Errorf("a URL that is none: %v", err)
	}
}

func TestPrefixed_WritesWholeLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &prefixed{mu: &sync.Mutex{}, to: &out, prefix: "ingress | "}
	for _, part := range []string{"one\ntw", "o\n", "three"} {
		if n, err := p.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if want := "ingress | one\ningress | two\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "line %d\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(tail(path), "\n")
	if len(got) != tailLines || got[len(got)-1] != "line 4999" {
		t.Errorf("%q", got)
	}
	if tail(path+"-") != "" {
		t.Error("a file that is not there has a tail")
	}
}
