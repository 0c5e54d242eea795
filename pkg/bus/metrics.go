package bus

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the collectors of a bus.
type Metrics struct {
	publishes  *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	handling   *prometheus.HistogramVec
	dead       *prometheus.CounterVec
	damaged    *prometheus.GaugeVec
	unreadable *prometheus.CounterVec
}

// NewMetrics returns collectors that count from zero.
func NewMetrics() *Metrics {
	return &Metrics{
		publishes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_bus_publishes_total", Help: "Messages published, by stream and what became of them.",
		}, []string{"stream", "result"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_bus_deliveries_total", Help: "Messages delivered to this service, by consumer and answer.",
		}, []string{"consumer", "answer"}),
		handling: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "payloom_bus_handling_seconds", Help: "How long messages were in hand.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"consumer"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_dead_letters_total", Help: "Messages that nobody could handle.",
		}, []string{"service"}),
		damaged: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "payloom_ledger_damaged", Help: "1 while an event stream has lost events and nothing is decided from it.",
		}, []string{"stream"}),
		unreadable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_ledger_unreadable_total", Help: "Times that a payment was not decided about because its last event cannot be read.",
		}, []string{"stream"}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.publishes.Collect(ch)
	m.deliveries.Collect(ch)
	m.handling.Collect(ch)
	m.dead.Collect(ch)
	m.damaged.Collect(ch)
	m.unreadable.Collect(ch)
}

func (m *Metrics) published(stream, result string) { m.publishes.WithLabelValues(stream, result).Inc() }
func (m *Metrics) answered(consumer, answer string) {
	m.deliveries.WithLabelValues(consumer, answer).Inc()
}
func (m *Metrics) buried(service string) { m.dead.WithLabelValues(service).Inc() }
func (m *Metrics) unread(stream string)  { m.unreadable.WithLabelValues(stream).Inc() }
func (m *Metrics) damage(stream string, yes bool) {
	m.damaged.WithLabelValues(stream).Set(map[bool]float64{true: 1}[yes])
}
