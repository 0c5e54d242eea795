package bus

import (
	"context"
	"errors"
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
