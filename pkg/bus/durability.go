package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrNotDurable means that the broker acknowledges what a power cut would take
// back.
var ErrNotDurable = errors.New("bus: the broker acknowledges before fsync")

// checkDurability asks the servers' monitoring whether they sync every write.
// JetStream has no other way to tell a client.
func (b *Bus) checkDurability(ctx context.Context, cfg Config) error {
	if cfg.Durability == Laptop {
		b.log.Warn("durability is laptop: a power cut loses acknowledged payments")
		return nil
	}
	if cfg.MonitorURL == "" {
		return fmt.Errorf("%w as far as is known: set NATS_MONITOR_URL so that sync_interval can be checked, or PAYLOOM_DURABILITY=laptop", ErrNotDurable)
	}
	for u := range strings.SplitSeq(cfg.MonitorURL, ",") {
		if err := syncsAlways(ctx, strings.TrimSpace(u)); err != nil {
			return err
		}
	}
	return nil
}

func syncsAlways(ctx context.Context, monitor string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(monitor, "/")+"/jsz?config=true", nil)
	if err != nil {
		return fmt.Errorf("NATS_MONITOR_URL: %w", err)
	}
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("check durability: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var jsz struct {
		Config struct {
			SyncAlways bool `json:"sync_always"`
		} `json:"config"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, 1<<20)).Decode(&jsz); err != nil {
		return fmt.Errorf("check durability at %s: %w", monitor, err)
	}
	if !jsz.Config.SyncAlways {
		return fmt.Errorf("%w: %s has no sync_interval: always", ErrNotDurable, monitor)
	}
	return nil
}
