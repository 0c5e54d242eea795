package guard

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
)

const (
	// returnRate is how many commands a second a replica has come back that were set
	// aside at an account without a limit.
	returnRate = 100
	// longestTurn is the longest time a command is set aside for.
	longestTurn = 15 * time.Minute
	// askEvery is how often a replica asks about open attempts while the breaker is
	// open.
	askEvery = time.Second
	// changeTimeout is how long a change of the shared state may hold up a call.
	changeTimeout = 2 * time.Second
)

// gate is what a guard knows of one account.
type gate struct {
	g       *Guard
	account protection.Account
	turns   *rate.Limiter // when who is set aside comes back
	asks    *rate.Limiter // inquiries while the breaker is open
	tokens  tokens

	mu       sync.Mutex
	breaker  versioned[protection.Breaker]
	from     time.Time // when the counts below began
	good     int       // not told to others yet
	bad      int
	doubts   []protection.Doubt
	told     time.Time // when counts were told last
	flushing bool
}

func newGate(g *Guard, a protection.Account) *gate {
	return &gate{
		g: g, account: a, turns: rate.NewLimiter(returnRate, 1), asks: rate.NewLimiter(rate.Every(askEvery), 1),
	}
}

// learn takes note of what another replica has made of the breaker.
func (t *gate) learn(value []byte, rev uint64) error {
	b, err := decode[protection.Breaker](value, rev)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if rev > t.breaker.rev {
		t.breaker = b
	}
	return nil
}

func (t *gate) current() protection.Breaker {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.breaker.value
}

// turn returns how long, from now on, a command is to be set aside that may come
// back at at or later: one after the other, so that they do not come together.
func (t *gate) turn(now, at time.Time) time.Duration {
	after := at.Sub(now) + t.turns.ReserveN(at, 1).DelayFrom(at)
	return min(max(after, time.Millisecond), longestTurn)
}

// change makes f of the breaker, for all replicas, and returns what it is then.
// Where the store cannot be reached it is so for this replica alone: what the
// others do is then theirs.
func (t *gate) change(ctx context.Context, f func(protection.Breaker) (protection.Breaker, bool)) protection.Breaker {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	defer cancel()
	t.mu.Lock()
	from := t.breaker
	t.mu.Unlock()
	next, err := change(ctx, t.g.o.Store, protection.Key(protection.BreakerRecord, t.account), from, f)
	if err != nil {
		t.g.o.Log.Warn("a breaker's state is not shared", zap.Stringer("account", t.account), zap.Error(err))
		next.value, _ = f(next.value)
	}
	t.adopt(next)
	return next.value
}

// adopt takes over what this replica has changed, and says so when the breaker has
// opened or closed.
func (t *gate) adopt(next versioned[protection.Breaker]) {
	t.mu.Lock()
	before := t.breaker.value
	if next.rev >= t.breaker.rev {
		t.breaker = next
	}
	t.mu.Unlock()
	if before.Closed() != next.value.Closed() {
		t.g.o.Log.Warn("circuit breaker", zap.Stringer("account", t.account), zap.String("state", string(next.value.State)),
			zap.String("cause", string(next.value.Cause)), zap.Time("retry_at", next.value.RetryAt),
			zap.Int("bad", next.value.Bad), zap.Int("good", next.value.Good))
	}
}

// hearsay is how long other replicas take to hear of a change.
const hearsay = time.Second

// wake has a worker ask about d, as soon as all of them know that it is to.
func (t *gate) wake(ctx context.Context, d protection.Doubt, now time.Time) error {
	return t.g.o.Wake(ctx, payment.Command{
		ID: d.Command, Merchant: t.account.Merchant, Payment: d.Payment, Provider: t.account.Provider,
	}, now.Add(hearsay))
}
