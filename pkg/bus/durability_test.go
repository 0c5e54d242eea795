package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
)

// monitored starts a server with monitoring, provisioned.
func monitored(t *testing.T, syncAlways bool) bus.Config {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT,
		JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, SyncAlways: syncAlways,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS server is not ready after 10 s")
	}
	cfg := bus.Config{URL: s.ClientURL(), MonitorURL: "http://" + s.MonitorAddr().String(), Durability: bus.Money}
	bustest.Provision(t, cfg, bus.Topology{})
	return cfg
}

func connects(ctx context.Context, cfg bus.Config) error {
	b, err := bus.Connect(ctx, cfg, "test", zap.NewNop())
	if err == nil {
		b.Close()
	}
	return err
}

func TestConnect_Durability(t *testing.T) {
	t.Parallel()
	lazy, durable := monitored(t, false), monitored(t, true)
	if err := connects(t.Context(), durable); err != nil {
		t.Errorf("a broker that syncs every write: %v", err)
	}
	if err := connects(t.Context(), lazy); !errors.Is(err, bus.ErrNotDurable) {
		t.Errorf("one that does not: %v, want ErrNotDurable", err)
	}
	both := durable
	both.MonitorURL += ", " + lazy.MonitorURL
	if err := connects(t.Context(), both); !errors.Is(err, bus.ErrNotDurable) {
		t.Errorf("one of two does not: %v, want ErrNotDurable", err)
	}
	oneDown := durable
	oneDown.MonitorURL = "http://127.0.0.1:1," + durable.MonitorURL
	if err := connects(t.Context(), oneDown); err != nil {
		t.Errorf("one of two is down: %v", err)
	}
	allDown := durable
	allDown.MonitorURL = "http://127.0.0.1:1,http://127.0.0.1:2"
	if err := connects(t.Context(), allDown); err == nil {
		t.Error("nobody has answered, and it connects")
	}
	oneDown.MonitorURL = "http://127.0.0.1:1," + lazy.MonitorURL
	if err := connects(t.Context(), oneDown); !errors.Is(err, bus.ErrNotDurable) {
		t.Errorf("one is down, the other does not sync: %v, want ErrNotDurable", err)
	}
	unknown := durable
	unknown.MonitorURL = ""
	if err := connects(t.Context(), unknown); !errors.Is(err, bus.ErrNotDurable) {
		t.Errorf("nobody can tell: %v, want ErrNotDurable", err)
	}
	lazy.Durability = bus.Laptop
	if err := connects(t.Context(), lazy); err != nil {
		t.Errorf("a laptop's: %v", err)
	}
}

func TestConnect_AStreamThatIsWrittenLater(t *testing.T) {
	t.Parallel()
	cfg := monitored(t, true)
	nc, err := nats.Connect(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "LATER", Subjects: []string{"later"}, PersistMode: jetstream.AsyncPersistMode}); err != nil {
		t.Fatal(err)
	}
	if err := connects(t.Context(), cfg); !errors.Is(err, bus.ErrNotDurable) || !strings.Contains(err.Error(), "LATER") {
		t.Errorf("%v, want ErrNotDurable about LATER", err)
	}
}

func TestConnect_AnOldServer(t *testing.T) {
	t.Parallel()
	cfg := monitored(t, true)
	for version, old := range map[string]bool{
		"2.15.1": true, "2.9.25": true, "1.99.99": true, "2.15.2-RC.1": true, "": true, "new": true,
		"2.15.2": false, "2.15.10": false, "2.16.0-RC.1": false, "3.0.0": false,
	} {
		monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/varz" {
				fmt.Fprintf(w, `{"version": %q}`, version)
				return
			}
			fmt.Fprint(w, `{"config": {"sync_always": true}}`)
		}))
		one := cfg
		one.MonitorURL = monitor.URL
		if err := connects(t.Context(), one); errors.Is(err, bus.ErrTooOld) != old || (err == nil) == old {
			t.Errorf("version %q: %v, want too old %v", version, err, old)
		}
		monitor.Close()
	}
}
