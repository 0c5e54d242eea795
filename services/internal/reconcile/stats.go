package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// stats are the collectors of a runner.
type stats struct {
	breaks *prometheus.GaugeVec
	last   prometheus.Gauge
	asked  *prometheus.CounterVec
}

func newStats() *stats {
	return &stats{
		breaks: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "payloom_reconcile_breaks", Help: "Open differences between payments and their providers' books.",
		}, []string{"provider", "kind"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "payloom_reconcile_last_run_timestamp_seconds", Help: "When the last run ended that compared payments with their providers' books.",
		}),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payloom_reconcile_asked_total", Help: "Payments that this replica had compared.",
		}, []string{"provider"}),
	}
}

// Describe implements prometheus.Collector.
func (r *Runner) Describe(ch chan<- *prometheus.Desc) {
	r.stats.breaks.Describe(ch)
	r.stats.last.Describe(ch)
	r.stats.asked.Describe(ch)
}

// Collect implements prometheus.Collector.
func (r *Runner) Collect(ch chan<- prometheus.Metric) {
	r.stats.breaks.Collect(ch)
	r.stats.last.Collect(ch)
	r.stats.asked.Collect(ch)
}

// measure counts what is open, and looks when the last run ended.
func (r *Runner) measure(ctx context.Context) error {
	var last *time.Time
	if err := r.db.QueryRow(ctx, "SELECT max(ended_at) FROM reconcile_runs").Scan(&last); err != nil {
		return fmt.Errorf("read runs: %w", err)
	}
	if last != nil {
		r.stats.last.Set(float64(last.Unix()))
	}
	rows, err := r.db.Query(ctx, "SELECT provider, kind, count(*) FROM reconcile_breaks WHERE status = 'open' GROUP BY 1, 2")
	if err != nil {
		return fmt.Errorf("count breaks: %w", err)
	}
	r.stats.breaks.Reset()
	var provider, kind string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&provider, &kind, &n}, func() error {
		r.stats.breaks.WithLabelValues(provider, kind).Set(float64(n))
		return nil
	})
	if err != nil {
		return fmt.Errorf("count breaks: %w", err)
	}
	return nil
}
