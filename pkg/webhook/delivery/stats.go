package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// The results that are counted.
const (
	resultQueued      = "queued"      // written down for an endpoint
	resultDelivered   = "delivered"   // taken with 2xx
	resultFailed      = "failed"      // an attempt failed, another follows
	resultGone        = "gone"        // the endpoint said 410 and is disabled
	resultExpired     = "expired"     // given up
	resultUndecodable = "undecodable" // an event that cannot be read tells nobody anything
)

func results() []string {
	return []string{resultQueued, resultDelivered, resultFailed, resultGone, resultExpired, resultUndecodable}
}

// Stats are the metrics of a sender. It is a prometheus.Collector and may be used
// concurrently.
type Stats struct {
	pool    *pgxpool.Pool
	clock   func() time.Time
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	missed  *prometheus.CounterVec
}

// NewStats returns metrics that count from zero. Of the rows it asks pool when it
// is scraped; nothing polls.
func NewStats(pool *pgxpool.Pool) *Stats {
	s := &Stats{
		pool: pool, clock: time.Now,
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_webhooks_total", Help: "Webhooks by what became of them; failed attempts are counted each.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "payloom_webhook_attempt_seconds", Help: "How long endpoints took to answer.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 12),
		}, []string{"result"}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_webhook_events_missed_total", Help: "Events that were gone from a stream before they were read.",
		}, []string{"stream"}),
	}
	for _, r := range results() {
		s.total.WithLabelValues(r)
	}
	return s
}

var (
	pendingDesc = prometheus.NewDesc("payloom_webhooks_pending", "Webhooks that were not delivered yet.", nil, nil)
	oldestDesc  = prometheus.NewDesc("payloom_webhook_oldest_undelivered_seconds",
		"Age of the oldest webhook that was not delivered yet; 0: there is none.", nil, nil)
	disabledDesc = prometheus.NewDesc("payloom_webhook_endpoints_disabled",
		"Endpoints that answered 410 and wait for a person to resume them.", nil, nil)
)

// scrapeTimeout is how long a scrape waits for the database.
const scrapeTimeout = 2 * time.Second

// Describe implements prometheus.Collector.
func (s *Stats) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.collectors() {
		c.Describe(ch)
	}
	ch <- pendingDesc
	ch <- oldestDesc
	ch <- disabledDesc
}

// Collect implements prometheus.Collector.
func (s *Stats) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.collectors() {
		c.Collect(ch)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var pending, disabled int64
	var oldest *time.Time
	err := s.pool.QueryRow(ctx, `SELECT count(*), min(created_at),
		(SELECT count(*) FROM webhook_endpoints WHERE disabled_at IS NOT NULL)
		FROM webhook_deliveries WHERE state = 'pending'`).Scan(&pending, &oldest, &disabled)
	if err != nil {
		return // that the database is away shows elsewhere
	}
	age := 0.0
	if oldest != nil {
		age = max(s.clock().Sub(*oldest).Seconds(), 0)
	}
	ch <- prometheus.MustNewConstMetric(pendingDesc, prometheus.GaugeValue, float64(pending))
	ch <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age)
	ch <- prometheus.MustNewConstMetric(disabledDesc, prometheus.GaugeValue, float64(disabled))
}

func (s *Stats) collectors() []prometheus.Collector {
	return []prometheus.Collector{s.total, s.seconds, s.missed}
}

func (s *Stats) count(result string, n int) { s.total.WithLabelValues(result).Add(float64(n)) }

func (s *Stats) attempt(a answer, took time.Duration) {
	result := "ok"
	if !a.ok() {
		result = string(a.reason)
	}
	s.seconds.WithLabelValues(result).Observe(took.Seconds())
}
