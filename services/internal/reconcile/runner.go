package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// Queue is what a Runner needs of the bus.
type Queue interface {
	Now(ctx context.Context) (time.Time, error)
	Accept(ctx context.Context, c payment.Command) (payment.Command, bool, error)
}

// Runner has payments compared. Every replica has one; one of them runs at a time.
type Runner struct {
	db    *pgxpool.Pool
	queue Queue
	cfg   Config
	log   *zap.Logger
	stats *stats
	pace  map[payment.Provider]*rate.Limiter
}

// New returns a runner.
func New(db *pgxpool.Pool, q Queue, cfg Config, log *zap.Logger) *Runner {
	r := &Runner{db: db, queue: q, cfg: cfg, log: log.With(service.Component("reconcile")), stats: newStats(), pace: map[payment.Provider]*rate.Limiter{}}
	for _, p := range payment.Providers() {
		r.pace[p] = rate.NewLimiter(rate.Limit(cfg.PerSecond), 1)
	}
	return r
}

// pageSize is how many payments are read at once.
const pageSize = 500

// Run carries out runs until ctx ends. One that breaks off is carried on later, by
// this runner or another.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Look)
	defer tick.Stop()
	for {
		if err := r.turn(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("reconciliation was broken off", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// turn measures, and carries out a run if there is one and nobody else does.
func (r *Runner) turn(ctx context.Context) error {
	if err := r.measure(ctx); err != nil {
		return err
	}
	_, err := alone(ctx, r.db, func() error {
		run, err := begin(ctx, r.db, r.cfg.Every)
		if errors.Is(err, ErrNoRun) {
			return nil
		}
		if err != nil {
			return err
		}
		return r.carryOut(ctx, run)
	})
	return err
}

// carryOut asks for everything that is due when the run begins or comes to be so
// before the run has passed it by. Providers whose answers are far behind are left for
// the next run: one that is away must not find a heap when it comes back, and not keep
// the others waiting.
func (r *Runner) carryOut(ctx context.Context, run Run) error {
	now, err := r.queue.Now(ctx)
	if err != nil {
		return err
	}
	w := window{
		since: now.Add(-r.cfg.Since), settled: now.Add(-r.cfg.After), again: now.Add(-r.cfg.Again), everything: run.Everything,
	}
	var last due
	left := 0
	for more := true; more; {
		page, err := next(ctx, r.db, w, last, pageSize)
		if err != nil {
			return err
		}
		asked, err := r.askAll(ctx, page, run)
		if err != nil {
			return err
		}
		run.Asked, left = run.Asked+int64(asked), left+len(page)-asked
		if more = len(page) == pageSize; more {
			last = page[len(page)-1]
		}
	}
	r.log.Info("payments are compared", zap.Int64("payments", run.Asked), zap.Int("left_for_later", left), zap.Bool("everything", run.Everything))
	return end(ctx, r.db, run)
}

// askAll asks for a page, and returns for how many payments of it.
func (r *Runner) askAll(ctx context.Context, page []due, run Run) (int, error) {
	if err := r.measure(ctx); err != nil {
		return 0, err
	}
	full, err := behind(ctx, r.db, r.cfg.Backlog)
	if err != nil {
		return 0, err
	}
	asked := 0
	for _, d := range page {
		if full[d.Provider] {
			continue
		}
		if err := r.ask(ctx, d, run); err != nil {
			return asked, err
		}
		asked++
	}
	return asked, nil
}

// ask has d compared, no faster than its provider is to be asked.
func (r *Runner) ask(ctx context.Context, d due, run Run) error {
	if l, ok := r.pace[d.Provider]; ok {
		if err := l.Wait(ctx); err != nil {
			return err
		}
	}
	if _, _, err := r.queue.Accept(ctx, d.command(run.WantedAt)); err != nil {
		return err
	}
	r.stats.asked.WithLabelValues(string(d.Provider)).Inc()
	return nil
}
