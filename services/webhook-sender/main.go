// Webhook-sender tells merchants by HTTP what became of their payments: one
// signed message per event that ends an operation, tried for three days. Any
// number of replicas may run on one database.
package main

import (
	"context"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/webhook/delivery"
)

const name = "webhook-sender"

func main() {
	cfg := &Config{}
	service.Main(name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) })
}

func run(ctx context.Context, rt *service.Runtime, cfg Config) error {
	accounts, err := account.Watch(ctx, cfg.Accounts, rt.Log)
	if err != nil {
		return err
	}
	db, err := delivery.Open(ctx, cfg.Database.Reveal(), name)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := delivery.CheckMigrated(ctx, db); err != nil {
		return err
	}
	broker, err := bus.Connect(ctx, cfg.Bus, name, rt.Log)
	if err != nil {
		return err
	}
	defer broker.Close()

	stats := delivery.NewStats(db)
	dispatcher := delivery.NewDispatcher(accounts, db, delivery.Options{
		Guard: cfg.guard(), PerEndpoint: cfg.PerEndpoint, Keep: cfg.Keep, Keys: broker.Finder, Stats: stats, Log: rt.Log,
	})
	follower := delivery.NewFollower(broker, accounts, db, delivery.FollowerOptions{Wake: dispatcher.Wake, Stats: stats, Log: rt.Log})
	rt.Metrics.MustRegister(accounts, broker.Metrics(), stats)
	rt.Health.Register("database", true, db.Ping)
	rt.Health.Register("broker", true, broker.Check)
	rt.Health.Register("events", true, follower.Check)
	rt.Health.Info("durability", cfg.Bus.Durability)
	rt.Health.Register("data keys", true, broker.CheckKeys)
	rt.Health.Info("personal data sealed", broker.SealsPersonalData())

	var all service.Group
	all.Add("dispatcher", dispatcher.Run)
	all.Add("follower", follower.Run)
	rt.Health.SetReady(true)
	return all.Run(ctx)
}
