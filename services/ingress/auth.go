package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/callers"
)

// authenticate returns who calls, or why nobody is known who may do what s is needed
// for.
func authenticate(r *http.Request, book *account.Book, s account.Scope) (callers.Caller, *refusal) {
	c, err := callers.Authenticate(r, book, time.Now())
	if err != nil {
		return c, unauthenticated(err.Error())
	}
	if !c.May(s) {
		return c, forbidden(s)
	}
	return c, nil
}

// checkRights refuses what c's key may not ask for at all, or not alone. cmd is whole:
// what its provider fills in, such as the way of capture, is there.
func checkRights(c callers.Caller, s account.Scope, cmd payment.Command) *refusal {
	switch {
	case takesAtOnce(cmd) && !c.May(account.ScopeCapture):
		return forbidden(account.ScopeCapture)
	case !c.Limits.Amounts.Allow(cmd.Amount):
		return aboveLimit()
	case givesAway(cmd.Kind) && !c.Limits.Alone.Allow(cmd.Amount) && !c.Backed(s, cmd.Amount):
		return needsSecond(s)
	}
	return nil
}

// takesAtOnce tells whether a command that opens a payment takes the money, too, or
// charges what a buyer has agreed to before: no later call of another key decides it.
func takesAtOnce(c payment.Command) bool {
	a := c.Authorization
	return a != nil && (a.Capture == payment.CaptureAuto || a.Method == payment.MandateCharge)
}

// givesAway tells whether an operation sends the merchant's money to somebody.
func givesAway(k payment.Kind) bool { return k == payment.Refund || k == payment.Payout }

// limits holds a token bucket per API key. It lives as long as the process and
// has as many buckets as there ever were keys.
type limits struct {
	rate    rate.Limit
	burst   int
	mu      sync.Mutex
	buckets map[bucket]*rate.Limiter
}

type bucket struct{ merchant, key string }

// newLimits returns limits of perSecond commands per key, unless the key has limits
// of its own; 0 means none.
func newLimits(perSecond float64, burst int) *limits {
	l := &limits{rate: rate.Limit(perSecond), burst: burst, buckets: map[bucket]*rate.Limiter{}}
	if perSecond == 0 {
		l.rate = rate.Inf
	}
	return l
}

// take returns 0 when the key may send a command now, or how long it has to wait.
func (l *limits) take(a account.Access, now time.Time) time.Duration {
	r := l.of(a, now).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// wait returns when the key may send the next of many commands, or an error when ctx
// ends before.
func (l *limits) wait(ctx context.Context, a account.Access) error {
	if err := l.of(a, time.Now()).Wait(ctx); err != nil {
		return fmt.Errorf("wait for the rate: %w", err)
	}
	return nil
}

// of returns the bucket of a key, at the rate that the accounts say now.
func (l *limits) of(a account.Access, now time.Time) *rate.Limiter {
	perSecond, burst := l.rate, l.burst
	if a.Limits.PerSecond > 0 {
		perSecond, burst = rate.Limit(a.Limits.PerSecond), max(a.Limits.Burst, 1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := bucket{string(a.Merchant), a.KeyID}
	b, ok := l.buckets[k]
	if !ok {
		b = rate.NewLimiter(perSecond, burst)
		l.buckets[k] = b
	}
	if b.Limit() != perSecond || b.Burst() != burst {
		b.SetLimitAt(now, perSecond)
		b.SetBurstAt(now, burst)
	}
	return b
}
