package bus

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"go.uber.org/zap"
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
	// clockTolerance is by how much a reading may differ from the one before,
	// carried on: what a slow answer and two machines' drift explain.
	clockTolerance = 5 * time.Second
)

// clock is the broker's clock, read rarely and carried on in between by the
// process's monotonic clock. Decisions about time never use a machine's own wall
// clock, so that it may be wrong.
type clock struct {
	reading singleflight.Group // one for all who wait

	mu   sync.Mutex
	read time.Time // when, by our clock with its monotonic reading
	at   time.Time // what the broker said

	jumped time.Time // when a reading last did not go on from the one before; may be zero
}

// now returns the carried-on time and how old its reading is; ok is false when
// there is none.
func (c *clock) now() (at time.Time, age time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age = time.Since(c.read)
	return c.at.Add(age), age, !c.at.IsZero()
}

// set takes a reading, and returns by how much it differs from the one before,
// carried on. It is the clock of whichever node leads, and they may differ.
func (c *clock) set(at time.Time) (jump time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.at.IsZero() {
		jump = at.Sub(c.at.Add(now.Sub(c.read)))
	}
	if jump.Abs() > clockTolerance {
		c.jumped = now
	}
	c.read, c.at = now, at
	return jump
}

// steady returns for how long nobody has dated anything by another clock, as far as
// can be seen from here: what others read before the jump they carry on for clockAge.
func (c *clock) steady() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jumped.IsZero() {
		return math.MaxInt64
	}
	return max(time.Since(c.jumped)-clockAge, 0)
}

// Steady returns for how long the broker's time has gone on without a jump: another
// node may lead now, by whose clock everything is older or younger. Before the first
// reading, and as long as none has jumped, that is for ever.
func (b *Bus) Steady() time.Duration { return b.clock.steady() }

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
	if jump := b.clock.set(s.CachedInfo().TimeStamp.UTC()); jump.Abs() > clockTolerance {
		b.log.Warn("the broker's clock jumped: its nodes' clocks differ", zap.Duration("by", jump))
	}
	return nil, nil
}
