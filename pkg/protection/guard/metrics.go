package guard

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/protection"
)

// Metrics are the collectors of a guard. Their labels are bounded by the file of
// accounts.
type Metrics struct {
	guard    *Guard
	state    *prometheus.Desc
	paused   *prometheus.Desc
	calls    *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	setAside *prometheus.CounterVec
}

func newMetrics(g *Guard) *Metrics {
	labels := []string{"provider", "merchant", "account"}
	return &Metrics{
		guard: g,
		state: prometheus.NewDesc("payloom_breaker_state", "Circuit breaker of an account: 0 closed, 1 half-open, 2 open.", labels, nil),
		paused: prometheus.NewDesc("payloom_paused",
			"1 while an operator has paused or drains an account, or, without one, a provider.", append(labels[:3:3], "mode"), nil),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_provider_calls_total", Help: "Calls to providers by what they say of its health.",
		}, append(labels[:3:3], "outcome")),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_tokens_waited_total", Help: "Calls that had to wait for a token of their account's limit.",
		}, labels),
		setAside: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_set_aside_total", Help: "Calls that were put off until a provider is well again, or an operator says so.",
		}, append(labels[:3:3], "until")),
	}
}

// Metrics returns the guard's collectors, to be registered by the service.
func (g *Guard) Metrics() *Metrics { return g.stats }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.state
	ch <- m.paused
	for _, c := range []prometheus.Collector{m.calls, m.tokens, m.setAside} {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.guard.mu.RLock()
	gates, switches := maps.Clone(m.guard.gates), maps.Clone(m.guard.switches)
	m.guard.mu.RUnlock()
	for a, t := range gates {
		ch <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, level(t.current()), string(a.Provider), string(a.Merchant), a.Name)
	}
	for a, s := range switches {
		if !s.value.On() {
			ch <- prometheus.MustNewConstMetric(m.paused, prometheus.GaugeValue, 1, string(a.Provider), string(a.Merchant), a.Name, string(s.value.Mode))
		}
	}
	m.calls.Collect(ch)
	m.tokens.Collect(ch)
	m.setAside.Collect(ch)
}

func level(b protection.Breaker) float64 {
	switch {
	case b.Closed():
		return 0
	case b.State == protection.HalfOpen:
		return 1
	}
	return 2
}

func (m *Metrics) called(a protection.Account, o protection.Outcome) {
	m.calls.WithLabelValues(string(a.Provider), string(a.Merchant), a.Name, o.String()).Inc()
}

func (m *Metrics) waited(a protection.Account, until protection.Why) {
	if until == protection.ForToken {
		m.tokens.WithLabelValues(string(a.Provider), string(a.Merchant), a.Name).Inc()
		return
	}
	m.setAside.WithLabelValues(string(a.Provider), string(a.Merchant), a.Name, string(until)).Inc()
}
