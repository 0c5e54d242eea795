package bustest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/natsconf"
)

// Secured is a NATS server with keys, permissions and TLS, as a real installation
// has them.
type Secured struct {
	URL string
	Dir string // the installation's folder
	srv *server.Server
}

// Secure makes an installation and starts a server that is configured from its
// file. It ends with the test.
func Secure(t testing.TB, shards int) *Secured {
	t.Helper()
	dir := t.TempDir()
	if _, err := natsconf.Write(natsconf.Options{Dir: dir, Shards: shards, Hosts: []string{"127.0.0.1", "localhost"}}); err != nil {
		t.Fatalf("installation: %v", err)
	}
	file := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("server_name: secured\nlisten: \"127.0.0.1:-1\"\njetstream { store_dir: %q }\ninclude ./broker/auth.conf\n", filepath.Join(dir, "data"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatalf("the configuration that was made: %v", err)
	}
	opts.NoLog, opts.NoSigs = true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatalf("NATS server: %v", err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS server is not ready after 10 s")
	}
	return &Secured{URL: s.ClientURL(), Dir: dir, srv: s}
}

// As returns how the named client reaches the server.
func (s *Secured) As(client string) bus.Config {
	return natsconf.For(bus.Config{URL: s.URL, Durability: bus.Laptop}, s.Dir, client)
}

// Reload has the server read its configuration again.
func (s *Secured) Reload(t testing.TB) {
	t.Helper()
	if err := s.srv.Reload(); err != nil {
		t.Fatalf("reload: %v", err)
	}
}
