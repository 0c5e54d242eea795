package protection

import (
	"maps"
	"math"
	"time"
)

// Limit is how many calls an account takes from all replicas together. The zero
// value is no limit.
type Limit struct {
	Rate  float64 // calls per second
	Burst float64 // calls at once after a quiet time; at least 1
}

// None tells whether there is no limit.
func (l Limit) None() bool { return l.Rate <= 0 }

const (
	// sliceTime is how long a slice of tokens lasts. What a dead replica had taken
	// is lost for that long only.
	sliceTime = 200 * time.Millisecond
	// peerTime is how long a replica counts that has taken nothing.
	peerTime = 5 * time.Second
)

// Bucket is what is left of a limit: a token is one call. The zero value is full.
type Bucket struct {
	Tokens float64              `json:"tokens"`
	At     time.Time            `json:"at"`             // when there were that many
	Seen   map[string]time.Time `json:"seen,omitempty"` // when each replica last took some
}

// Slice is what one replica took out of a bucket.
type Slice struct {
	Calls int       // how many it may make before Until
	Until time.Time // what is left then is lost, or put back with the next slice
	Next  time.Time // with no Calls: when there will be a token
	Peers int       // replicas that share the bucket, this one included
}

// Filled returns b as it is at now: what time has brought is added, up to the
// burst. A clock that lags behind the one before adds nothing.
func (b Bucket) Filled(l Limit, now time.Time) Bucket {
	if b.At.IsZero() {
		b.Tokens, b.At = l.Burst, now
		return b
	}
	if passed := now.Sub(b.At); passed > 0 {
		b.Tokens, b.At = min(l.Burst, b.Tokens+l.Rate*passed.Seconds()), now
	}
	b.Tokens = min(b.Tokens, l.Burst)
	return b
}

// Take returns b without the slice that replica who takes at now: its share of what
// comes within the slice's time, at least one call, at most what is there. back is
// what it has left of its slice before.
func (b Bucket) Take(l Limit, who string, now time.Time, back int) (Bucket, Slice) {
	b = b.Filled(l, now)
	b.Tokens = min(l.Burst, b.Tokens+float64(back))
	b.Seen = seen(b.Seen, who, now)
	s := Slice{Peers: len(b.Seen), Until: now.Add(sliceTime)}
	share := max(1, math.Floor(l.Rate*sliceTime.Seconds()/float64(s.Peers)))
	s.Calls = int(min(share, math.Floor(b.Tokens)))
	if s.Calls == 0 {
		s.Next = now.Add(time.Duration((1 - b.Tokens) / l.Rate * float64(time.Second)))
		return b, s
	}
	b.Tokens -= float64(s.Calls)
	return b, s
}

// seen returns who has been there lately, who among them.
func seen(before map[string]time.Time, who string, now time.Time) map[string]time.Time {
	all := map[string]time.Time{}
	maps.Copy(all, before)
	maps.DeleteFunc(all, func(_ string, at time.Time) bool { return now.Sub(at) > peerTime })
	all[who] = now
	return all
}
