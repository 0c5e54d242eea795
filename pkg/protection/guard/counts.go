package guard

import (
	"context"
	"time"

	"github.com/payloom/payloom/pkg/protection"
)

// tellEvery is how often good outcomes are told while bad ones are being counted.
// Bad ones are told at once.
const tellEvery = time.Second

// count counts the outcome of a call. While all is well nobody is told, so that
// calls cost the broker nothing.
func (t *gate) count(ctx context.Context, now time.Time, o protection.Outcome, doubts []protection.Doubt) {
	t.mu.Lock()
	if now.Sub(t.from) > t.g.o.Rules.Window {
		t.from, t.good, t.bad, t.doubts = now, 0, 0, nil
	}
	switch o {
	case protection.Good:
		t.good++
	case protection.Bad:
		t.bad++
		t.doubts = append(t.doubts, doubts...)
	case protection.Neutral, protection.Refused:
	}
	due := t.bad > 0 || t.good > 0 && t.breaker.value.Counting(t.g.o.Rules, now) && now.Sub(t.told) >= tellEvery
	tell := due && !t.flushing
	t.flushing = t.flushing || tell
	t.mu.Unlock()
	if tell && t.tell(ctx, now) {
		// Bad outcomes that have come meanwhile must not hold up a payment.
		go func() {
			for t.tell(ctx, t.g.now(ctx, now)) {
			}
		}()
	}
}

// tell adds what was counted to the shared state, and returns whether bad outcomes
// have come meanwhile.
func (t *gate) tell(ctx context.Context, now time.Time) bool {
	t.mu.Lock()
	good, bad, doubts := t.good, t.bad, t.doubts
	t.good, t.bad, t.doubts, t.told = 0, 0, nil, now
	t.mu.Unlock()
	t.change(ctx, always(func(b protection.Breaker) protection.Breaker {
		return b.Count(t.g.o.Rules, now, good, bad, doubts...)
	}))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushing = t.bad > 0
	return t.flushing
}
