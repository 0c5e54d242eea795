package bustest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/bus"
)

// Await waits until cond returns nil; the test ends if that takes longer than d.
func Await(t testing.TB, d time.Duration, cond func() error) {
	t.Helper()
	err := cond()
	for deadline := time.Now().Add(d); err != nil; err = cond() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", d, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Forget has the command streams grow so old that the broker forgets all their
// messages, and provisions them as they were.
func Forget(t testing.TB, cfg bus.Config, topology bus.Topology) {
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
	for shard := range max(topology.Shards, 1) {
		forget(t, js, fmt.Sprintf("COMMANDS_%d", shard))
	}
	Provision(t, cfg, topology)
}

// forget lowers the stream's age limit, and waits until the broker has acted on it.
func forget(t testing.TB, js jetstream.JetStream, stream string) {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	young := s.CachedInfo().Config
	young.MaxAge, young.Duplicates = 100*time.Millisecond, 100*time.Millisecond
	if _, err := js.UpdateStream(t.Context(), young); err != nil {
		t.Fatal(err)
	}
	Await(t, 30*time.Second, func() error {
		info, err := s.Info(t.Context())
		if err == nil && info.State.Msgs > 0 {
			err = errors.New("the stream still has messages")
		}
		return err
	})
}
