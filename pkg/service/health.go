package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// checkTimeout is how long one check may take; a probe waits little longer itself.
const checkTimeout = 2 * time.Second

// errNotReadyYet and errStopping are why a service without failing checks is not ready.
var (
	errNotReadyYet = errors.New("starting")
	errStopping    = errors.New("stopping")
)

// A CheckFunc returns nil when the thing it looks at is well. It must be safe
// for concurrent use and return when ctx ends; its error is shown to operators,
// so it must not hold a secret.
type CheckFunc func(ctx context.Context) error

// Health knows whether a service is alive and whether it may be sent work. It is
// safe for concurrent use.
type Health struct {
	mu        sync.Mutex
	checks    []check
	watchdogs []check
	info      []infoLine
	ready     bool
	stopping  bool
}

type check struct {
	name     string
	critical bool
	run      CheckFunc
}

type infoLine struct{ name, value string }

// NewHealth returns a Health that is alive and not ready.
func NewHealth() *Health { return &Health{} }

// Register adds a check of readiness. A critical one that fails makes the
// service not ready; one that is not critical is only shown.
func (h *Health) Register(name string, critical bool, run CheckFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check{name, critical, run})
}

// Watchdog adds a check of liveness: one that fails asks the orchestrator to
// kill the process. Use it for what only a restart can cure.
func (h *Health) Watchdog(name string, run CheckFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchdogs = append(h.watchdogs, check{name, true, run})
}

// Info sets a line that /readyz?verbose shows, such as "durability", "laptop".
func (h *Health) Info(name, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.info, func(l infoLine) bool { return l.name == name })
	if i < 0 {
		h.info = append(h.info, infoLine{name, value})
		return
	}
	h.info[i].value = value
}

// SetReady says whether the service itself wants work. Critical checks must pass too.
func (h *Health) SetReady(ready bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = ready
}

// Stopping makes the service not ready for good.
func (h *Health) Stopping() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopping = true
}

// Ready returns nil when the service may be sent work, else all reasons why not.
func (h *Health) Ready(ctx context.Context) error {
	return h.readiness(ctx).err()
}

// Live returns nil unless a watchdog fails.
func (h *Health) Live(ctx context.Context) error {
	h.mu.Lock()
	watchdogs := slices.Clone(h.watchdogs)
	h.mu.Unlock()
	return report{results: runAll(ctx, watchdogs)}.err()
}

func (h *Health) readiness(ctx context.Context) report {
	h.mu.Lock()
	checks, r := slices.Clone(h.checks), report{state: h.state(), info: slices.Clone(h.info)}
	h.mu.Unlock()
	r.results = runAll(ctx, checks)
	return r
}

// state is the service's own opinion. The caller holds the lock.
func (h *Health) state() error {
	switch {
	case h.stopping:
		return errStopping
	case !h.ready:
		return errNotReadyYet
	}
	return nil
}

// gauge tells the service's own opinion; running the checks is left to probes.
func (h *Health) gauge() prometheus.Collector {
	opts := prometheus.GaugeOpts{Name: "payloom_ready", Help: "1 while the service itself wants work."}
	return prometheus.NewGaugeFunc(opts, func() float64 {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.state() != nil {
			return 0
		}
		return 1
	})
}

type result struct {
	check
	err error
}

// runAll runs the checks side by side and keeps their order.
func runAll(ctx context.Context, checks []check) []result {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]result, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { results[i] = result{c, c.run(ctx)} })
	}
	wg.Wait()
	return results
}

// report is one answer to a probe.
type report struct {
	state   error // the service's own opinion, nil for ready
	results []result
	info    []infoLine
}

func (r report) err() error {
	errs := []error{r.state}
	for _, res := range r.results {
		if res.critical && res.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", res.name, res.err))
		}
	}
	return errors.Join(errs...)
}

// String lists every check and info line, and the verdict last.
func (r report) String() string {
	var b strings.Builder
	for _, res := range r.results {
		switch {
		case res.err == nil:
			fmt.Fprintf(&b, "[+] %s: ok\n", res.name)
		case res.critical:
			fmt.Fprintf(&b, "[-] %s: %s\n", res.name, oneLine(res.err))
		default:
			fmt.Fprintf(&b, "[!] %s: %s (not critical)\n", res.name, oneLine(res.err))
		}
	}
	for _, l := range r.info {
		fmt.Fprintf(&b, "[i] %s: %s\n", l.name, l.value)
	}
	return b.String() + r.verdict()
}

func (r report) verdict() string {
	switch {
	case r.state != nil:
		return "not ready: " + r.state.Error() + "\n"
	case r.err() != nil:
		return "not ready\n"
	}
	return "ready\n"
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
