package simkit

import (
	"context"
	"sync"
)

// Busy counts what is under way, so that tests can wait for the end of it
// rather than for a while. Its zero value is ready.
type Busy struct {
	mu      sync.Mutex
	n       int
	waiters []chan struct{}
}

// Add counts n more, or fewer when negative.
func (b *Busy) Add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n += n
	if b.n > 0 {
		return
	}
	for _, w := range b.waiters {
		close(w)
	}
	b.waiters = nil
}

// Count is how much is under way.
func (b *Busy) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

// Wait returns when nothing is under way, or with the context's error when that
// ends first.
func (b *Busy) Wait(ctx context.Context) error {
	b.mu.Lock()
	if b.n == 0 {
		b.mu.Unlock()
		return ctx.Err()
	}
	idle := make(chan struct{})
	b.waiters = append(b.waiters, idle)
	b.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
