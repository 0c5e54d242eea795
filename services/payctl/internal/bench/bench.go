package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// Env is the Payloom that is measured.
type Env struct {
	API      *api.Client
	Computop *api.Computop
	Merchant string
	// Verify checks everything at the end.
	Verify  verify.Inputs
	Streams Streams
}

// Options are how much is asked of it.
type Options struct {
	Payments    int
	Concurrency int           // requests under way at once
	Latency     time.Duration // of every call at the provider
	Patience    time.Duration // without any payment's end, before the rest counts as stuck; 0: two minutes
	Progress    func(accepted, completed int)
}

// Report is what was measured. Its JSON keys are a contract.
type Report struct {
	Payments     int     `json:"payments"`
	Concurrency  int     `json:"concurrency"`
	LatencyMS    float64 `json:"provider_latency_ms"`
	Durability   string  `json:"durability"`
	AcceptedPerS float64 `json:"accepted_per_s"`
	CompletedPS  float64 `json:"completed_per_s"`
	AcceptP50MS  float64 `json:"accept_p50_ms"`
	AcceptP99MS  float64 `json:"accept_p99_ms"`
	E2EP50MS     float64 `json:"e2e_p50_ms"`
	E2EP99MS     float64 `json:"e2e_p99_ms"`
	CPUPer1000   float64 `json:"cpu_s_per_1000"`
	Lost         int     `json:"lost"`
	Doubled      int     `json:"doubled"`
	Stuck        int     `json:"stuck"`
	Violations   int     `json:"violations"` // of any kind, those above among them
	TookS        float64 `json:"took_s"`
	Machine      Machine `json:"machine"`

	Verified verify.Report `json:"-"`
}

const (
	defaultPatience = 2 * time.Minute
	amount          = 999 // minor units of each charge
)

// Run measures. The error says why it could not; what is wrong with payments
// stands in the report.
func Run(ctx context.Context, env Env, o Options) (Report, error) {
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	series := "bench-" + strings.ToLower(rand.Text()[:6])
	mandate, err := demo.Mandate(ctx, demo.Env{API: env.API, Computop: env.Computop}, series+"-mandate")
	if err != nil {
		return Report{}, fmt.Errorf("the mandate to charge: %w", err)
	}
	if err := env.Computop.SetLatency(ctx, o.Latency); err != nil {
		return Report{}, fmt.Errorf("set the provider's latency: %w", err)
	}
	r := &run{env: env, o: o, series: series, mandate: mandate, began: map[string]time.Time{}, ended: map[string]time.Time{}}
	if err := r.measure(ctx); err != nil {
		return Report{}, err
	}
	return r.report(ctx)
}

// run is one measurement.
type run struct {
	env             Env
	o               Options
	series, mandate string

	mu       sync.Mutex
	began    map[string]time.Time // by payment: when its command was sent
	ended    map[string]time.Time
	accept   []time.Duration
	journal  []verify.Accepted
	refused  error
	last     time.Time // of the last end that was seen
	start    time.Time
	accepted time.Time // when the last command was accepted
	done     time.Time // when the last payment ended
	cpu      time.Duration
}

// measure sends the load and waits for its end.
func (r *run) measure(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched, err := r.watch(ctx)
	if err != nil {
		return err
	}
	before := cpuTime()
	r.start = time.Now()
	r.last = r.start
	if err := r.load(ctx); err != nil {
		return err
	}
	r.accepted = time.Now()
	r.await(ctx)
	r.done = time.Now()
	r.cpu = cpuTime() - before
	cancel()
	return errors.Join(<-watched, r.refused)
}

// load has the mandate charged by as many clients as there are to be.
func (r *run) load(ctx context.Context) error {
	next := make(chan int)
	var clients sync.WaitGroup
	for range r.o.Concurrency {
		clients.Go(func() {
			for i := range next {
				r.charge(ctx, i)
			}
		})
	}
	for i := range r.o.Payments {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	clients.Wait()
	return ctx.Err()
}

func (r *run) charge(ctx context.Context, i int) {
	id := fmt.Sprintf("%s-%d", r.series, i)
	key := id + "/charge"
	start := time.Now()
	r.mu.Lock()
	r.began[id] = start
	r.mu.Unlock()
	a, err := r.env.API.Send(ctx, "/v1/payments", key, demo.Charge(id, r.mandate, amount))
	took := time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.refused = fmt.Errorf("charge %s: %w", id, err)
		return
	}
	r.accept = append(r.accept, took)
	r.journal = append(r.journal, accepted(r.env.Merchant, key, a))
	r.o.Progress(len(r.accept), len(r.ended))
}

// await waits until every accepted payment has ended, or none has for too long.
func (r *run) await(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		r.mu.Lock()
		complete := len(r.ended) >= len(r.accept)
		idle := time.Since(r.last)
		r.mu.Unlock()
		if complete || idle > r.o.Patience {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
