package bus_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
)

func mustShared(t *testing.T, b *bus.Bus) *bus.Shared {
	t.Helper()
	s, err := b.Shared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShared_OneWinner(t *testing.T) {
	t.Parallel()
	s := mustShared(t, bustest.New(t, bus.Topology{}))
	if value, rev, err := s.Get(t.Context(), "switch.computop"); len(value) != 0 || rev != 0 || err != nil {
		t.Fatalf("what nobody set is %q at revision %d, %v", value, rev, err)
	}
	rev := uint64(0)
	for round := range 3 {
		var won atomic.Uint64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				next, err := s.CompareAndSet(t.Context(), "switch.computop", []byte(strconv.Itoa(i)), rev)
				switch {
				case err == nil:
					if !won.CompareAndSwap(0, next) {
						t.Errorf("round %d has two winners", round)
					}
				case !errors.Is(err, bus.ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if rev = won.Load(); rev == 0 {
			t.Fatalf("round %d has no winner", round)
		}
		if _, at, err := s.Get(t.Context(), "switch.computop"); at != rev || err != nil {
			t.Errorf("revision %d, %v; want %d", at, err, rev)
		}
	}
}

// seen is what a watch has told.
type seen struct {
	mu     sync.Mutex
	values map[string]string
}

func (s *seen) each(key string, value []byte, _ uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = string(value)
}

func (s *seen) eventually(t *testing.T, want map[string]string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		same := maps.Equal(s.values, want)
		s.mu.Unlock()
		if same {
			return
		}
	}
	t.Fatalf("after 20 s the watch has told %v, want %v", s.values, want)
}

func mustSet(t *testing.T, s *bus.Shared, key, value string) {
	t.Helper()
	_, rev, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompareAndSet(t.Context(), key, []byte(value), rev); err != nil {
		t.Fatal(err)
	}
}

func TestShared_WatchTellsWhatIsThereAndWhatChanges(t *testing.T) {
	t.Parallel()
	s := mustShared(t, bustest.New(t, bus.Topology{}))
	mustSet(t, s, "switch.computop", "before")
	mustSet(t, s, "switch.axerve", "another's")
	got, caughtUp := seen{values: map[string]string{}}, make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Watch(ctx, []string{"switch.computop", "switch.computop.>"}, got.each, func() { close(caughtUp) })
	}()
	mustReceive(t, "end of what was there", caughtUp)
	got.eventually(t, map[string]string{"switch.computop": "before"})
	mustSet(t, s, "switch.computop", "after")
	mustSet(t, s, "switch.computop.demo.eu", "new")
	got.eventually(t, map[string]string{"switch.computop": "after", "switch.computop.demo.eu": "new"})
	all, err := s.All(t.Context(), []string{"switch.>"})
	if err != nil || len(all) != 3 || string(all["switch.axerve"]) != "another's" {
		t.Errorf("all: %q, %v", all, err)
	}
	stop()
	<-done
}

// TestShared_WatchOutlivesTheBroker: the broker restarts, and the watch goes on.
func TestShared_WatchOutlivesTheBroker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := server.RANDOM_PORT
	start := func() *server.Server {
		broker, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
		if err != nil {
			t.Fatal(err)
		}
		broker.Start()
		t.Cleanup(func() { broker.Shutdown(); broker.WaitForShutdown() })
		if !broker.ReadyForConnections(10 * time.Second) {
			t.Fatal("the broker is not ready after 10 s")
		}
		return broker
	}
	broker := start()
	cfg := bus.Config{URL: broker.ClientURL(), Durability: bus.Laptop}
	bustest.Provision(t, cfg, bus.Topology{})
	s := mustShared(t, bustest.Connect(t, cfg, "test"))
	got := seen{values: map[string]string{}}
	go s.Watch(t.Context(), []string{"switch.>"}, got.each, func() {})
	mustSet(t, s, "switch.computop", "before")
	got.eventually(t, map[string]string{"switch.computop": "before"})

	broker.Shutdown()
	broker.WaitForShutdown()
	if _, _, err := s.Get(t.Context(), "switch.computop"); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("without a broker: %v, want ErrUnavailable", err)
	}
	port = portOf(t, cfg.URL)
	start()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, rev, err := s.Get(t.Context(), "switch.computop"); err == nil && rev > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the value is not back after 20 s")
		}
	}
	mustSet(t, s, "switch.computop", "after")
	got.eventually(t, map[string]string{"switch.computop": "after"})
}

func portOf(t *testing.T, url string) int {
	t.Helper()
	n, err := strconv.Atoi(url[strings.LastIndex(url, ":")+1:])
	if err != nil {
		t.Fatalf("no port in %s", url)
	}
	return n
}

// TestProvision_MakesTheBucketOnce: what was laid out before there was
// a bucket gets one, and a worker says so until then.
func TestProvision_MakesTheBucketOnce(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	b, err := bus.Dial(t.Context(), cfg, "provisioner", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Shared(t.Context()); !errors.Is(err, bus.ErrNotProvisioned) {
		t.Errorf("before: %v, want ErrNotProvisioned", err)
	}
	for i, want := range []bool{true, false} {
		lines, err := b.Provision(t.Context(), bus.Topology{})
		if err != nil {
			t.Fatal(err)
		}
		made := false
		for _, l := range lines {
			made = made || l == "created stream KV_"+bus.SharedBucket
		}
		if made != want {
			t.Errorf("run %d: %q", i+1, lines)
		}
	}
	mustSet(t, mustShared(t, b), "switch.computop", "kept")
	if _, err := b.Provision(t.Context(), bus.Topology{}); err != nil {
		t.Fatal(err)
	}
	if value, _, err := mustShared(t, b).Get(t.Context(), "switch.computop"); string(value) != "kept" || err != nil {
		t.Errorf("after provisioning again: %q, %v", value, err)
	}
}
