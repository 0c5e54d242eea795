package main

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/account"
)

// authenticate returns what the call's API key opens, or why it opens nothing
// that s is needed for.
func authenticate(r *http.Request, book *account.Book, s account.Scope) (account.Access, *refusal) {
	header := r.Header.Values("Authorization")
	if len(header) != 1 {
		return account.Access{}, unauthenticated("Send one header Authorization, with the word Bearer and the API key.")
	}
	scheme, key, _ := strings.Cut(header[0], " ")
	if key = strings.TrimSpace(key); !strings.EqualFold(scheme, "Bearer") || key == "" {
		return account.Access{}, unauthenticated("The header Authorization must hold the word Bearer and the API key.")
	}
	access, ok := book.Merchant(key)
	if !ok {
		return account.Access{}, unauthenticated("The API key is not known.")
	}
	if !access.May(s) {
		return access, forbidden(s)
	}
	return access, nil
}

// limits holds a token bucket per API key. It lives as long as the process and
// has as many buckets as there ever were keys.
type limits struct {
	rate    rate.Limit
	burst   int
	mu      sync.Mutex
	buckets map[bucket]*rate.Limiter
}

type bucket struct{ merchant, key string }

// newLimits returns limits of perSecond commands per key; 0 means none.
func newLimits(perSecond float64, burst int) *limits {
	l := &limits{rate: rate.Limit(perSecond), burst: burst, buckets: map[bucket]*rate.Limiter{}}
	if perSecond == 0 {
		l.rate = rate.Inf
	}
	return l
}

// take returns 0 when the key may send a command now, or how long it has to wait.
func (l *limits) take(a account.Access, now time.Time) time.Duration {
	b := l.bucket(bucket{string(a.Merchant), a.KeyID})
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (l *limits) bucket(k bucket) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[k]
	if !ok {
		b = rate.NewLimiter(l.rate, l.burst)
		l.buckets[k] = b
	}
	return b
}
