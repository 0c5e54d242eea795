package ecommpaysim

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Simulator is the Gate, with the Data API beside it. It is an http.Handler and may be used concurrently.
// Close releases what it holds.
type Simulator struct {
	cfg      Config
	seed     simkit.Seed
	projects map[int64]*Project
	mux      http.Handler
	faults   *simkit.Faults[Rule]
	timers   *simkit.Timers
	trouble  *simkit.Trouble
	courier  *simkit.Courier[*notice]
	client   *http.Client
	busy     *simkit.Busy

	ctx    context.Context // ends with Close; held calls watch it
	cancel context.CancelFunc

	mu     sync.Mutex // guards everything below
	script []ScriptRule
	book   book
	stats  Stats
}

// garbage is an answer as a broken proxy gives it.
const garbage = "<html><head><title>Object moved</title></head><body>\x00\xff{\"status\":\"success\"</body></html>"

// New returns a running simulator, or an error that wraps ErrConfig and names
// every field that is wrong.
func New(cfg Config) (*Simulator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Simulator{
		cfg: cfg, seed: simkit.Seed(cfg.Seed), projects: make(map[int64]*Project, len(cfg.Projects)),
		busy: new(simkit.Busy), client: cfg.CallbackClient, script: cfg.Script, book: newBook(), stats: newStats(),
	}
	for _, p := range cfg.Projects {
		s.projects[p.ID] = &p
	}
	if s.client == nil {
		s.client = simkit.CallbackClient(cfg.CallbackWorkers)
	}
	s.faults = simkit.NewFaults(s.seed, Rule.trigger, Rule.marked)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.timers = simkit.NewTimers(s.busy)
	s.trouble = simkit.NewTrouble(s.ctx, cfg.Now, garbage)
	s.trouble.SetLatency(cfg.Latency)
	s.courier = simkit.NewCourier(cfg.CallbackWorkers, s.busy, s.deliver)
	s.mux = s.routes()
	return s, nil
}

// Handler returns the simulator as a handler: the Gate's endpoints below /v2/, the Data
// API's below /v1/ and /control/ecommpay/… for tests and demos.
func (s *Simulator) Handler() http.Handler { return s.mux }

// ServeHTTP serves what Handler serves.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close stops timers and callbacks and lets go of held calls. What was waiting is
// dropped. It returns when nothing runs any more and may be called twice.
func (s *Simulator) Close() {
	s.cancel()
	s.timers.Close()
	s.courier.Close()
	s.client.CloseIdleConnections()
}

// Quiesce waits until nothing is under way: no payout that is not at its end, held
// ones apart, and no callback waiting, in flight or due for a repeat. It returns
// the context's error when that ends first.
func (s *Simulator) Quiesce(ctx context.Context) error { return s.busy.Wait(ctx) }

// after runs f, which takes the lock itself, once the simulated duration has
// passed.
func (s *Simulator) after(d time.Duration, f func()) {
	s.timers.After(time.Duration(float64(d)/s.cfg.TimeScale), f)
}

// locked returns f under the lock.
func (s *Simulator) locked(f func()) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
}

// past tells whether a simulated duration has passed since then.
func (s *Simulator) past(since time.Time, d time.Duration) bool {
	return s.cfg.Now().Sub(since) >= time.Duration(float64(d)/s.cfg.TimeScale)
}
