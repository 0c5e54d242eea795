package guard

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/protection"
)

const (
	// unknownPeers is how many replicas are assumed to share a limit that was never
	// seen.
	unknownPeers = 8
	// leaseEvery is how often a replica looks for tokens that are not there yet, and
	// storeRest how long it leaves a store alone that does not answer.
	leaseEvery = 20 * time.Millisecond
	storeRest  = time.Second
	// leaseTimeout is how long a call may wait for the store.
	leaseTimeout = 500 * time.Millisecond
	// slack is by how much more commands come back than there will be tokens, so
	// that none is left over.
	slack = 1.25
)

// tokens are what a gate has of its account's limit.
type tokens struct {
	mu    sync.Mutex // held while the store is asked: whoever waits shares the answer
	limit protection.Limit
	slice protection.Slice
	next  time.Time // before which the store has none
	alone *rate.Limiter
	lost  bool // the store does not answer: alone counts
}

// spend takes a token for a call, and returns how long it has to wait when there is
// none.
func (t *gate) spend(ctx context.Context, now time.Time) protection.Wait {
	l := t.g.o.Limit(t.account.Merchant, t.account.Name)
	if l.None() {
		return protection.Wait{}
	}
	k := &t.tokens
	k.mu.Lock()
	defer k.mu.Unlock()
	now = t.g.now(ctx, now)
	if k.limit != l {
		k.limit = l
		k.share()
		t.turns.SetLimitAt(now, k.arrivals())
	}
	if k.take(now) {
		return protection.Wait{}
	}
	if !now.Before(k.next) {
		t.lease(ctx, now)
		if k.take(now) {
			return protection.Wait{}
		}
	}
	after := max(t.turn(now, now), k.next.Sub(now), leaseEvery)
	return protection.Wait{For: after, Until: protection.ForToken}
}

// take takes a token that is at hand.
func (k *tokens) take(now time.Time) bool {
	if k.lost {
		return k.alone.AllowN(now, 1)
	}
	if k.slice.Calls == 0 || !now.Before(k.slice.Until) {
		return false
	}
	k.slice.Calls--
	return true
}

// lease takes a slice out of the shared bucket.
func (t *gate) lease(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	k, key := &t.tokens, protection.Key(protection.BucketRecord, t.account)
	back := 0
	if now.Sub(k.slice.Until) < time.Second {
		back = k.slice.Calls
	}
	var s protection.Slice
	from, err := read[protection.Bucket](ctx, t.g.o.Store, key)
	if err == nil {
		_, err = change(ctx, t.g.o.Store, key, from, func(b protection.Bucket) (next protection.Bucket, took bool) {
			next, s = b.Take(k.limit, t.g.o.Replica, now, back)
			return next, s.Calls > 0
		})
	}
	if err != nil {
		t.lonely(now, err)
		return
	}
	k.lost, k.slice, k.next = false, s, later(s.Next, now)
	if s.Calls == 0 {
		k.next = later(s.Next, now.Add(leaseEvery))
	}
	k.share()
	t.turns.SetLimitAt(now, k.arrivals())
}

// lonely goes on without the store for a while, at this replica's share of the
// limit as far as is known.
func (t *gate) lonely(now time.Time, err error) {
	k := &t.tokens
	if !k.lost {
		t.g.o.Log.Warn("a limit is not shared: going on with our part of it", zap.Stringer("account", t.account), zap.Error(err))
	}
	k.lost, k.next, k.slice.Calls = true, now.Add(storeRest), 0
}

// peers returns how many replicas share the limit, as far as is known.
func (k *tokens) peers() int {
	if k.slice.Peers == 0 {
		return unknownPeers
	}
	return k.slice.Peers
}

// share sets what this replica may do alone.
func (k *tokens) share() {
	own := rate.Limit(k.limit.Rate / float64(k.peers()))
	if k.alone == nil {
		k.alone = rate.NewLimiter(own, 1)
		return
	}
	k.alone.SetLimit(own)
}

// arrivals is at what rate commands that wait for tokens come back to this replica.
func (k *tokens) arrivals() rate.Limit {
	return rate.Limit(slack * k.limit.Rate / float64(k.peers()))
}
