package computopsim

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers runs functions later, all in one goroutine, so that closing it leaves
// nothing behind. The functions must be short.
type timers struct {
	busy *busyCount
	wake chan struct{}
	done chan struct{}

	mu     sync.Mutex
	queue  timerQueue
	closed bool
}

type timerItem struct {
	at  time.Time
	seq int // keeps equal times in order
	run func()
}

func newTimers(busy *busyCount) *timers {
	t := &timers{busy: busy, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go t.loop()
	return t
}

// after runs f when d has passed, unless the timers are closed before.
func (t *timers) after(d time.Duration, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.busy.add(1)
	t.queue.seq++
	heap.Push(&t.queue, timerItem{at: time.Now().Add(d), seq: t.queue.seq, run: f})
	t.nudge()
}

func (t *timers) nudge() {
	select {
	case t.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (t *timers) close() {
	t.mu.Lock()
	t.closed = true
	t.busy.add(-t.queue.Len())
	t.queue.items = nil
	t.nudge()
	t.mu.Unlock()
	<-t.done
}

func (t *timers) loop() {
	defer close(t.done)
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		due, wait, open := t.next()
		if !open {
			return
		}
		if due != nil {
			due()
			t.busy.add(-1)
			continue
		}
		alarm.Reset(wait)
		select {
		case <-alarm.C:
		case <-t.wake:
		}
	}
}

// next takes the function that is due, or tells how long to wait for one.
func (t *timers) next() (due func(), wait time.Duration, open bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, 0, false
	}
	if t.queue.Len() == 0 {
		return nil, time.Hour, true
	}
	if wait := time.Until(t.queue.items[0].at); wait > 0 {
		return nil, wait, true
	}
	item, _ := heap.Pop(&t.queue).(timerItem)
	return item.run, 0, true
}

// timerQueue is a heap of timers, the earliest first.
type timerQueue struct {
	items []timerItem
	seq   int
}

func (q *timerQueue) Len() int { return len(q.items) }

func (q *timerQueue) Less(i, j int) bool {
	if q.items[i].at.Equal(q.items[j].at) {
		return q.items[i].seq < q.items[j].seq
	}
	return q.items[i].at.Before(q.items[j].at)
}

func (q *timerQueue) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }

func (q *timerQueue) Push(x any) {
	item, _ := x.(timerItem)
	q.items = append(q.items, item)
}

func (q *timerQueue) Pop() any {
	last := len(q.items) - 1
	item := q.items[last]
	q.items[last] = timerItem{}
	q.items = q.items[:last]
	return item
}

// busyCount counts what is under way, so that tests can wait for the end of it
// rather than for a while.
type busyCount struct {
	mu      sync.Mutex
	n       int
	waiters []chan struct{}
}

func newBusyCount() *busyCount { return &busyCount{} }

func (b *busyCount) add(n int) {
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

func (b *busyCount) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

func (b *busyCount) wait(ctx context.Context) error {
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
