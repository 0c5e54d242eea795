package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// sweepStats are the collectors of the sweeper: what the alerts of a payment
// system look at.
type sweepStats struct {
	failed    prometheus.Counter
	woken     *prometheus.CounterVec
	asked     *prometheus.CounterVec
	oldest    *prometheus.GaugeVec
	unknown   *prometheus.GaugeVec
	unknownAt *prometheus.GaugeVec
	pendingAt *prometheus.GaugeVec
	parked    *prometheus.GaugeVec
	open      *prometheus.GaugeVec
	payments  *prometheus.GaugeVec
	attention *prometheus.GaugeVec
	dead      *prometheus.GaugeVec
	stranded  *prometheus.GaugeVec
}

func newSweepStats() *sweepStats {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"provider"})
	}
	return &sweepStats{
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "payloom_sweeps_failed_total", Help: "Sweeps that broker or database did not let finish.",
		}),
		woken:     counter("payloom_sweeper_commands_woken_total", "Stalled commands handed to their workers again."),
		asked:     counter("payloom_sweeper_payments_asked_total", "Waiting payments that the provider is asked about."),
		oldest:    gauge("payloom_open_command_oldest_seconds", "Age of the oldest command that a worker still has to do something about.", "provider"),
		unknown:   gauge("payloom_unknown_outcomes", "Attempts that the provider may or may not have executed.", "provider"),
		unknownAt: gauge("payloom_unknown_outcome_oldest_seconds", "How long the oldest of them has been unknown.", "provider"),
		pendingAt: gauge("payloom_pending_outcome_oldest_seconds", "How long the oldest operation that a provider has accepted waits for its final word.", "provider"),
		parked:    gauge("payloom_parked_operations", "Operations that wait for a person.", "provider"),
		open:      gauge("payloom_open_operations", "Operations that are not at their end, or buried, by status.", "provider", "status"),
		payments:  gauge("payloom_open_payments", "Payments with an operation that is not at its end, by state.", "provider", "state"),
		attention: gauge("payloom_attention_payments", "Payments that a person has to look at.", "provider", "state"),
		dead:      gauge("payloom_dead_letters", "Dead letters that nobody has replayed or discarded.", "service", "stream"),
		stranded:  gauge("payloom_stranded_commands", "Commands without an end that are too old to be handed to their workers again.", "provider", "status"),
	}
}

func (s *sweepStats) all() []prometheus.Collector {
	return []prometheus.Collector{
		s.failed, s.woken, s.asked, s.oldest, s.unknown, s.unknownAt, s.pendingAt, s.parked, s.open, s.payments, s.attention, s.dead, s.stranded,
	}
}

// Describe implements prometheus.Collector.
func (s *sweeper) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.stats.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (s *sweeper) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.stats.all() {
		c.Collect(ch)
	}
}

// measure counts what is open now.
func (s *sweeper) measure(ctx context.Context, now time.Time) error {
	open, err := s.rows.Open(ctx)
	if err != nil {
		return err
	}
	s.stats.operations(open, now, s.held)
	if err := s.queue.ReadEnds(ctx, &s.ends); err != nil {
		return err
	}
	for gauge, count := range map[*prometheus.GaugeVec]func(context.Context) (map[[2]string]int64, error){
		s.stats.payments: s.rows.PaymentsByState, s.stats.attention: s.rows.Attention,
		s.stats.dead: func(ctx context.Context) (map[[2]string]int64, error) {
			return s.rows.DeadLetters(ctx, s.ends.Seqs())
		},
		s.stats.stranded: func(ctx context.Context) (map[[2]string]int64, error) {
			return s.rows.Stranded(ctx, now.Add(-wakeable))
		},
	} {
		counts, err := count(ctx)
		if err != nil {
			return err
		}
		gauge.Reset()
		for labels, n := range counts {
			gauge.WithLabelValues(labels[0], labels[1]).Set(float64(n))
		}
	}
	return nil
}

// operations sets the gauges that count operations. What is gone must not stay
// at its last value.
func (s *sweepStats) operations(open []store.Open, now time.Time, h held) {
	for _, g := range []*prometheus.GaugeVec{s.oldest, s.unknown, s.unknownAt, s.pendingAt, s.parked, s.open} {
		g.Reset()
	}
	oldest := make(map[payment.Provider]time.Duration)
	for _, o := range open {
		p := string(o.Provider)
		s.open.WithLabelValues(p, o.Status).Set(float64(o.Count))
		switch payment.OpStatus(o.Status) {
		case payment.OpUnknown:
			s.unknown.WithLabelValues(p).Set(float64(o.Count))
			s.unknownAt.WithLabelValues(p).Set(now.Sub(o.Oldest).Seconds())
		case payment.OpParked:
			s.parked.WithLabelValues(p).Set(float64(o.Count))
			continue
		case projection.StatusDead:
			continue // a person's turn, too
		case payment.OpPending:
			s.pendingAt.WithLabelValues(p).Set(now.Sub(o.Oldest).Seconds())
			continue // the provider's turn
		case payment.OpAction:
			continue // the buyer's
		default:
		}
		oldest[o.Provider] = max(oldest[o.Provider], now.Sub(o.Accepted))
	}
	for p, age := range oldest {
		if h.provider(p) {
			continue // a person has paused it and knows
		}
		s.oldest.WithLabelValues(string(p)).Set(age.Seconds())
	}
}
