package callback

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/payment"
)

// reception is what became of a request, as metrics name it.
type reception string

const (
	stored          reception = "stored"
	repeated        reception = "repeat"
	forged          reception = "forged"
	quarantined     reception = "quarantined"
	unverified      reception = "unverified"
	unstored        reception = "unstored" // and the sender was told so
	limited         reception = "limited"
	unknownEndpoint reception = "unknown_endpoint"

	redirected reception = "redirected"   // a browser, to the shop
	unread     reception = "unreadable"   // a browser brought what nobody can read
	nowhere    reception = "no_such_page" // the payment or its page is not known
	unasked    reception = "unasked"      // only the provider knows the payment, and could not be asked
)

// Metrics are the collectors of a Receiver.
type Metrics struct {
	callbacks *prometheus.CounterVec
	returns   *prometheus.CounterVec
}

func newMetrics() *Metrics {
	return &Metrics{
		callbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_callbacks_total", Help: "Requests of providers' servers by what became of them.",
		}, []string{"provider", "result"}),
		returns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_returns_total", Help: "Buyers' browsers that came back, by page and where they were sent.",
		}, []string{"provider", "page", "result"}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.callbacks.Collect(ch)
	m.returns.Collect(ch)
}

// label bounds what a path may put into a label.
func label(p payment.Provider) string {
	if p.Known() {
		return string(p)
	}
	return "unknown"
}

// InterpreterMetrics are the collectors of an Interpreter.
type InterpreterMetrics struct {
	results *prometheus.CounterVec
	age     *prometheus.HistogramVec
}

func newInterpreterMetrics() *InterpreterMetrics {
	return &InterpreterMetrics{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_callback_interpretations_total", Help: "Stored callbacks looked at, by what came of it.",
		}, []string{"provider", "result"}),
		age: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "payloom_callback_age_seconds", Help: "Age of callbacks since they were stored when they were done with.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300, 3600, 86400},
		}, []string{"provider"}),
	}
}

// Describe implements prometheus.Collector.
func (m *InterpreterMetrics) Describe(ch chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(m, ch)
}

// Collect implements prometheus.Collector.
func (m *InterpreterMetrics) Collect(ch chan<- prometheus.Metric) {
	m.results.Collect(ch)
	m.age.Collect(ch)
}

func (m *InterpreterMetrics) done(p payment.Provider, result string, age time.Duration) {
	m.results.WithLabelValues(label(p), result).Inc()
	m.age.WithLabelValues(label(p)).Observe(max(age, 0).Seconds())
}
