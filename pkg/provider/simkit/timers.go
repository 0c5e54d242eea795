package simkit

import (
	"container/heap"
	"sync"
	"time"
)

// Timers runs functions later, all in one goroutine, so that closing it leaves
// nothing behind. The functions must be short.
type Timers struct {
	busy *Busy
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

// NewTimers returns timers that count what is waiting in busy.
func NewTimers(busy *Busy) *Timers {
	t := &Timers{busy: busy, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go t.loop()
	return t
}

// After runs f when d has passed, unless the timers are closed before.
func (t *Timers) After(d time.Duration, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.busy.Add(1)
	t.queue.seq++
	heap.Push(&t.queue, timerItem{at: time.Now().Add(d), seq: t.queue.seq, run: f})
	t.nudge()
}

func (t *Timers) nudge() {
	select {
	case t.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Close drops what is waiting and returns when nothing runs any more.
func (t *Timers) Close() {
	t.mu.Lock()
	t.closed = true
	t.busy.Add(-t.queue.Len())
	t.queue.items = nil
	t.nudge()
	t.mu.Unlock()
	<-t.done
}

func (t *Timers) loop() {
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
			t.busy.Add(-1)
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
func (t *Timers) next() (due func(), wait time.Duration, open bool) {
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
