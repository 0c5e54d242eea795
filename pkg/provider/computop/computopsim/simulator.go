package computopsim

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Simulator is Paygate. It is an http.Handler and may be used concurrently.
// Close releases what it holds.
type Simulator struct {
	seed
	cfg       Config
	merchants map[string]*merchant
	mux       http.Handler
	faults    *faults
	timers    *simkit.Timers
	trouble   *simkit.Trouble
	courier   *courier
	busy      *simkit.Busy

	ctx    context.Context // ends with Close; held calls watch it
	cancel context.CancelFunc

	mu        sync.Mutex // guards everything below
	baseURL   string
	autopilot []AutopilotRule
	book      book
	stats     Stats
}

// merchant is a Merchant with its key made ready.
type merchant struct {
	Merchant
	codec *paygate.Codec
}

// New returns a running simulator, or an error that wraps ErrConfig and names
// every field that is wrong.
func New(cfg Config) (*Simulator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Simulator{
		seed:      seed(cfg.Seed),
		cfg:       cfg,
		merchants: make(map[string]*merchant, len(cfg.Merchants)),
		faults:    newFaults(seed(cfg.Seed)),
		busy:      new(simkit.Busy),
		baseURL:   cfg.BaseURL,
		book:      newBook(),
		stats:     newStats(),
	}
	for _, m := range cfg.Merchants {
		codec, err := paygate.NewCodec(m.CipherKey)
		if err != nil {
			return nil, err
		}
		m.Cipher = m.cipher()
		s.merchants[m.ID] = &merchant{Merchant: m, codec: codec}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.timers = simkit.NewTimers(s.busy)
	s.trouble = simkit.NewTrouble(s.ctx, cfg.Now, garbage)
	s.trouble.SetLatency(cfg.Latency)
	s.courier = newCourier(s)
	s.mux = s.routes()
	return s, nil
}

// Handler returns the simulator as a handler: the .aspx endpoints in any case
// and below any path, /checkout.js, /amazon/… for buyers and
// /control/computop/… for tests and demos.
func (s *Simulator) Handler() http.Handler { return s.mux }

// ServeHTTP serves what Handler serves.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// SetBaseURL tells where the simulator is reached, once that is known. It must
// not end with a slash.
func (s *Simulator) SetBaseURL(base string) error {
	if err := simkit.CheckBaseURL(base); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.baseURL = base
	return nil
}

// Close stops timers and notifies and lets go of held calls. What was waiting
// is dropped. It returns when nothing runs any more and may be called twice.
func (s *Simulator) Close() {
	s.cancel()
	s.timers.Close()
	s.courier.close()
}

// Quiesce waits until nothing is under way: no notify waiting, in flight or due
// for a repeat, no refund pending, no effect late. It returns the context's
// error when that ends first.
func (s *Simulator) Quiesce(ctx context.Context) error { return s.busy.Wait(ctx) }

// scaled turns a simulated duration into a real one.
func (s *Simulator) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.cfg.TimeScale)
}

// after runs f once the simulated duration has passed.
func (s *Simulator) after(d time.Duration, f func()) { s.timers.After(s.scaled(d), f) }

// past tells whether a simulated duration has passed since then.
func (s *Simulator) past(since time.Time, d time.Duration) bool {
	return s.cfg.Now().Sub(since) > s.scaled(d)
}
