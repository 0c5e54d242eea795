package main

import (
	"sync"

	"github.com/payloom/payloom/pkg/payment"
)

// turns has lines under the same key come to the broker in their order: of two that
// differ, it is the first that is accepted. Lines under other keys do not wait.
type turns struct {
	mu   sync.Mutex
	last chan struct{}                   // closed when the line before has said its key
	busy map[payment.ReqID]chan struct{} // closed when the last line under a key is through
}

func newTurns() *turns {
	first := make(chan struct{})
	close(first)
	return &turns{last: first, busy: map[payment.ReqID]chan struct{}{}}
}

// turn is the place of one line.
type turn struct {
	all    *turns
	before <-chan struct{}
	said   chan struct{}
}

// next returns the turn of the next line. It is called in the order of the lines, and
// each turn is awaited.
func (t *turns) next() turn {
	before := t.last
	t.last = make(chan struct{})
	return turn{t, before, t.last}
}

// await returns once every line before that has the same key is through. What it
// returns must be called when this one is.
func (t turn) await(key payment.ReqID) (through func()) {
	<-t.before
	mine := make(chan struct{})
	t.all.mu.Lock()
	other := t.all.busy[key]
	t.all.busy[key] = mine
	t.all.mu.Unlock()
	close(t.said)
	if other != nil {
		<-other
	}
	return func() {
		t.all.mu.Lock()
		defer t.all.mu.Unlock()
		if t.all.busy[key] == mine {
			delete(t.all.busy, key)
		}
		close(mine)
	}
}
