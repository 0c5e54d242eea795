package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/natsconf"
)

const (
	brokerPatience = 20 * time.Second // for recovery of what is stored, too
	brokerStore    = 64 << 30         // bytes the streams may reserve; each takes only what it holds
	maxPayload     = 1 << 20
)

// broker is the message broker: an embedded one, or somebody else's.
type broker struct {
	url     string
	dir     string // of the streams
	monitor string
	keys    string         // the folder of an installation; empty: whoever comes may do everything
	server  *server.Server // nil: somebody else's
}

// startBroker starts a NATS server in this process that keeps its streams in dir,
// with the keys, permissions and certificates of an installation if one is named.
func startBroker(dir, durability, keys string) (*broker, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	o, err := brokerOptions(dir, durability, keys)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(brokerPatience) {
		s.Shutdown()
		return nil, fmt.Errorf("NATS server is not ready after %s; its data is in %s", brokerPatience, dir)
	}
	b := &broker{url: s.ClientURL(), dir: dir, keys: keys, server: s}
	if addr := s.MonitorAddr(); addr != nil {
		b.monitor = "http://" + addr.String()
	}
	return b, nil
}

// brokerOptions are those of the own broker.
func brokerOptions(dir, durability, keys string) (*server.Options, error) {
	o := &server.Options{}
	if keys != "" {
		if err := o.ProcessConfigFile(natsconf.AuthPath(keys)); err != nil {
			return nil, err
		}
	}
	o.ServerName, o.Host, o.Port, o.NoLog, o.NoSigs = "payloom", "127.0.0.1", server.RANDOM_PORT, true, true
	o.HTTPHost, o.HTTPPort = "127.0.0.1", server.RANDOM_PORT // monitoring tells whether writes are synced
	o.JetStream, o.StoreDir, o.JetStreamMaxStore, o.MaxPayload = true, dir, brokerStore, maxPayload
	o.SyncAlways = durability == bus.Money
	return o, nil
}

func (b *broker) stop() error {
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	return nil
}

// startBroker starts or takes over the broker and lays out the streams.
func (s *Stack) startBroker(ctx context.Context) (err error) {
	s.broker = &broker{url: s.opts.NATSURL, monitor: s.opts.MonitorURL}
	switch {
	case s.opts.Brokers > 0:
		if err := s.startNodes(ctx); err != nil {
			return err
		}
	case s.opts.NATSURL == "":
		s.note("starting the broker (durability %s)", s.opts.Durability)
		keys, err := s.installation()
		if err != nil {
			return err
		}
		if s.broker, err = startBroker(filepath.Join(s.dir, "nats"), s.opts.Durability, keys); err != nil {
			return err
		}
		s.onStop("broker", s.broker.stop)
	}
	if err := s.strangers(ctx); err != nil {
		return err
	}
	done, err := s.provision(ctx)
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	if s.opts.NATSURL == "" {
		return nil // everything is new; that is no news
	}
	for _, line := range done {
		s.opts.Note(line)
	}
	return nil
}

// provision makes the streams and consumers that are missing.
func (s *Stack) provision(ctx context.Context) ([]string, error) {
	b, err := bus.Dial(ctx, s.busConfig(bus.Provisioner), bus.Provisioner, zap.NewNop())
	if err != nil {
		return nil, err
	}
	defer b.Close()
	done, err := b.Provision(ctx, bus.Topology{Replicas: s.opts.Brokers})
	for until := time.Now().Add(brokerPatience); err != nil && s.opts.Brokers > 1 && time.Now().Before(until) && ctx.Err() == nil; {
		// Nodes that have only just met may be busy with each other.
		done, err = b.Provision(ctx, bus.Topology{Replicas: s.opts.Brokers})
	}
	if errors.Is(err, bus.ErrWouldLose) && s.opts.NATSURL != "" {
		return nil, fmt.Errorf("%w; the broker at NATS_URL was provisioned otherwise: leave it so, and it will serve", err)
	}
	return done, err
}

// BusConfig returns how bus.Operator reaches the broker.
func (s *Stack) BusConfig() bus.Config { return s.busConfig(bus.Operator) }

// BusConfigOf returns how another client reaches the broker, with the rights of that
// client alone.
func (s *Stack) BusConfigOf(client string) bus.Config { return s.busConfig(client) }

func (s *Stack) busConfig(client string) bus.Config {
	cfg := bus.Config{URL: s.broker.url, MonitorURL: s.broker.monitor, Durability: s.opts.Durability, DataKeys: strings.Split(s.dataKeys(), ",")}
	if s.broker.keys == "" {
		return cfg
	}
	return natsconf.For(cfg, s.broker.keys, client)
}

// installation makes the folder of keys and certificates and returns it, "" when none
// are wanted.
func (s *Stack) installation() (string, error) {
	if !s.opts.Secure {
		return "", nil
	}
	dir := filepath.Join(s.dir, "nats-keys")
	_, err := natsconf.Write(natsconf.Options{Dir: dir})
	return dir, err
}
