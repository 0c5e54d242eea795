package protection

import (
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Rules are when a breaker opens, and for how long.
type Rules struct {
	MinCalls int           // calls in a window before their outcomes say anything
	Ratio    float64       // share of them that must be bad, above 0 up to 1
	Window   time.Duration // how long outcomes are counted together
	Open     time.Duration // how long a provider is left alone; doubles with every time in a row
	MostOpen time.Duration // but not beyond this
	Trial    time.Duration // how long a trial may take before another replica makes one
}

// DefaultRules returns the rules that services have unless told otherwise.
func DefaultRules() Rules {
	return Rules{
		MinCalls: 20, Ratio: 0.5, Window: 30 * time.Second,
		Open: 10 * time.Second, MostOpen: 5 * time.Minute, Trial: 15 * time.Second,
	}
}

// Outcome is what a call says about the provider's health.
type Outcome int

// The outcomes.
const (
	Neutral Outcome = iota // nothing
	Good                   // it answered, whatever it said
	Bad                    // unavailable, or nobody knows what it did
	Refused                // it does not accept our configuration, and will not before a person acts
)

// State is what a breaker does with calls.
type State string

// The states.
const (
	Closed   State = "closed"    // lets all through
	Open     State = "open"      // lets none through but a few inquiries
	HalfOpen State = "half_open" // one trial is under way
)

// Cause is why a breaker opened.
type Cause string

// The causes.
const (
	ByOutcomes      Cause = "outcomes"
	ByConfiguration Cause = "configuration"
)

// Doubt is an attempt that the provider can be asked about: a trial that moves no
// money.
type Doubt struct {
	Payment payment.ID        `json:"payment_id"`
	Command payment.CommandID `json:"command_id"`
}

// maxDoubts is how many of them a breaker remembers.
const maxDoubts = 8

// Trial is the one call that finds out whether a provider is well again.
type Trial struct {
	By    string    `json:"by"` // replica
	Until time.Time `json:"until"`
	// Doubt is what the provider is asked about; nil: it is a real call.
	Doubt *Doubt `json:"doubt,omitempty"`
}

// Breaker is the shared state of an account's circuit breaker. The zero value is
// closed.
type Breaker struct {
	State   State     `json:"state"`
	Since   time.Time `json:"since"`
	Cause   Cause     `json:"cause,omitempty"`
	RetryAt time.Time `json:"retry_at"`        // when a trial may begin
	Trips   int       `json:"trips,omitempty"` // openings in a row
	From    time.Time `json:"from"`            // when the window began
	Good    int       `json:"good,omitempty"`
	Bad     int       `json:"bad,omitempty"`
	Trial   *Trial    `json:"trial,omitempty"`
	Doubts  []Doubt   `json:"doubts,omitempty"` // newest last
}

// Closed tells whether b lets all calls through.
func (b Breaker) Closed() bool { return b.State == "" || b.State == Closed }

// Counting tells whether outcomes are being counted at now because some are bad.
// While there are none, good ones need not be told to others.
func (b Breaker) Counting(r Rules, now time.Time) bool {
	return b.Closed() && b.Bad > 0 && now.Sub(b.From) <= r.Window
}

// Count adds outcomes of calls that a closed breaker had let through, and opens it
// when they are bad enough. Doubts are attempts among the bad ones that can be
// inquired about.
func (b Breaker) Count(r Rules, now time.Time, good, bad int, doubts ...Doubt) Breaker {
	if !b.Closed() {
		return b
	}
	if now.Sub(b.From) > r.Window {
		b.From, b.Good, b.Bad, b.Doubts = now, 0, 0, nil
	}
	b.Good, b.Bad = b.Good+good, b.Bad+bad
	b = b.remember(doubts)
	all := b.Good + b.Bad
	if b.Bad == 0 || all < r.MinCalls || float64(b.Bad) < r.Ratio*float64(all) {
		return b
	}
	return b.open(r, now, ByOutcomes)
}

// Refuse opens b because the provider does not accept our configuration.
func (b Breaker) Refuse(r Rules, now time.Time) Breaker {
	if !b.Closed() {
		return b.Fail(r, now)
	}
	return b.open(r, now, ByConfiguration)
}

// open opens b. One that was closed for long begins with the shortest time again.
func (b Breaker) open(r Rules, now time.Time, why Cause) Breaker {
	if b.Closed() && now.Sub(b.Since) > 2*r.MostOpen {
		b.Trips = 0
	}
	b.Trips++
	b.State, b.Since, b.Cause, b.Trial = Open, now, why, nil
	b.RetryAt = now.Add(r.openFor(b.Trips))
	return b
}

func (r Rules) openFor(trips int) time.Duration {
	return min(r.Open<<min(trips-1, 16), r.MostOpen)
}

// Due tells whether b is open and a trial may be made at now: nobody makes one.
func (b Breaker) Due(now time.Time) bool {
	return !b.Closed() && !now.Before(b.Until())
}

// Until returns when b is to be asked for a trial next.
func (b Breaker) Until() time.Time {
	if b.Trial != nil && b.Trial.Until.After(b.RetryAt) {
		return b.Trial.Until
	}
	return b.RetryAt
}

// Try begins a trial for replica who: an inquiry about an attempt in doubt while
// there is one that was not tried, else a real call. ok is false when none is due.
func (b Breaker) Try(r Rules, who string, now time.Time) (next Breaker, t Trial, ok bool) {
	if !b.Due(now) {
		return b, Trial{}, false
	}
	t = Trial{By: who, Until: now.Add(r.Trial)}
	if n := len(b.Doubts); n > 0 {
		d := b.Doubts[n-1]
		t.Doubt, b.Doubts = &d, slices.Clone(b.Doubts[:n-1])
	}
	b.State, b.Trial = HalfOpen, &t
	return b, t, true
}

// Asks tells whether the trial under way at now is an inquiry about c.
func (b Breaker) Asks(c payment.CommandID, now time.Time) bool {
	return b.State == HalfOpen && b.Trial != nil && b.Trial.Doubt != nil && b.Trial.Doubt.Command == c && now.Before(b.Trial.Until)
}

// Abandon gives up the trial of replica who, which made no call after all.
func (b Breaker) Abandon(who string) Breaker {
	if b.State == HalfOpen && b.Trial != nil && b.Trial.By == who {
		b.State, b.Trial = Open, nil
	}
	return b
}

// Succeed closes b: a trial, or an inquiry after RetryAt, went well.
func (b Breaker) Succeed(now time.Time) Breaker {
	if b.Closed() || now.Before(b.RetryAt) {
		return b
	}
	return Breaker{State: Closed, Since: now, Trips: b.Trips, From: now}
}

// Fail leaves the provider alone for longer: a trial, or an inquiry after RetryAt,
// went badly. Doubts are attempts that can be inquired about next time.
func (b Breaker) Fail(r Rules, now time.Time, doubts ...Doubt) Breaker {
	b = b.remember(doubts)
	if b.Closed() || now.Before(b.RetryAt) {
		return b
	}
	since, why := b.Since, b.Cause
	b = b.open(r, now, why)
	b.Since = since // it has never been well in between
	return b
}

// Remember keeps attempts that can be inquired about while b is open.
func (b Breaker) Remember(doubts ...Doubt) Breaker {
	if b.Closed() {
		return b
	}
	return b.remember(doubts)
}

// remember keeps the newest doubts, each once.
func (b Breaker) remember(doubts []Doubt) Breaker {
	all := slices.Clone(b.Doubts)
	for _, d := range doubts {
		all = append(slices.DeleteFunc(all, func(o Doubt) bool { return o == d }), d)
	}
	b.Doubts = all[max(0, len(all)-maxDoubts):]
	if len(b.Doubts) == 0 {
		b.Doubts = nil
	}
	return b
}

// String returns the outcome's name.
func (o Outcome) String() string {
	return [...]string{"neutral", "good", "bad", "refused"}[o]
}
