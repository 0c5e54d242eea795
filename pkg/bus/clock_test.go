package bus

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// silent is a broker that never answers.
type silent struct{ jetstream.JetStream }

func (silent) Stream(ctx context.Context, _ string) (jetstream.Stream, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestNow_BlocksNobody: the first reading hangs for somebody who has time.
func TestNow_BlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &Bus{js: silent{}, clock: &clock{}}
		go func() { _, _ = b.Now(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := b.Now(ctx)
		if took := time.Since(start); !errors.Is(err, ErrUnavailable) || took > 100*time.Millisecond {
			t.Errorf("%v after %s, want ErrUnavailable after 100 ms", err, took)
		}
		time.Sleep(clockTimeout) // let the reading end
	})
}

// TestNow_CarriesAnOldReadingOn: a broker that is away for a while stops nobody.
func TestNow_CarriesAnOldReadingOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &Bus{js: silent{}, clock: &clock{}}
		said := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) // far from our own
		b.clock.set(said)
		read := time.Now()
		time.Sleep(clockLimit / 2)
		now, err := b.Now(t.Context())
		if want := said.Add(time.Since(read)); err != nil || !now.Equal(want) {
			t.Errorf("now is %s, %v; want %s", now, err, want)
		}
		time.Sleep(clockLimit / 2)
		if _, err := b.Now(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a reading an hour old: %v, want ErrUnavailable", err)
		}
	})
}

// TestSteady_AnotherLeadersClock: a reading that does not go on from the one before
// is remembered, in both directions; what a slow answer explains is not.
func TestSteady_AnotherLeadersClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		by   time.Duration
		want time.Duration // a minute after the reading
	}{
		"the same clock":          {0, math.MaxInt64},
		"a slow answer":           {-clockTimeout, math.MaxInt64},
		"one that is ahead":       {5 * time.Minute, time.Minute - clockAge},
		"one that is behind":      {-5 * time.Minute, time.Minute - clockAge},
		"one that differs little": {clockTolerance, math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &Bus{js: silent{}, clock: &clock{}}
				said := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
				b.clock.set(said)
				time.Sleep(time.Hour)
				b.clock.set(said.Add(time.Hour + tc.by))
				time.Sleep(time.Minute)
				if got := b.Steady(); got != tc.want {
					t.Errorf("steady for %s, want %s", got, tc.want)
				}
			})
		})
	}
}

// TestSteady_NotBeforeOthersHaveReadIt: until then they date by what they read before.
func TestSteady_NotBeforeOthersHaveReadIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c clock
		c.set(time.Now())
		c.set(time.Now().Add(time.Minute))
		time.Sleep(clockAge)
		if got := c.steady(); got != 0 {
			t.Errorf("steady for %s, want 0", got)
		}
	})
}
