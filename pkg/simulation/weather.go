package simulation

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/worker"
)

// weather is what a world suffers from, drawn once from its seed. About half of
// all afflictions are absent from any one world: too many of them hide each other.
// Rates are probabilities per occasion.
type weather struct {
	class provider.Class
	hosts int

	falls     int     // how often a host dies or is stopped, at most
	crash     float64 // at any step of a handler
	stop      float64 // SIGSTOP at any step, for half a second to ninety
	weakPoint worker.Point
	weak      float64 // what happens at the weak point, crash or stop
	restart   time.Duration

	lostRequest, lostAck float64         // between a process and the broker
	late                 float64         // publishes that arrive after their sender gave up
	stale                float64         // reads of a replica that lags
	twice                float64         // deliveries that come twice at once
	brokerDown           []span          // whole broker
	skew                 []time.Duration // by host

	noRoute, lostCall, lostAnswer, garbled float64 // between a process and the provider
	slow                                   float64
	fail5xx, refuse, reject, decline, pend float64 // the provider itself
	lag                                    time.Duration
	down                                   outage
	inquiryFails                           float64

	callbacks    float64 // how many results are told at all
	callbackLate time.Duration
	names        bool // its callbacks name our commands; those of class T4 always do
	first        bool // follow-ups wait for the first callback
}

// span is a time, in world time.
type span struct{ from, to time.Duration }

func (s span) holds(t time.Duration) bool { return s.from <= t && t < s.to }

// outage is a time in which a provider is away, from the call with that number on.
type outage struct {
	call int
	long time.Duration
	how  int
}

// The bounds of the world that a capability may rely on.
const (
	longestFlight  = 10 * time.Second
	longestWork    = 20 * time.Second
	longestLag     = 30 * time.Second
	keyLife        = 24 * time.Hour
	longestStop    = 90 * time.Second
	commandsWithin = 5 * time.Minute
)

func draw(r *rand.Rand, o Options) weather {
	maybe := func(most float64) float64 {
		if r.IntN(2) == 0 {
			return 0
		}
		return most * r.Float64()
	}
	classes := []provider.Class{provider.T1, provider.T1, provider.T2, provider.T3, provider.T3, provider.T4}
	w := weather{class: classes[r.IntN(len(classes))], hosts: 1 + r.IntN(4)}
	if o.Class != provider.T0 {
		w.class = o.Class
	}
	w.falls = 1 + r.IntN(40)
	w.crash, w.stop = maybe(0.02), maybe(0.02)
	if r.IntN(2) == 0 {
		w.weakPoint, w.weak = worker.Points()[r.IntN(len(worker.Points()))], 0.5*r.Float64()
	}
	w.restart = between(r, 100*time.Millisecond, 20*time.Second)
	w.lostRequest, w.lostAck, w.late = maybe(0.05), maybe(0.05), maybe(0.05)
	w.stale, w.twice = maybe(0.1), maybe(0.3)
	for range r.IntN(3) {
		from := time.Duration(r.Int64N(int64(commandsWithin)))
		w.brokerDown = append(w.brokerDown, span{from, from + between(r, time.Second, 2*time.Minute)})
	}
	for range w.hosts {
		w.skew = append(w.skew, time.Duration(r.Int64N(int64(2*time.Hour)))-time.Hour)
	}
	w.noRoute, w.lostCall, w.lostAnswer, w.garbled = maybe(0.3), maybe(0.3), maybe(0.5), maybe(0.2)
	w.slow, w.fail5xx, w.refuse = maybe(0.5), maybe(0.3), maybe(0.3)
	w.reject, w.decline, w.pend = maybe(0.1), maybe(0.3), maybe(0.4)
	if r.IntN(2) == 0 {
		w.lag = time.Duration(r.Int64N(int64(longestLag)))
	}
	switch r.IntN(12) {
	case 0, 1:
		w.down = outage{1 + r.IntN(8), between(r, time.Minute, 5*time.Hour), r.IntN(3)}
	case 2:
		w.down = outage{1 + r.IntN(8), 26 * time.Hour, r.IntN(3)}
	}
	w.inquiryFails = maybe(0.3)
	w.callbacks = []float64{0, 0.5, 1}[r.IntN(3)]
	w.callbackLate = between(r, 100*time.Millisecond, time.Hour)
	w.names, w.first = r.IntN(2) == 0 || w.class == provider.T4, r.IntN(8) == 0
	return w
}

// between draws from lo to hi, as often from each order of magnitude.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	ratio := float64(hi) / float64(lo)
	return time.Duration(float64(lo) * math.Pow(ratio, r.Float64()))
}

// capability is that of the world's provider: what it promises is what the bounds
// of the world add up to.
func (w weather) capability() provider.Capability {
	limits := worker.DefaultLimits()
	r := provider.Recovery{
		Class: w.class, Horizon: keyLife,
		Settle: limits.SendWindow + limits.CallTimeout + longestFlight + longestWork + longestLag + time.Second,
	}
	c := provider.Capability{
		Provider: label,
		Rules: payment.Rules{
			Kinds: payment.Kinds(), Patience: time.Minute, KeySeparator: ".", OneRefundAtATime: !w.names,
		},
		Recovery: map[payment.Kind]provider.Recovery{
			payment.Authorize: {Class: provider.T0},
			payment.Capture:   r, payment.Refund: r, payment.Cancel: r, payment.Payout: r,
		},
		Direct: r, SessionTTL: sessionLife, PollAfter: time.Minute,
	}
	if w.first {
		c.Rules.CallbackFirst, c.Rules.CallbackGrace, c.Rules.CallbackPatience = true, time.Second, 22*time.Hour
	}
	return c
}
