package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/payment"
)

// metrics counts commands by what became of them. The labels are ours: no
// client can make new ones.
type metrics struct{ *prometheus.CounterVec }

func newMetrics() *metrics {
	return &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "payloom_ingress_commands_total",
		Help: "Calls that ask for an operation, by provider (none: it never came to that), kind and result.",
	}, []string{"provider", "kind", "result"})}
}

func (m *metrics) count(k payment.Kind, ans answer) {
	p := ans.command.Provider
	if !p.Known() {
		p = "none"
	}
	m.WithLabelValues(string(p), string(k), ans.result()).Inc()
}
