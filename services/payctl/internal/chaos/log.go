package chaos

import (
	"sync"

	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// Window is one injection of a fault. Times are seconds after the beginning.
type Window struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	What  string  `json:"what"`
	Hits  int     `json:"hits,omitempty"`  // calls or callbacks that met it
	Error string  `json:"error,omitempty"` // why it did not happen
}

// log keeps what was injected. It may be used concurrently.
type log struct {
	mu       sync.Mutex
	windows  map[string][]Window
	troubles []verify.Violation
}

func newLog() *log { return &log{windows: map[string][]Window{}} }

func (l *log) add(fault string, w Window) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.windows[fault] = append(l.windows[fault], w)
}

func (l *log) trouble(v verify.Violation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.troubles = append(l.troubles, v)
}
