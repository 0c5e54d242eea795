// Package bustest runs a NATS server inside a test.
package bustest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/seal"
)

// Server starts a NATS server with JetStream that ends with the test, and
// returns the configuration to reach it. It acknowledges before fsync.
func Server(t testing.TB) bus.Config {
	t.Helper()
	cfg, _ := Start(t, t.TempDir())
	return cfg
}

// Start starts a server that keeps its data in dir, and returns it so that a
// test can stop it and start another on the same data.
func Start(t testing.TB, dir string) (bus.Config, *server.Server) {
	t.Helper()
	return StartAt(t, dir, server.RANDOM_PORT)
}

// StartAt is Start on a port, where clients of an earlier server look for it.
func StartAt(t testing.TB, dir string, port int) (bus.Config, *server.Server) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
		MaxPayload: 1 << 20,
	})
	if err != nil {
		t.Fatalf("NATS server: %v", err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS server is not ready after 10 s")
	}
	return bus.Config{URL: s.ClientURL(), Durability: bus.Laptop}, s
}

// New starts a server, provisions it and returns a connected bus.
func New(t testing.TB, topology bus.Topology) *bus.Bus {
	t.Helper()
	cfg := Server(t)
	Provision(t, cfg, topology)
	return Connect(t, cfg, "test")
}

// Provision makes streams and consumers.
func Provision(t testing.TB, cfg bus.Config, topology bus.Topology) {
	t.Helper()
	b, err := bus.Dial(t.Context(), cfg, bus.Provisioner, zap.NewNop())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer b.Close()
	if _, err := b.Provision(t.Context(), topology); err != nil {
		t.Fatalf("provision: %v", err)
	}
}

// Connect connects as the named service; the connection ends with the test.
func Connect(t testing.TB, cfg bus.Config, name string) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), cfg, name, zap.NewNop())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(b.Close)
	return b
}

// WithDataKeys returns cfg with a new key-encryption key before those it has.
func WithDataKeys(t testing.TB, cfg bus.Config) bus.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data-key")
	if err := os.WriteFile(path, []byte(seal.GenerateKEK().Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	entry := "test-" + strconv.Itoa(len(cfg.DataKeys)) + "=file:" + path
	cfg.DataKeys = append([]string{entry}, cfg.DataKeys...)
	return cfg
}

// Plant stores bytes that no program of ours would write: what somebody with a key to
// the broker, or a bit on a disk, may leave behind.
func Plant(t testing.TB, cfg bus.Config, subject string, data []byte) {
	t.Helper()
	nc, err := nats.Connect(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), subject, data); err != nil {
		t.Fatal(err)
	}
}
