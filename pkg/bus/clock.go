package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// clockAge is how long a reading of the broker's clock is carried on by our
	// monotonic one before it is read again, and clockLimit how long where that
	// fails.
	clockAge   = 10 * time.Second
	clockLimit = time.Hour
	// clockTimeout is how long a reading may take.
	clockTimeout = 2 * time.Second
)

// clock is the broker's clock, read rarely and carried on in between by the
// process's monotonic clock. Decisions about time never use a machine's own wall
// clock, so that it may be wrong.
type clock struct {
	reading singleflight.Group // one for all who wait

	mu   sync.Mutex
	read time.Time // when, by our clock with its monotonic reading
	at   time.Time // what the broker said
}

// now returns the carried-on time and how old its reading is; ok is false when
// there is none.
func (c *clock) now() (at time.Time, age time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age = time.Since(c.read)
	return c.at.Add(age), age, !c.at.IsZero()
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.at = time.Now(), at
}

// Now returns the broker's time.
func (b *Bus) Now(ctx context.Context) (time.Time, error) {
	at, age, ok := b.clock.now()
	if ok && age < clockAge {
		return at, nil
	}
	done := b.clock.reading.DoChan("", b.readClock)
	var err error
	select {
	case r := <-done:
		err = r.Err
	case <-ctx.Done():
		err = ctx.Err()
	}
	at, age, ok = b.clock.now()
	if ok && age < clockLimit {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%w: read the broker's clock: %w", ErrUnavailable, err)
}

// readClock is for all who ask at the same time, and so bound to none of them.
func (b *Bus) readClock() (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), clockTimeout)
	defer cancel()
	s, err := b.js.Stream(ctx, eventStream(0))
	if err != nil {
		return nil, err
	}
	b.clock.set(s.CachedInfo().TimeStamp.UTC())
	return nil, nil
}
