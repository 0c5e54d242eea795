package bus

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// clockAge is how long a reading of the broker's clock is carried on by our
// monotonic one.
const clockAge = 10 * time.Second

// clock is the broker's clock, read rarely and carried on in between by the
// process's monotonic clock. Decisions about time never use a machine's own wall
// clock, so that it may be wrong.
type clock struct {
	mu   sync.Mutex
	read time.Time // when, by our clock with its monotonic reading
	at   time.Time // what the broker said
}

// Now returns the broker's time.
func (b *Bus) Now(ctx context.Context) (time.Time, error) {
	c := b.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := time.Since(c.read); !c.at.IsZero() && since < clockAge {
		return c.at.Add(since), nil
	}
	s, err := b.js.Stream(ctx, eventStream(0))
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: read the broker's clock: %w", ErrUnavailable, err)
	}
	c.read, c.at = time.Now(), s.CachedInfo().TimeStamp.UTC()
	return c.at, nil
}
