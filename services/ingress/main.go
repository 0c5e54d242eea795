// Ingress takes the commands of order systems by HTTP and stores them for the
// workers. What it answers with 202 is stored. What it answers otherwise is not,
// except that after 503 nobody knows: the same request under the same key tells.
package main

import (
	"context"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/providers"
)

func main() {
	cfg := &Config{}
	service.Main("ingress", cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) })
}

func run(ctx context.Context, rt *service.Runtime, cfg Config) error {
	accounts, err := account.Watch(ctx, cfg.Accounts, rt.Log)
	if err != nil {
		return err
	}
	broker, err := bus.Connect(ctx, cfg.Bus, "ingress", rt.Log)
	if err != nil {
		return err
	}
	defer broker.Close()
	rt.Metrics.MustRegister(accounts, broker.Metrics())
	rt.Health.Register("broker", true, broker.Check)
	rt.Health.Info("durability", cfg.Bus.Durability)
	rt.Health.Register("data keys", true, broker.CheckKeys)
	rt.Health.Info("personal data sealed", broker.SealsPersonalData())

	api, err := newAPI(rt, cfg, accounts, broker, providers.Capabilities())
	if err != nil {
		return err
	}
	api.stopping = ctx.Done()
	server, err := service.NewHTTPServer(ctx, cfg.HTTPAddr, api.handler(), service.HTTPOptions{
		Log: rt.Log, Health: rt.Health, Grace: rt.Config.ShutdownGrace,
	})
	if err != nil {
		return err
	}
	rt.Health.SetReady(true)
	return server.Run(ctx)
}
