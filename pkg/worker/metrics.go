package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Metrics are the collectors of a worker.
type Metrics struct {
	outcomes *prometheus.CounterVec
	calls    *prometheus.HistogramVec
	parked   *prometheus.CounterVec
}

func newMetrics() *Metrics {
	return &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_operations_total", Help: "Operations by what became of them in one handling.",
		}, []string{"provider", "kind", "status"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "payloom_provider_call_seconds", Help: "Calls to providers by outcome.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 13),
		}, []string{"provider", "kind", "call", "outcome"}),
		parked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_parked_total", Help: "Operations that were given to a person.",
		}, []string{"provider", "kind"}),
	}
}

// Metrics returns the worker's collectors, to be registered by the service.
func (w *Worker) Metrics() *Metrics { return w.stats }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.outcomes.Collect(ch)
	m.calls.Collect(ch)
	m.parked.Collect(ch)
}

func (m *Metrics) call(c payment.Command, what string, took time.Duration, err error) {
	outcome := "result"
	if err != nil {
		outcome = provider.FailureOf(err).String()
	}
	m.calls.WithLabelValues(string(c.Provider), string(c.Kind), what, outcome).Observe(took.Seconds())
}
