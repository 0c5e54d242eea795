package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
)

// computopCollector shows the counters of the simulated Paygate.
type computopCollector struct {
	sim                                           *computopsim.Simulator
	payments, calls, refusals, notifies, underWay *prometheus.Desc
}

func newComputopCollector(sim *computopsim.Simulator) *computopCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("payloom_simulator_"+name, help, labels, prometheus.Labels{"provider": string(payment.Computop)})
	}
	return &computopCollector{
		sim:      sim,
		payments: desc("payments_total", "Payments that were begun."),
		calls:    desc("calls_total", "Calls of merchants, by operation.", "operation"),
		refusals: desc("refusals_total", "Calls that were refused, by the provider's code.", "code"),
		notifies: desc("notifies_total", "Deliveries of notifies, by result.", "result"),
		underWay: desc("under_way", "Notifies, refunds and repeats still to come."),
	}
}

// Describe implements prometheus.Collector.
func (c *computopCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.payments, c.calls, c.refusals, c.notifies, c.underWay} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *computopCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.sim.Stats()
	count := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(c.payments, s.Payments)
	for op, n := range s.Calls {
		count(c.calls, n, string(op))
	}
	for code, n := range s.Refusals {
		count(c.refusals, n, string(code))
	}
	count(c.notifies, s.NotifiesSent, "sent")
	count(c.notifies, s.NotifiesAnswered, "answered")
	count(c.notifies, s.NotifiesGivenUp, "given_up")
	ch <- prometheus.MustNewConstMetric(c.underWay, prometheus.GaugeValue, float64(s.UnderWay))
}
