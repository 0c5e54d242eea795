package simkit

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Courier delivers with a fixed number of workers and an unbounded queue, so
// that no call to a simulator ever waits for a merchant's receiver.
type Courier[T any] struct {
	busy    *Busy
	deliver func(T)
	workers sync.WaitGroup

	mu     sync.Mutex
	ready  *sync.Cond
	queue  []T
	closed bool
}

// NewCourier starts the workers. What deliver schedules anew before it returns
// counts as under way without a gap.
func NewCourier[T any](workers int, busy *Busy, deliver func(T)) *Courier[T] {
	c := &Courier[T]{busy: busy, deliver: deliver}
	c.ready = sync.NewCond(&c.mu)
	c.workers.Add(workers)
	for range workers {
		go c.work()
	}
	return c
}

// Send queues one delivery, unless the courier is closed.
func (c *Courier[T]) Send(n T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.busy.Add(1)
	c.queue = append(c.queue, n)
	c.ready.Signal()
}

// Close drops the queue and returns when no worker runs any more.
func (c *Courier[T]) Close() {
	c.mu.Lock()
	c.closed = true
	c.busy.Add(-len(c.queue))
	c.queue = nil
	c.ready.Broadcast()
	c.mu.Unlock()
	c.workers.Wait()
}

func (c *Courier[T]) work() {
	defer c.workers.Done()
	for {
		n, open := c.take()
		if !open {
			return
		}
		c.deliver(n)
		c.busy.Add(-1)
	}
}

// take waits for a delivery; false means the courier is closed.
func (c *Courier[T]) take() (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none T
	for len(c.queue) == 0 && !c.closed {
		c.ready.Wait()
	}
	if c.closed {
		return none, false
	}
	n := c.queue[0]
	c.queue[0] = none
	c.queue = c.queue[1:]
	return n, true
}

// CallbackClient returns a client for callbacks: it keeps so many connections
// and follows no redirect, because a provider takes an answer where it asked for
// one.
func CallbackClient(connections int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			MaxIdleConns:        connections,
			MaxIdleConnsPerHost: connections,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxAnswer bounds what is read of a receiver's answer, in bytes.
const maxAnswer = 1 << 20

// Answered makes one delivery and tells whether the receiver answered 200 within
// the time.
func Answered(ctx context.Context, client *http.Client, within time.Duration, make func(context.Context) (*http.Request, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := make(ctx)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	// Read to the end, so that the connection can be used again.
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	return err == nil && res.StatusCode == http.StatusOK
}
