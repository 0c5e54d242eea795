package axervesim

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Simulator is the gateway. It is an http.Handler and may be used concurrently.
// Close releases what it holds.
type Simulator struct {
	seed
	cfg     Config
	mux     http.Handler
	faults  *faults
	timers  *simkit.Timers
	trouble *simkit.Trouble
	courier *courier
	busy    *simkit.Busy

	ctx    context.Context // ends with Close; held calls watch it
	cancel context.CancelFunc

	mu        sync.Mutex // guards everything below
	baseURL   string
	shops     map[string]*Shop
	autopilot []AutopilotRule
	book      book
	stats     Stats
}

// New returns a running simulator, or an error that wraps ErrConfig and names
// every field that is wrong.
func New(cfg Config) (*Simulator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Simulator{
		seed:    seed(cfg.Seed),
		cfg:     cfg,
		faults:  newFaults(seed(cfg.Seed)),
		busy:    new(simkit.Busy),
		baseURL: cfg.BaseURL,
		shops:   make(map[string]*Shop, len(cfg.Shops)),
		book:    newBook(),
		stats:   newStats(),
	}
	for _, shop := range cfg.Shops {
		s.shops[shop.Login] = &shop
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.timers = simkit.NewTimers(s.busy)
	s.trouble = simkit.NewTrouble(s.ctx, cfg.Now, garbage)
	s.trouble.SetLatency(cfg.Latency)
	s.courier = newCourier(s)
	s.mux = s.routes()
	return s, nil
}

// Handler returns the simulator as a handler: the two services and the payment
// page at Axerve's paths in any case, and /control/axerve/… for tests and demos.
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

// SetURLs changes a shop's response addresses, as its back office would. An
// empty one is left out of what follows. The error wraps ErrNoShop or ErrConfig.
func (s *Simulator) SetURLs(shopLogin string, urls URLs) error {
	for _, text := range []string{urls.Positive, urls.Negative, urls.Notify} {
		if err := checkURL(text); err != nil {
			return errorsOf(ErrConfig, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shop := s.shops[shopLogin]
	if shop == nil {
		return ErrNoShop
	}
	shop.PositiveURL, shop.NegativeURL, shop.NotifyURL = urls.Positive, urls.Negative, urls.Notify
	return nil
}

// URLs are a shop's response addresses.
type URLs struct {
	Positive string `json:"positive"`
	Negative string `json:"negative"`
	Notify   string `json:"notify"`
}

// Close stops timers and notifications and lets go of held calls. What was
// waiting is dropped. It returns when nothing runs any more and may be called
// twice.
func (s *Simulator) Close() {
	s.cancel()
	s.timers.Close()
	s.courier.close()
}

// Quiesce waits until nothing is under way: no notification waiting, in flight or
// due for a repeat, no refund, night or decision to come. It returns the
// context's error when that ends first.
func (s *Simulator) Quiesce(ctx context.Context) error { return s.busy.Wait(ctx) }

// scaled turns a simulated duration into a real one.
func (s *Simulator) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.cfg.TimeScale)
}

// after runs f with the lock held once the simulated duration has passed.
func (s *Simulator) after(d time.Duration, f func()) {
	s.timers.After(s.scaled(d), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	})
}

// past tells whether a simulated duration has passed since then.
func (s *Simulator) past(since time.Time, d time.Duration) bool {
	return s.cfg.Now().Sub(since) > s.scaled(d)
}
