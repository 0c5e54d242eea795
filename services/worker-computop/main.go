// Worker-computop executes commands at Computop Paygate.
package main

import (
	"context"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/pkg/worker"
	"github.com/payloom/payloom/services/internal/providers"
)

const name = "worker-computop"

func main() {
	cfg := &Config{}
	service.Main(name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) })
}

func run(ctx context.Context, rt *service.Runtime, cfg Config) error {
	accounts, err := account.Watch(ctx, cfg.Accounts, rt.Log)
	if err != nil {
		return err
	}
	broker, err := bus.Connect(ctx, cfg.Bus, name, rt.Log)
	if err != nil {
		return err
	}
	defer broker.Close()
	rt.Health.Register("broker", true, broker.Check)
	rt.Health.Info("durability", cfg.Bus.Durability)

	w := worker.New(worker.Options{
		Ledger: broker, Timers: broker, Provider: providers.Router(accounts, payment.Computop, cfg.PublicURL),
		Validate: wire.Validate, Account: providers.AccountName(accounts), Log: rt.Log,
	})
	rt.Metrics.MustRegister(accounts, broker.Metrics(), w.Metrics())
	rt.Health.SetReady(true)
	o := bus.ConsumeOptions{Concurrency: cfg.Concurrency, Grace: cfg.grace()}
	return broker.ConsumeCommands(ctx, payment.Computop, o, w.Handle)
}
