package projection

import "sync"

// Watchers lets readers wait for a payment's next change. The zero value is not
// usable; see NewWatchers. Its methods may be called concurrently.
type Watchers struct {
	mu      sync.Mutex
	waiting map[Key]map[chan struct{}]bool
}

// NewWatchers returns Watchers that nobody waits with.
func NewWatchers() *Watchers { return &Watchers{waiting: make(map[Key]map[chan struct{}]bool)} }

// Watch returns a channel that holds a token after the payment's rows have
// changed, and a function that ends the watch. Changes that come quickly may
// share a token. Watch first, then read, then wait.
func (w *Watchers) Watch(k Key) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting[k] == nil {
		w.waiting[k] = make(map[chan struct{}]bool)
	}
	w.waiting[k][ch] = true
	return ch, func() { w.stop(k, ch) }
}

func (w *Watchers) stop(k Key, ch chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting[k], ch)
	if len(w.waiting[k]) == 0 {
		delete(w.waiting, k)
	}
}

// Len returns how many payments are waited for.
func (w *Watchers) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

func (w *Watchers) wake(k Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.waiting[k] {
		select {
		case ch <- struct{}{}:
		default: // it has a token already
		}
	}
}
