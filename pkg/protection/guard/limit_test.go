package guard_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/protection/guard"
)

// TestEnter_EightReplicasKeepOneLimit: replicas that all want more than there is
// stay, together, within five parts in a hundred of the limit, and leave no more
// than that of it unused.
func TestEnter_EightReplicasKeepOneLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit = protection.Limit{Rate: 40, Burst: 8}
	var replicas []*guard.Guard
	for i := range 8 {
		replicas = append(replicas, w.replica(i))
	}
	const tick = 10 * time.Millisecond
	calls := map[int]int{} // by second
	for n := range 4 * int(time.Second/tick) {
		for i := range replicas {
			// Not always the same one first.
			if w.call(replicas[(i+n)%len(replicas)], w.ask(protection.Begin), protection.Good, false) {
				calls[n*int(tick)/int(time.Second)]++
			}
		}
		w.pass(tick)
	}
	if first := calls[0]; first < 40 || first > 48*105/100 {
		t.Errorf("%d calls in the first second, want 40 and a burst of 8", first)
	}
	if rest := calls[1] + calls[2] + calls[3]; rest < 120*95/100 || rest > 120*105/100 {
		t.Errorf("%d calls in the next three seconds, want 120 (%v)", rest, calls)
	}
}

// TestEnter_RacingReplicasNeverExceedTheLimit: as above, all at once and by the
// broker's own clock.
func TestEnter_RacingReplicasNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit = protection.Limit{Rate: 100, Burst: 10}
	began := time.Now()
	var calls atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		o := w.options("", w.store("racer"))
		o.Replica, o.Now = string(rune('a'+i)), func(context.Context) (time.Time, error) { return time.Now(), nil }
		g := w.run(guard.New(o))
		for range 4 {
			wg.Go(func() {
				for time.Since(began) < 2*time.Second {
					a := w.ask(protection.Begin)
					a.Now = time.Now()
					p, wait := g.Enter(t.Context(), a)
					if wait.For > 0 {
						time.Sleep(min(wait.For, 20*time.Millisecond))
						continue
					}
					calls.Add(1)
					p.Done(protection.Good, false)
				}
			})
		}
	}
	wg.Wait()
	took := time.Since(began).Seconds()
	if n, most := calls.Load(), 10+1.05*100*took; n == 0 || float64(n) > most {
		t.Errorf("%d calls in %.2f s, want at most %.0f", n, took, most)
	}
}

// TestEnter_WithoutLimitNobodyIsAsked: while all is well calls cost the store
// nothing.
func TestEnter_WithoutLimitNobodyIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &away{}
	g := guard.New(w.options("a", s))
	for range 1000 {
		if !w.call(g, w.ask(protection.Begin), protection.Good, false) {
			t.Fatal("a call was held up")
		}
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
}

// TestEnter_ManyCallsOfOneSlice: a slice is taken once, not for every call.
func TestEnter_ManyCallsOfOneSlice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit = protection.Limit{Rate: 1000, Burst: 1000}
	s := &counting{Store: w.store("a")}
	g := w.run(guard.New(w.options("a", s)))
	for range 400 {
		if !w.call(g, w.ask(protection.Begin), protection.Good, false) {
			t.Fatal("a call was held up")
		}
	}
	if n := s.asked.Load(); n > 4 {
		t.Errorf("the store was asked %d times for 400 calls, want two slices", n)
	}
}

// away is a store that does not answer.
type away struct{ asked atomic.Int64 }

var errAway = errors.New("away")

func (s *away) Get(context.Context, string) ([]byte, uint64, error) {
	s.asked.Add(1)
	return nil, 0, errAway
}

func (s *away) CompareAndSet(context.Context, string, []byte, uint64) (uint64, error) {
	s.asked.Add(1)
	return 0, errAway
}

func (s *away) Watch(ctx context.Context, _ []string, _ func(string, []byte, uint64), _ func()) {
	<-ctx.Done()
}

// counting counts what a store is asked.
type counting struct {
	guard.Store
	asked atomic.Int64
}

func (s *counting) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	s.asked.Add(1)
	return s.Store.Get(ctx, key)
}

func (s *counting) CompareAndSet(ctx context.Context, key string, value []byte, rev uint64) (uint64, error) {
	s.asked.Add(1)
	return s.Store.CompareAndSet(ctx, key, value, rev)
}

// TestEnter_StoreAway: money goes on, at this replica's share of the limit.
func TestEnter_StoreAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit = protection.Limit{Rate: 80, Burst: 80}
	g := guard.New(w.options("a", &away{}))
	calls := 0
	for range 1000 {
		if w.call(g, w.ask(protection.Begin), protection.Good, false) {
			calls++
		}
		w.pass(10 * time.Millisecond)
	}
	// An eighth of the limit, since nobody knows how many share it.
	if calls < 95 || calls > 105 {
		t.Errorf("%d calls in ten seconds, want 100", calls)
	}
	w.limit = protection.Limit{}
	w.pass(2 * rules.Window) // the calls before are forgotten
	for i := range rules.MinCalls {
		w.call(g, w.askAt(eu("demo"), protection.Begin, payment.CommandID(rune('a'+i))), protection.Bad, false)
	}
	if w.lets(g, w.ask(protection.Begin)) {
		t.Error("without a store the breaker does not open")
	}
	w.pass(rules.Open)
	if !w.call(g, w.ask(protection.Begin), protection.Good, false) || !w.lets(g, w.ask(protection.Begin)) {
		t.Error("without a store the breaker does not close")
	}
}
