package bus

import (
	"context"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// The kinds of advisory that are kept, as the broker names them.
const (
	maxDeliveries = "MAX_DELIVERIES" // a message was delivered as often as its consumer allows
	terminated    = "MSG_TERMINATED" // a handler has given a message up
)

// Advisory is what the broker told of a message that a consumer has given up.
type Advisory struct {
	Kind     AdvisoryKind
	Stream   string
	Consumer string
	At       time.Time // broker time
}

// AdvisoryKind is why a message was given up.
type AdvisoryKind string

// The kinds of advisory.
const (
	// MaxDeliveries means that the broker stranded a message. No consumer of ours has
	// a limit, so that one of these is an alarm.
	MaxDeliveries AdvisoryKind = "max_deliveries"
	// Terminated means that a service buried a message; it is a dead letter.
	Terminated AdvisoryKind = "terminated"
)

// advisoryOf reads an advisory's subject:
// $JS.EVENT.ADVISORY.CONSUMER.<kind>.<stream>.<consumer>.
func advisoryOf(m Message) (Advisory, bool) {
	t := strings.Split(m.Subject, ".")
	if len(t) != 7 {
		return Advisory{}, false
	}
	kind, known := map[string]AdvisoryKind{maxDeliveries: MaxDeliveries, terminated: Terminated}[t[4]]
	return Advisory{Kind: kind, Stream: t[5], Consumer: t[6], At: m.Time}, known
}

// ReadAdvisories hands over the advisories that there are when it begins, oldest first.
func (b *Bus) ReadAdvisories(ctx context.Context, handle func(Advisory)) error {
	return b.Follow(ctx, AdvisoryStream, FollowOptions{ToEnd: true}, func(_ context.Context, batch []Message) error {
		for _, m := range batch {
			if a, ok := advisoryOf(m); ok {
				handle(a)
			}
		}
		return nil
	})
}

// AdvisoryCount counts what ADVISORIES holds, and what comes to it, as the metric
// payloom_advisories_total. It begins at the oldest that is kept, so that nothing is
// missed while nobody counts, and shows nothing before it has caught up, so that a
// restart looks like no increase.
type AdvisoryCount struct {
	bus      *Bus
	total    *prometheus.CounterVec
	caughtUp chan struct{}
}

// CountAdvisories returns a count that Run has to fill.
func (b *Bus) CountAdvisories() *AdvisoryCount {
	c := &AdvisoryCount{bus: b, caughtUp: make(chan struct{}), total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "payloom_advisories_total", Help: "Messages that a consumer has given up, as the broker tells.",
	}, []string{"kind", "stream", "consumer"})}
	// An increase from nothing is none: what an alarm is about begins at 0.
	for _, d := range (Topology{Shards: b.shards}).withDefaults().consumers() {
		c.total.WithLabelValues(string(MaxDeliveries), d.stream, d.config.Durable)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *AdvisoryCount) Describe(ch chan<- *prometheus.Desc) { c.total.Describe(ch) }

// Collect implements prometheus.Collector.
func (c *AdvisoryCount) Collect(ch chan<- prometheus.Metric) {
	select {
	case <-c.caughtUp:
		c.total.Collect(ch)
	default:
	}
}

// Run counts until ctx ends. A broker that is away is waited for.
func (c *AdvisoryCount) Run(ctx context.Context) error {
	next := uint64(1)
	wait := backoff.NewExponentialBackOff(backoff.WithMaxInterval(time.Minute), backoff.WithMaxElapsedTime(0))
	for ctx.Err() == nil {
		if err := c.follow(ctx, &next); err != nil && ctx.Err() == nil {
			c.bus.log.Warn("advisories are not counted", zap.Error(err))
			sleep(ctx, wait.NextBackOff())
		}
	}
	return nil
}

func (c *AdvisoryCount) follow(ctx context.Context, next *uint64) error {
	state, err := c.bus.StreamState(ctx, AdvisoryStream)
	if err != nil {
		return err
	}
	if state.Messages == 0 {
		*next = max(*next, state.LastSeq+1) // all that there was has expired
	}
	c.catchUp(*next, state.LastSeq)
	return c.bus.Follow(ctx, AdvisoryStream, FollowOptions{From: *next}, func(_ context.Context, batch []Message) error {
		for _, m := range batch {
			if a, ok := advisoryOf(m); ok {
				c.total.WithLabelValues(string(a.Kind), a.Stream, a.Consumer).Inc()
			}
			*next = m.Seq + 1
		}
		c.catchUp(*next, state.LastSeq)
		return nil
	})
}

// catchUp shows the count once everything before next is counted, if that reaches last.
func (c *AdvisoryCount) catchUp(next, last uint64) {
	select {
	case <-c.caughtUp:
	default:
		if next > last {
			close(c.caughtUp)
		}
	}
}
