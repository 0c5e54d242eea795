// State-tracker projects the streams into Postgres, answers questions about
// payments from there, and sees to it that nothing stays where it is for ever.
// Any number of replicas may run on one database.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/internal/reconcile"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

func main() {
	cfg := &Config{}
	service.Main(projection.Service, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) })
}

func run(ctx context.Context, rt *service.Runtime, cfg Config) error {
	accounts, err := account.Watch(ctx, cfg.Accounts, rt.Log)
	if err != nil {
		return err
	}
	db, err := projection.Open(ctx, cfg.Database.Reveal(), rt.Name)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := projection.CheckMigrated(ctx, db); err != nil {
		return err
	}
	broker, err := bus.Connect(ctx, cfg.Bus, rt.Name, rt.Log)
	if err != nil {
		return err
	}
	defer broker.Close()

	watchers := projection.NewWatchers()
	projector := projection.New(broker, db, projection.Options{
		Batch: cfg.BatchSize, Wait: cfg.BatchWait, Bury: broker.Bury, Watchers: watchers, Log: rt.Log,
	})
	rows := store.New(db, broker.Finder)
	sweeper := newSweeper(rows, broker, cfg.Sweep, sessions(cfg.Sweep), rt.Log)
	shared, err := broker.Shared(ctx)
	if err != nil {
		return err
	}
	holds := newHolds(accounts.Book, rt.Log)
	sweeper.held = holds
	sweeper.keep = func(ctx context.Context) error { return keep(ctx, db, broker) }
	advisories := broker.CountAdvisories()
	runner := reconcile.New(db, broker, cfg.Reconcile, rt.Log)
	rt.Metrics.MustRegister(accounts, broker.Metrics(), projector, sweeper, advisories, runner)
	watchOver(rt, cfg, db, broker, projector)

	api := newAPI(rt, accounts, rows, watchers, ctx.Done())
	server, err := service.NewHTTPServer(ctx, cfg.HTTPAddr, api.handler(), service.HTTPOptions{
		Log: rt.Log, Health: rt.Health, WriteTimeout: maxWait + writeTime, Grace: rt.Config.ShutdownGrace / 2,
	})
	if err != nil {
		return err
	}
	var all service.Group
	all.Add("projector", projector.Run)
	all.Add("sweeper", sweeper.Run)
	all.Add("reconcile", runner.Run)
	all.Add("advisories", advisories.Run)
	all.Add("holds", func(ctx context.Context) error {
		shared.Watch(ctx, holds.records(), holds.learn, func() {})
		return ctx.Err()
	})
	all.Add("http", server.Run)
	rt.Health.SetReady(true)
	return all.Run(ctx)
}

// sessions returns how long buyers may take, as the providers' capabilities say.
func sessions(c SweepConfig) store.Sessions {
	s := store.Sessions{ByProvider: make(map[payment.Provider]time.Duration), Otherwise: c.Session}
	for p, able := range providers.Capabilities() {
		if able.SessionTTL > 0 {
			s.ByProvider[p] = able.SessionTTL
		}
	}
	return s
}

func keep(ctx context.Context, db *pgxpool.Pool, broker *bus.Bus) error {
	now, err := broker.Now(ctx)
	if err != nil {
		return err
	}
	_, err = projection.Keep(ctx, db, now)
	return err
}

// watchOver registers what readiness depends on. A broker that is away leaves
// the rows readable, so it is only shown.
func watchOver(rt *service.Runtime, cfg Config, db *pgxpool.Pool, broker *bus.Bus, p *projection.Projector) {
	rt.Health.Register("database", true, db.Ping)
	rt.Health.Register("broker", false, broker.Check)
	rt.Health.Register("projection", true, func(context.Context) error { return p.Err() })
	rt.Health.Register("lag", true, func(ctx context.Context) error { return behind(ctx, cfg, p) })
	rt.Health.Info("durability", cfg.Bus.Durability)
	rt.Health.Register("data keys", false, broker.CheckKeys)
	rt.Health.Info("personal data sealed", broker.SealsPersonalData())
}

// behind returns an error when rows are older than they may be. How far they are
// behind a broker that is away nobody knows.
func behind(ctx context.Context, cfg Config, p *projection.Projector) error {
	lags, err := p.Lag(ctx)
	if errors.Is(err, bus.ErrUnavailable) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range lags {
		if l.Age > cfg.MaxLag {
			errs = append(errs, fmt.Errorf("%s is behind by %d messages, the oldest waits for %v", l.Stream, l.Messages, l.Age.Round(100*time.Millisecond)))
		}
	}
	return errors.Join(errs...)
}
