package projection

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stats are the collectors of a projector.
type stats struct {
	sizes   *prometheus.HistogramVec
	seconds *prometheus.HistogramVec
	aside   *prometheus.CounterVec
	retries *prometheus.CounterVec
	halted  *prometheus.GaugeVec
	halts   *prometheus.CounterVec
}

func newStats() *stats {
	return &stats{
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "payloom_projection_batch_messages", Help: "Messages projected in one transaction.",
			Buckets: []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500},
		}, []string{"stream"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "payloom_projection_batch_seconds", Help: "How long a transaction of the projection took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"stream"}),
		aside: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_projection_set_aside_total", Help: "Messages that could not be projected.",
		}, []string{"stream"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_projection_retries_total", Help: "Transactions that were tried again after the database failed.",
		}, []string{"stream"}),
		halted: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "payloom_projection_halted", Help: "1 while a stream is not projected because a person has to look.",
		}, []string{"stream"}),
		halts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_projection_halts_total", Help: "Halts by cause.",
		}, []string{"stream", "cause"}),
	}
}

func (s *stats) collectors() []prometheus.Collector {
	return []prometheus.Collector{s.sizes, s.seconds, s.aside, s.retries, s.halted, s.halts}
}

func (s *stats) batch(stream string, n int, took time.Duration) {
	s.sizes.WithLabelValues(stream).Observe(float64(n))
	s.seconds.WithLabelValues(stream).Observe(took.Seconds())
}

func (s *stats) retry(stream string)    { s.retries.WithLabelValues(stream).Inc() }
func (s *stats) setAside(stream string) { s.aside.WithLabelValues(stream).Inc() }

func (s *stats) halt(h *Halt) {
	s.halted.WithLabelValues(h.Stream).Set(1)
	s.halts.WithLabelValues(h.Stream, string(h.Cause)).Inc()
}

var (
	lagMessages = prometheus.NewDesc("payloom_projection_lag_messages",
		"Messages of a stream that are not projected yet.", []string{"stream"}, nil)
	lagSeconds = prometheus.NewDesc("payloom_projection_lag_seconds",
		"Age of the oldest message that is not projected yet.", []string{"stream"}, nil)
)

// scrapeTimeout is how long a scrape waits for broker and database.
const scrapeTimeout = 2 * time.Second

// Describe implements prometheus.Collector.
func (p *Projector) Describe(ch chan<- *prometheus.Desc) {
	ch <- lagMessages
	ch <- lagSeconds
	for _, c := range p.stats.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector. Lag is looked up when it is asked for;
// nothing polls.
func (p *Projector) Collect(ch chan<- prometheus.Metric) {
	for _, c := range p.stats.collectors() {
		c.Collect(ch)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	lags, err := p.Lag(ctx)
	if err != nil {
		return // that broker or database is away shows elsewhere
	}
	for _, l := range lags {
		ch <- prometheus.MustNewConstMetric(lagMessages, prometheus.GaugeValue, float64(l.Messages), l.Stream)
		ch <- prometheus.MustNewConstMetric(lagSeconds, prometheus.GaugeValue, l.Age.Seconds(), l.Stream)
	}
}
