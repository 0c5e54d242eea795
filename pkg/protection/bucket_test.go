package protection_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/protection"
)

var epoch = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// replica is one that takes slices and uses some of them.
type replica struct {
	slice protection.Slice
	name  string
}

// TestBucket_NeverGivesMoreThanTheLimit: whoever takes when, and puts back what:
// in every stretch of time no more is used than the burst and what the rate
// brings, and what was out in slices when the stretch began.
func TestBucket_NeverGivesMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := protection.Limit{Rate: rapid.Float64Range(0.5, 500).Draw(t, "rate"), Burst: rapid.Float64Range(1, 100).Draw(t, "burst")}
		var b protection.Bucket
		var replicas []*replica
		for i := range rapid.IntRange(1, 8).Draw(t, "replicas") {
			replicas = append(replicas, &replica{name: fmt.Sprint(i)})
		}
		now := epoch
		var at []time.Time
		var used []int
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond)
			r := rapid.SampledFrom(replicas).Draw(t, "who")
			if r.slice.Calls > 0 && now.Before(r.slice.Until) {
				n := rapid.IntRange(1, r.slice.Calls).Draw(t, "use")
				r.slice.Calls -= n
				at, used = append(at, now), append(used, n)
				continue
			}
			b, r.slice = b.Take(l, r.name, now, 0)
			if r.slice.Calls == 0 && !r.slice.Next.After(now) {
				t.Fatalf("nothing to be had at %s, and told to come back at %s", now, r.slice.Next)
			}
		}
		slack := float64(len(replicas)) * max(1, l.Rate*0.2) // what slices hold
		for i := range at {
			sum := 0
			for j := i; j < len(at); j++ {
				sum += used[j]
				most := l.Burst + l.Rate*at[j].Sub(at[i]).Seconds() + slack
				if float64(sum) > most+1e-6 {
					t.Fatalf("%d calls in %s, want at most %.1f", sum, at[j].Sub(at[i]), most)
				}
			}
		}
	})
}

// TestBucket_SteadyDemandGetsTheLimit: eight replicas that want more than there is
// get what there is, to one part in fifty.
func TestBucket_SteadyDemandGetsTheLimit(t *testing.T) {
	t.Parallel()
	l := protection.Limit{Rate: 40, Burst: 4}
	var b protection.Bucket
	total := 0
	const seconds = 30
	for tick := range seconds * 100 {
		now := epoch.Add(time.Duration(tick) * 10 * time.Millisecond)
		var s protection.Slice
		b, s = b.Take(l, fmt.Sprint(tick%8), now, 0)
		total += s.Calls
	}
	if want := 40*seconds + 4; total > want || total < want*98/100 {
		t.Errorf("%d calls in %d s, want %d", total, seconds, want)
	}
}

func TestBucket_SharesAmongThoseSeen(t *testing.T) {
	t.Parallel()
	l := protection.Limit{Rate: 100, Burst: 100}
	b, s := protection.Bucket{}.Take(l, "a", epoch, 0)
	if s.Calls != 20 || s.Peers != 1 {
		t.Errorf("alone: %+v, want 20 calls: a fifth of a second", s)
	}
	b, s = b.Take(l, "b", epoch.Add(time.Second), 0)
	if s.Calls != 10 || s.Peers != 2 {
		t.Errorf("of two: %+v, want 10 calls", s)
	}
	if _, s = b.Take(l, "b", epoch.Add(10*time.Second), 0); s.Peers != 1 {
		t.Errorf("%d replicas ten seconds after one was seen last, want 1", s.Peers)
	}
}

func TestBucket_PutsBackWhatWasNotUsed(t *testing.T) {
	t.Parallel()
	l := protection.Limit{Rate: 10, Burst: 10}
	b, s := protection.Bucket{}.Take(l, "a", epoch, 0)
	left := b.Tokens
	b, _ = b.Take(l, "a", epoch, s.Calls)
	if b.Tokens != left {
		t.Errorf("%.1f left after a slice went back and came again, want %.1f", b.Tokens, left)
	}
}
