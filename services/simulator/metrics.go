package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/payment"
)

// counts are what every simulator counts.
type counts struct {
	payments                int
	calls, refusals         map[string]int // by operation, by code
	sent, answered, givenUp int            // deliveries of notifies
	underWay                int
}

// named returns m with its keys as labels.
func named[K ~string](m map[K]int) map[string]int {
	all := make(map[string]int, len(m))
	for k, n := range m {
		all[string(k)] = n
	}
	return all
}

// collector shows the counts of a simulated provider.
type collector struct {
	read                                          func() counts
	payments, calls, refusals, notifies, underWay *prometheus.Desc
}

func newCollector(p payment.Provider, read func() counts) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("payloom_simulator_"+name, help, labels, prometheus.Labels{"provider": string(p)})
	}
	return &collector{
		read:     read,
		payments: desc("payments_total", "Payments and payouts that were begun."),
		calls:    desc("calls_total", "Calls of merchants, by operation.", "operation"),
		refusals: desc("refusals_total", "Calls that were refused, by the provider's code.", "code"),
		notifies: desc("notifies_total", "Deliveries of notifies, by result.", "result"),
		underWay: desc("under_way", "Notifies, refunds, payouts and repeats still to come."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.payments, c.calls, c.refusals, c.notifies, c.underWay} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.read()
	count := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(c.payments, s.payments)
	for op, n := range s.calls {
		count(c.calls, n, op)
	}
	for code, n := range s.refusals {
		count(c.refusals, n, code)
	}
	count(c.notifies, s.sent, "sent")
	count(c.notifies, s.answered, "answered")
	count(c.notifies, s.givenUp, "given_up")
	ch <- prometheus.MustNewConstMetric(c.underWay, prometheus.GaugeValue, float64(s.underWay))
}
