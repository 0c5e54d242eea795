package images

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/nats"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
	"github.com/testcontainers/testcontainers-go/wait"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
)

// patience is how long a container may take to be ready.
const patience = time.Minute

// image returns what a variable names, or skips.
func image(t *testing.T, variable string) string {
	t.Helper()
	name := os.Getenv(variable)
	if name == "" {
		t.Skipf("%s names no image: make test-containers", variable)
	}
	reachHost(t)
	return name
}

// reachHost helps testcontainers on a machine that is a container itself, where it
// would look for published ports at the default gateway, and wait for ever.
func reachHost(t *testing.T) {
	t.Helper()
	const override = "TESTCONTAINERS_HOST_OVERRIDE"
	if _, err := os.Stat("/.dockerenv"); err == nil && os.Getenv(override) == "" {
		t.Setenv(override, "127.0.0.1")
	}
}

// broker is a NATS server that syncs every write, in a container.
type broker struct{ *nats.NATSContainer }

const natsConfig = `
http: "0.0.0.0:8222"
jetstream { store_dir: "/data", sync_interval: always }
`

func mustBroker(t *testing.T) broker {
	t.Helper()
	c, err := nats.Run(t.Context(), image(t, "TEST_NATS_IMAGE"), nats.WithConfigFile(strings.NewReader(natsConfig)))
	mustStop(t, c, err)
	b := broker{c}
	// A published port is open before the server listens behind it.
	eventually(t, "provision", func(ctx context.Context) error {
		d, err := bus.Dial(ctx, b.config(t), bus.Provisioner, zap.NewNop())
		if err != nil {
			return err
		}
		defer d.Close()
		_, err = d.Provision(ctx, bus.Topology{Shards: 2})
		return err
	})
	return b
}

// mustStop has the container go with the test, and fails when it did not start.
func mustStop(t *testing.T, c testcontainers.Container, err error) {
	t.Helper()
	testcontainers.CleanupContainer(t, c)
	if err != nil {
		t.Fatal(err)
	}
}

// config returns how the server is reached now: its ports change when it is started
// again. What is stored there must be durable.
func (b broker) config(t *testing.T) bus.Config {
	t.Helper()
	client, err := b.ConnectionString(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	monitor, err := b.PortEndpoint(t.Context(), "8222/tcp", "http")
	if err != nil {
		t.Fatal(err)
	}
	return bus.Config{URL: client, MonitorURL: monitor, Durability: bus.Money}
}

// database is a Postgres server in a container, migrated.
type database struct{ *postgres.PostgresContainer }

func mustDatabase(t *testing.T) database {
	t.Helper()
	c, err := postgres.Run(t.Context(), image(t, "TEST_POSTGRES_IMAGE"),
		postgres.WithDatabase("payloom"), postgres.WithUsername("payloom"), postgres.WithPassword("for-this-test-only"),
		testcontainers.WithAdditionalWaitStrategyAndDeadline(patience, wait.ForListeningPort("5432/tcp")))
	mustStop(t, c, err)
	d := database{c}
	eventually(t, "migrate", func(ctx context.Context) error {
		_, err := projection.Migrate(ctx, d.dsn(t))
		return err
	})
	return d
}

// dsn returns how the server is reached now.
func (d database) dsn(t *testing.T) string {
	t.Helper()
	dsn, err := d.ConnectionString(t.Context(), "sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// mustKill ends a container without giving it time, and starts it again.
func mustKill(t *testing.T, c testcontainers.Container) {
	t.Helper()
	var none time.Duration
	if err := c.Stop(t.Context(), &none); err != nil {
		t.Fatalf("kill: %v", err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatalf("start: %v", err)
	}
}

// mustConnect connects as soon as the server is there.
func mustConnect(t *testing.T, b broker, name string) *bus.Bus {
	t.Helper()
	var connected *bus.Bus
	eventually(t, "connect", func(ctx context.Context) (err error) {
		connected, err = bus.Connect(ctx, b.config(t), name, zap.NewNop())
		return err
	})
	t.Cleanup(connected.Close)
	return connected
}

// eventually tries until it works, or a minute is over.
func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
