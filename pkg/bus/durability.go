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

var (
	// ErrNotDurable means that the broker acknowledges what a power cut would take
	// back.
	ErrNotDurable = errors.New("bus: the broker acknowledges before fsync")
	// ErrTooOld means that the broker is of a version that is known to lose what it
	// acknowledged, or lacks what Payloom needs.
	ErrTooOld = errors.New("bus: the broker is older than NATS " + leastServer)
)

// leastServer is the oldest server that is taken. Before it, compaction within a
// block ignored sync_interval always (nats-server commit 1f459ae1d).
const leastServer = "2.15.2"

// checkDurability asks the servers' monitoring whether they sync every write.
// JetStream has no other way to tell a client.
func (b *Bus) checkDurability(ctx context.Context, cfg Config) error {
	if err := newEnough(b.nc.ConnectedServerVersion()); err != nil {
		return err
	}
	if cfg.Durability == Laptop {
		b.log.Warn("durability is laptop: a power cut loses acknowledged payments")
		return nil
	}
	return Durable(ctx, cfg.MonitorURL)
}

// Durable returns nil when the servers at the monitoring URLs, comma separated, sync
// every write before they acknowledge it. Its error wraps ErrNotDurable when one does
// not, or when none is named. Of several, one that does not answer is passed over as
// long as another does: while a node is down, services must be able to start.
func Durable(ctx context.Context, monitorURL string) error {
	if monitorURL == "" {
		return fmt.Errorf("%w as far as is known: set NATS_MONITOR_URL so that sync_interval can be checked, or PAYLOOM_DURABILITY=laptop", ErrNotDurable)
	}
	answered := false
	var silent []error
	for u := range strings.SplitSeq(monitorURL, ",") {
		err := checkServer(ctx, strings.TrimSuffix(strings.TrimSpace(u), "/"))
		if err != nil {
			err = fmt.Errorf("check durability at %s: %w", u, err)
		}
		switch {
		case errors.Is(err, errSilent):
			silent = append(silent, err)
		case err != nil:
			return err
		default:
			answered = true
		}
	}
	if answered {
		return nil
	}
	return errors.Join(silent...)
}

// errSilent says that a server does not answer.
var errSilent = errors.New("bus: the server does not answer")

// checkServer checks one server: that it is new enough, that it syncs every write,
// and that no stream is exempt.
func checkServer(ctx context.Context, monitor string) error {
	var general struct {
		Version string `json:"version"`
	}
	if err := ask(ctx, monitor+"/varz", &general); err != nil {
		return err
	}
	if err := newEnough(general.Version); err != nil {
		return err
	}
	var js jsz
	if err := ask(ctx, monitor+"/jsz?accounts=true&streams=true&config=true", &js); err != nil {
		return err
	}
	if !js.Config.SyncAlways {
		return fmt.Errorf("%w: it has no sync_interval: always", ErrNotDurable)
	}
	return js.checkStreams()
}

// jsz is what is read of the monitoring of JetStream.
type jsz struct {
	Config struct {
		SyncAlways bool `json:"sync_always"`
	} `json:"config"`
	Accounts []struct {
		Streams []struct {
			Name   string `json:"name"`
			Config struct {
				PersistMode string `json:"persist_mode"`
			} `json:"config"`
		} `json:"stream_detail"`
	} `json:"account_details"`
}

// checkStreams refuses a stream that is written later than it is acknowledged: that
// setting goes before sync_interval.
func (j jsz) checkStreams() error {
	for _, a := range j.Accounts {
		for _, s := range a.Streams {
			if s.Config.PersistMode == "async" {
				return fmt.Errorf("%w: stream %s has persist_mode async", ErrNotDurable, s.Name)
			}
		}
	}
	return nil
}

// maxMonitoring is the longest answer of the monitoring in bytes: room for
// thousands of streams.
const maxMonitoring = 8 << 20

func ask(ctx context.Context, url string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("NATS_MONITOR_URL: %w", err)
	}
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	defer func() { _ = res.Body.Close() }()
	return json.NewDecoder(http.MaxBytesReader(nil, res.Body, maxMonitoring)).Decode(answer)
}

// newEnough returns ErrTooOld for a version below the least. What is no version is
// too old as well, and so is a preview of the least one.
func newEnough(version string) error {
	have, preview, ok := parseVersion(version)
	least, _, _ := parseVersion(leastServer)
	for i := range least {
		if have[i] != least[i] {
			ok = ok && have[i] > least[i]
			preview = false
			break
		}
	}
	if !ok || preview {
		return fmt.Errorf("%w: it says %q", ErrTooOld, version)
	}
	return nil
}

// parseVersion reads a version such as 2.15.2 or 2.16.0-RC.1.
func parseVersion(text string) (parts [3]int, preview, ok bool) {
	number, _, preview := strings.Cut(strings.TrimPrefix(text, "v"), "-")
	_, err := fmt.Sscanf(number, "%d.%d.%d", &parts[0], &parts[1], &parts[2])
	return parts, preview, err == nil
}
