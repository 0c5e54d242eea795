package compose

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/natsconf"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// SettleMost is how long a simulator's "not found" is not believed: until then a
// request may be under way that nobody knows of.
const SettleMost = time.Minute

// Options say what to run.
type Options struct {
	File string // docker-compose.yml; its folder has deployments/
	// Env is given to compose, such as NATS_IMAGE.
	Env  map[string]string
	Note func(string) // hears of what is done; nil: nobody does
}

// Installation is a running docker-compose.yml. Its methods may be called
// concurrently.
type Installation struct {
	opts    Options
	command []string
	project string
	dir     string // keys and accounts; removed by Down
	environ []string
	urls    stack.URLs
	nats    []string
	dsn     string
}

const (
	// patience is how long the whole may take to come up.
	patience = 4 * time.Minute
	// apiKey is that of deployments/accounts.yaml, and known to everybody.
	apiKey = "payloom-demo-key-for-this-machine-only"
	// timeScale is how much faster than providers the simulator is. Paygate's second
	// repeat of a notify comes after eight minutes: no suite waits for that.
	timeScale = "10"
	// simulatorPort is the port that deployments/accounts.yaml has.
	simulatorPort = "8083"
)

// Up starts everything on free ports and returns when all of it is healthy. The
// images must be there. The project has a name of its own, or the one that compose
// itself is told by COMPOSE_PROJECT_NAME. What was started is taken down when it fails.
func Up(ctx context.Context, o Options) (*Installation, error) {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	command, err := Find(ctx)
	if err != nil {
		return nil, err
	}
	i := &Installation{opts: o, command: command, project: projectName()}
	if i.dir, err = os.MkdirTemp("", "payloom-compose-"); err != nil {
		return nil, err
	}
	if err := i.up(ctx); err != nil {
		return nil, errors.Join(err, i.Down(context.WithoutCancel(ctx)))
	}
	return i, nil
}

func projectName() string {
	return cmp.Or(os.Getenv("COMPOSE_PROJECT_NAME"), "payloom-"+strings.ToLower(rand.Text()[:8]))
}

func (i *Installation) up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := i.plan(); err != nil {
		return err
	}
	i.opts.Note("starting the containers of project " + i.project)
	if err := i.compose(ctx, "up", "-d", "--no-build"); err != nil {
		return errors.Join(err, i.complaints(ctx))
	}
	if err := i.takeKeys(ctx); err != nil {
		return err
	}
	return i.WaitHealthy(ctx)
}

// plan chooses ports and writes the accounts with them.
func (i *Installation) plan() error {
	env := map[string]string{"SETTLE_MOST": SettleMost.String(), "TIME_SCALE": timeScale}
	var listeners []net.Listener // all at once, so that no port is given twice
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for _, name := range []string{
		"INGRESS_PORT", "NOTIFY_PORT", "STATE_TRACKER_PORT", "SIMULATOR_PORT", "POSTGRES_PORT", "NATS_PORT", "NATS_2_PORT", "NATS_3_PORT",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
		if err != nil {
			return err
		}
		listeners = append(listeners, l)
		if _, env[name], err = net.SplitHostPort(l.Addr().String()); err != nil {
			return err
		}
	}
	at := func(name string) string { return "http://127.0.0.1:" + env[name] }
	i.urls = stack.URLs{Ingress: at("INGRESS_PORT"), Notify: at("NOTIFY_PORT"), Tracker: at("STATE_TRACKER_PORT"), Simulator: at("SIMULATOR_PORT")}
	for _, name := range []string{"NATS_PORT", "NATS_2_PORT", "NATS_3_PORT"} {
		i.nats = append(i.nats, "nats://127.0.0.1:"+env[name])
	}
	i.dsn = (&url.URL{
		Scheme: "postgres", User: url.UserPassword("payloom", "payloom"), Host: "127.0.0.1:" + env["POSTGRES_PORT"], Path: "payloom",
		RawQuery: "sslmode=disable",
	}).String()
	accounts, err := i.writeAccounts(env["SIMULATOR_PORT"])
	if err != nil {
		return err
	}
	env["PAYLOOM_ACCOUNTS_FILE"] = accounts
	for name, value := range i.opts.Env {
		env[name] = value
	}
	i.environ = os.Environ()
	for name, value := range env {
		i.environ = append(i.environ, name+"="+value)
	}
	return nil
}

// writeAccounts copies the accounts of the demo for a simulator at another port.
// The services, which run as somebody else, must be able to read them.
func (i *Installation) writeAccounts(port string) (string, error) {
	data, err := os.ReadFile(filepath.Join(filepath.Dir(i.opts.File), "deployments", "accounts.yaml"))
	if err != nil {
		return "", err
	}
	if err := os.Chmod(i.dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(i.dir, "accounts.yaml")
	text := strings.ReplaceAll(string(data), "simulator.localhost:"+simulatorPort, "simulator.localhost:"+port)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// takeKeys copies payctl's keys out of their volume.
func (i *Installation) takeKeys(ctx context.Context) error {
	id, err := i.container(ctx, "keys")
	if err != nil {
		return err
	}
	_, err = docker(ctx, "cp", id+":/keys/"+bus.Operator, filepath.Join(i.dir, bus.Operator))
	return err
}

// compose runs a command of compose on the project.
func (i *Installation) compose(ctx context.Context, args ...string) error {
	command := slices.Concat(i.command, []string{"-f", i.opts.File, "-p", i.project}, args)
	_, err := output(ctx, i.environ, command...)
	return err
}

// Down stops and removes everything, volumes too. It may be called again.
func (i *Installation) Down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := i.compose(ctx, "--profile", "tools", "down", "--volumes", "--timeout", "3", "--remove-orphans")
	return errors.Join(err, os.RemoveAll(i.dir))
}

// URLs returns where the services are reached.
func (i *Installation) URLs() stack.URLs { return i.urls }

// APIKey returns a key of the merchant with every scope.
func (i *Installation) APIKey() string { return apiKey }

// DatabaseURL returns how the database is reached. It holds a password.
func (i *Installation) DatabaseURL() string { return i.dsn }

// BusConfig returns how bus.Operator reaches the broker.
func (i *Installation) BusConfig() bus.Config {
	return natsconf.For(bus.Config{URL: strings.Join(i.nats, ","), Durability: bus.Laptop}, i.dir, bus.Operator)
}

// WriteLogs writes what every container has logged into a folder.
func (i *Installation) WriteLogs(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, service := range append(Services(), Brokers()...) {
		id, err := i.container(ctx, service)
		if err != nil {
			return err
		}
		text, err := output(ctx, nil, "sh", "-c", "docker logs "+id+" 2>&1")
		if err != nil {
			return fmt.Errorf("log of %s: %w", service, err)
		}
		if err := os.WriteFile(filepath.Join(dir, service+".log"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
