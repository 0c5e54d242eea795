package main

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// sweepLimit is how many commands, and how many payments, one sweep moves: a
// backlog is not made longer by shaking it.
const sweepLimit = 500

// wakeable is how long after its acceptance a command is handed out again: the
// broker keeps commands for 40 days, and without its command a wake-up is nothing.
// Older ones are counted.
const wakeable = 35 * 24 * time.Hour

// keepEvery is how often old memory is dropped and partitions are made.
const keepEvery = time.Hour

// queue is what the sweeper needs of the bus.
type queue interface {
	Now(ctx context.Context) (time.Time, error)
	Wake(ctx context.Context, c payment.Command, at time.Time) error
	Accept(ctx context.Context, c payment.Command) (payment.Command, bool, error)
	ReadEnds(ctx context.Context, e *bus.Ends) error
}

// sweeper looks for what has come to a standstill and gets it going again: the
// broker's redelivery is the fast way, this is the one that cannot fail. It
// decides nothing itself. Every replica runs one; they share the work by the
// database and repeat each other without harm.
type sweeper struct {
	rows     *store.Store
	queue    queue
	cfg      SweepConfig
	sessions store.Sessions
	log      *zap.Logger
	stats    *sweepStats
	keep     func(context.Context) error // housekeeping
	held     held
	kept     time.Time
	ends     bus.Ends // what operators did with dead letters
}

func newSweeper(rows *store.Store, q queue, cfg SweepConfig, sessions store.Sessions, log *zap.Logger) *sweeper {
	return &sweeper{
		rows: rows, queue: q, cfg: cfg, sessions: sessions, log: log.With(service.Component("sweeper")), stats: newSweepStats(),
		keep: func(context.Context) error { return nil }, held: none{},
	}
}

// held knows which commands are set aside: they are not stuck, and waking them
// would only have them set aside again.
type held interface {
	command(c store.Stalled, now time.Time) bool
	provider(p payment.Provider) bool
}

// none is where nothing is held.
type none struct{}

func (none) command(store.Stalled, time.Time) bool { return false }
func (none) provider(payment.Provider) bool        { return false }

// Run sweeps at intervals until ctx ends. A sweep that fails is made up for by
// the next.
func (s *sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.stats.failed.Inc()
			s.log.Warn("sweep failed", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *sweeper) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.cfg.Every, 30*time.Second))
	defer cancel()
	now, err := s.queue.Now(ctx)
	if err != nil {
		return err
	}
	return errors.Join(s.wake(ctx, now), s.ask(ctx, now), s.measure(ctx, now), s.tidy(ctx))
}

// wake hands stalled commands to their workers again. A command that is claimed
// and then not handed over has its next turn when its interval is over.
func (s *sweeper) wake(ctx context.Context, now time.Time) error {
	stalled, err := s.rows.Claim(ctx, now, store.Intervals{Idle: s.cfg.CommandIdle, Most: s.cfg.CommandMost, Oldest: wakeable}, sweepLimit)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range stalled {
		if ctx.Err() != nil {
			break // the next sweep goes on
		}
		if s.held.command(c, now) {
			continue // it has a timer, and its next turn here
		}
		command := payment.Command{ID: c.Command, Merchant: c.Merchant, Payment: c.Payment, Provider: c.Provider, Kind: c.Kind}
		if err := s.queue.Wake(ctx, command, now); err != nil {
			errs = append(errs, fmt.Errorf("wake: %w", err))
			continue
		}
		s.stats.woken.WithLabelValues(string(c.Provider)).Inc()
		s.log.Info("command handed out again", service.Merchant(string(c.Merchant)), service.PaymentID(string(c.Payment)),
			service.CommandID(string(c.Command)), service.Kind(string(c.Kind)), service.Provider(string(c.Provider)))
	}
	return errors.Join(errs...)
}

// ask has providers asked about payments that have waited for long. One that cannot
// be asked about does not keep the others from it.
func (s *sweeper) ask(ctx context.Context, now time.Time) error {
	waiting, err := s.rows.Waiting(ctx, now, s.cfg.CallbackAfter, s.cfg.CallbackMost, s.sessions, sweepLimit)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range waiting {
		if ctx.Err() != nil {
			break // the next sweep goes on
		}
		if _, _, err := s.queue.Accept(ctx, s.recheck(w, now)); err != nil {
			errs = append(errs, fmt.Errorf("recheck %s: %w", w.Payment, err))
			continue
		}
		s.stats.asked.WithLabelValues(string(w.Provider)).Inc()
		s.log.Info("payment will be asked about", service.Merchant(string(w.Merchant)), service.PaymentID(string(w.Payment)),
			service.Provider(string(w.Provider)))
	}
	return errors.Join(errs...)
}

// recheck returns the command that asks about w. All sweepers make the same one
// of the same rows, so that it is accepted once; when the wait has doubled it is
// another one, in case nothing came of the first. Its ReqID is one that no caller
// can have used.
func (s *sweeper) recheck(w store.Waiting, now time.Time) payment.Command {
	times := bits.Len64(uint64(max(now.Sub(w.Since)/s.cfg.CallbackAfter, 0)))
	c := payment.Command{
		Merchant: w.Merchant, ReqID: payment.ReqID(fmt.Sprintf("%srecheck:%s:%d:%d", payment.ReservedReqID, w.Payment, w.Version, times)),
		Payment: w.Payment, Provider: w.Provider, Account: w.Account, Kind: payment.Sync,
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

// tidy does the housekeeping once in a while.
func (s *sweeper) tidy(ctx context.Context) error {
	if time.Since(s.kept) < keepEvery {
		return nil
	}
	s.kept = time.Now()
	return errors.Join(s.rows.Forget(ctx), s.keep(ctx))
}
