package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
)

// Config is how a program reaches the broker.
type Config struct {
	URL      string `env:"NATS_URL" envDefault:"nats://127.0.0.1:4222" desc:"NATS servers, comma separated"`
	NKeyFile string `env:"NATS_NKEY_FILE" desc:"file with the nkey seed this service authenticates with"`
	CAFile   string `env:"NATS_CA_FILE" desc:"certificate authority of the NATS servers"`
	CertFile string `env:"NATS_CERT_FILE" desc:"client certificate"`
	KeyFile  string `env:"NATS_KEY_FILE" desc:"key of the client certificate"`
	// Durability is what the broker must promise: money, or laptop.
	Durability string `env:"PAYLOOM_DURABILITY" envDefault:"money" desc:"money: refuse a broker that acknowledges before fsync; laptop: accept it and say so"`
	// DataKeys are what personal data is sealed under: see package seal.
	DataKeys []string `env:"PAYLOOM_DATA_KEYS" desc:"key-encryption keys of personal data, the newest first: ID=file:/path or ID=env:NAME, comma separated; empty: personal data is stored as it is"`
	// KnownLoss are event streams that are decided from although events are missing.
	KnownLoss  []string `env:"PAYLOOM_KNOWN_LOSS" desc:"event streams, comma separated, that have lost events for good and that somebody has put right by hand; see docs/operations.md, LedgerDamaged"`
	MonitorURL string   `env:"NATS_MONITOR_URL" desc:"monitoring URLs of the NATS servers, comma separated; needed to check durability"`
}

// The durabilities.
const (
	Money  = "money"  // acknowledged after fsync
	Laptop = "laptop" // acknowledged before fsync
)

// Validate implements the check that conf.Load makes.
func (c Config) Validate() error {
	if c.Durability != Money && c.Durability != Laptop {
		return fmt.Errorf("PAYLOOM_DURABILITY: %q is neither %s nor %s", c.Durability, Money, Laptop)
	}
	return nil
}

// Bus is a connection to the broker. It may be used concurrently.
type Bus struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	log    *zap.Logger
	name   string
	shards int
	clock  *clock
	stats  *Metrics
	keys   *keys

	witness   *witness
	knownLoss []string
}

// The errors that callers compare.
var (
	// ErrConflict is payment.ErrConflict.
	ErrConflict = payment.ErrConflict
	// ErrUnavailable is payment.ErrUnavailable.
	ErrUnavailable = payment.ErrUnavailable
	// ErrReqIDReused means that a ReqID came again with another request.
	ErrReqIDReused = errors.New("bus: the req id was used for another request")
	// ErrNotFound means that there is no such message.
	ErrNotFound = errors.New("bus: not found")
	// ErrNotProvisioned means that streams or consumers are missing.
	ErrNotProvisioned = errors.New("bus: not provisioned, run payctl provision")
)

// Connect connects to the broker as the named service, reads how many shards
// there are and checks what durability the broker has. The caller closes the bus.
func Connect(ctx context.Context, cfg Config, name string, log *zap.Logger) (*Bus, error) {
	b, err := dial(cfg, name, log)
	if err != nil {
		return nil, err
	}
	if err := b.ready(ctx, cfg); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Inspect is Connect for a program that only looks: it refuses no broker for its version
// or its durability.
func Inspect(ctx context.Context, cfg Config, name string, log *zap.Logger) (*Bus, error) {
	b, err := dial(cfg, name, log)
	if err != nil {
		return nil, err
	}
	if err := b.readShards(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Dial connects without asking for streams: for the program that makes them.
func Dial(_ context.Context, cfg Config, name string, log *zap.Logger) (*Bus, error) {
	return dial(cfg, name, log)
}

func dial(cfg Config, name string, log *zap.Logger) (*Bus, error) {
	opts := []nats.Option{
		nats.Name(name),
		nats.CustomInboxPrefix(inbox(name)),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.Timeout(5 * time.Second),
		// A connection that only swallows what it is given is found out in fifteen seconds,
		// and not in the six minutes of the library.
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), // a publish fails at once rather than wait in memory
		nats.DrainTimeout(20 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Warn("broker lost", zap.Error(err)) }),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("broker is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("broker", zap.Error(err)) }),
	}
	opts, err := secure(cfg, opts)
	if err != nil {
		return nil, err
	}
	keys, err := newKeys(cfg.DataKeys)
	if err != nil {
		return nil, fmt.Errorf("PAYLOOM_DATA_KEYS: %w", err)
	}
	nc, err := nats.Connect(cfg.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return &Bus{nc: nc, js: js, log: log, name: name, shards: 1, clock: &clock{}, stats: NewMetrics(), keys: keys, witness: newWitness(), knownLoss: cfg.KnownLoss}, nil
}

func secure(cfg Config, opts []nats.Option) ([]nats.Option, error) {
	if cfg.NKeyFile != "" {
		nkey, err := nats.NkeyOptionFromSeed(cfg.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("NATS_NKEY_FILE: %w", err)
		}
		opts = append(opts, nkey)
	}
	if cfg.CAFile != "" {
		opts = append(opts, nats.RootCAs(cfg.CAFile))
	}
	if cfg.CertFile != "" {
		opts = append(opts, nats.ClientCert(cfg.CertFile, cfg.KeyFile))
	}
	return opts, nil
}

// inboxName turns a service's name into a subject token of its own.
func inboxName(name string) string {
	out := []byte(name)
	for i, c := range out {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			out[i] = '_'
		}
	}
	return string(out)
}

func (b *Bus) ready(ctx context.Context, cfg Config) error {
	if err := b.readShards(ctx); err != nil {
		return err
	}
	if err := b.checkKeys(ctx); err != nil {
		return err
	}
	return b.checkDurability(ctx, cfg)
}

// readShards reads the number of shards that provisioning recorded.
func (b *Bus) readShards(ctx context.Context) error {
	s, err := b.js.Stream(ctx, commandStream(0))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%w: stream %s is missing", ErrNotProvisioned, commandStream(0))
	}
	if err != nil {
		return fmt.Errorf("read stream %s: %w", commandStream(0), err)
	}
	n, err := shardsOf(s.CachedInfo().Config)
	if err != nil {
		return err
	}
	b.shards = n
	return nil
}

// Shards returns how many shards commands and events are spread over.
func (b *Bus) Shards() int { return b.shards }

// Metrics returns the bus's collectors, to be registered by the service.
func (b *Bus) Metrics() *Metrics { return b.stats }

// Check returns nil while the broker answers: for readiness.
func (b *Bus) Check(ctx context.Context) error {
	if !b.nc.IsConnected() {
		return fmt.Errorf("%w: not connected", ErrUnavailable)
	}
	return b.nc.FlushWithContext(ctx)
}

// Close drains and closes the connection. It may be called twice.
func (b *Bus) Close() {
	if b.nc.IsClosed() {
		return
	}
	closed := make(chan struct{})
	b.nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if err := b.nc.Drain(); err != nil {
		b.nc.Close()
		return
	}
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		b.nc.Close()
	}
}
