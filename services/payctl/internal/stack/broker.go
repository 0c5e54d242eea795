package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
)

const (
	brokerPatience = 20 * time.Second // for recovery of what is stored, too
	brokerStore    = 64 << 30         // bytes the streams may reserve; each takes only what it holds
	maxPayload     = 1 << 20
)

// broker is the message broker: an embedded one, or somebody else's.
type broker struct {
	url     string
	monitor string
	server  *server.Server // nil: somebody else's
}

// startBroker starts a NATS server in this process that keeps its streams in dir.
func startBroker(dir string, durability string) (*broker, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "payloom", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT, // monitoring tells whether writes are synced
		JetStream: true, StoreDir: dir, JetStreamMaxStore: brokerStore, MaxPayload: maxPayload,
		SyncAlways: durability == bus.Money,
	})
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(brokerPatience) {
		s.Shutdown()
		return nil, fmt.Errorf("NATS server is not ready after %s; its data is in %s", brokerPatience, dir)
	}
	b := &broker{url: s.ClientURL(), server: s}
	if addr := s.MonitorAddr(); addr != nil {
		b.monitor = "http://" + addr.String()
	}
	return b, nil
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
	if s.opts.NATSURL == "" {
		s.note("starting the broker (durability %s)", s.opts.Durability)
		if s.broker, err = startBroker(filepath.Join(s.dir, "nats"), s.opts.Durability); err != nil {
			return err
		}
		s.onStop("broker", s.broker.stop)
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
	b, err := bus.Dial(ctx, s.BusConfig(), "payctl", zap.NewNop())
	if err != nil {
		return nil, err
	}
	defer b.Close()
	done, err := b.Provision(ctx, bus.Topology{})
	if errors.Is(err, bus.ErrWouldLose) && s.opts.NATSURL != "" {
		return nil, fmt.Errorf("%w; the broker at NATS_URL was provisioned otherwise: leave it so, and it will serve", err)
	}
	return done, err
}

// BusConfig returns how the broker is reached.
func (s *Stack) BusConfig() bus.Config {
	return bus.Config{URL: s.broker.url, MonitorURL: s.broker.monitor, Durability: s.opts.Durability}
}
