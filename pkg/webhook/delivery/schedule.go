package delivery

import (
	"math/rand/v2"
	"time"
)

// Horizon is for how long a message is tried.
const Horizon = 3 * 24 * time.Hour

// maxRetryAfter is the longest pause that an endpoint can ask for.
const maxRetryAfter = 24 * time.Hour

// delays are how long to wait after the first attempt, the second, and so on: the
// schedule that Standard Webhooks recommends.
func delays() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// jitter is the greatest part of a delay that is added or taken away, so that an
// endpoint that comes back is not met by all at once.
const jitter = 0.2

// delayAfter returns how long to wait after attempt n (1, 2, …).
func delayAfter(n int) time.Duration {
	all := delays()
	d := all[min(max(n, 1), len(all))-1]
	return d + time.Duration((rand.Float64()*2-1)*jitter*float64(d))
}

// next returns when the attempt after attempt n begins, which ended now, and
// false when there is none. The last one is made when the message expires.
func next(n int, now, expires time.Time, retryAfter time.Duration) (time.Time, bool) {
	if !now.Before(expires) {
		return time.Time{}, false
	}
	due := now.Add(max(delayAfter(n), min(retryAfter, maxRetryAfter)))
	if due.After(expires) {
		due = expires
	}
	return due, true
}
