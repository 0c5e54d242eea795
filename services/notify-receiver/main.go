// Notify-receiver takes what providers and buyers' browsers bring, answers when it
// is stored, and interprets it afterwards.
package main

import (
	"context"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/providers"
)

const name = "notify-receiver"

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
	rt.Health.Register("data keys", true, broker.CheckKeys)
	rt.Health.Info("personal data sealed", broker.SealsPersonalData())

	parsers := callback.Parsers(providers.Parsers(accounts))
	verifier := providers.NewVerifier(accounts)
	receiver := callback.NewReceiver(callback.Options{
		Accounts: accounts, Parsers: parsers, Store: broker, Payments: broker,
		Verify: verifier.Callback, VerifyReturn: verifier.Return,
		Limits: cfg.limits(), Log: rt.Log,
	})
	interpreter := callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: accounts, Parsers: parsers, Verify: verifier.Callback, Ledger: broker, Log: rt.Log,
	})
	rt.Metrics.MustRegister(accounts, broker.Metrics(), receiver.Metrics(), interpreter.Metrics())

	mux := http.NewServeMux()
	receiver.Register(mux)
	server, err := service.NewHTTPServer(ctx, cfg.HTTPAddr, rt.Handler(mux, public()), service.HTTPOptions{
		Log: rt.Log, Health: rt.Health, Grace: rt.Config.ShutdownGrace / 2,
	})
	if err != nil {
		return err
	}
	var all service.Group
	all.Add("http", server.Run)
	all.Add("interpreter", func(ctx context.Context) error {
		o := bus.ConsumeOptions{Concurrency: cfg.Concurrency, Grace: rt.Config.ShutdownGrace / 4}
		return broker.ConsumeCallbacks(ctx, o, interpreter.Handle)
	})
	all.Add("day keys", func(ctx context.Context) error {
		return broker.SweepDayKeys(ctx, func(days []string, err error) {
			rt.Log.Info("keys of callbacks destroyed", zap.Strings("days", days), zap.Error(err))
		})
	})
	rt.Health.SetReady(true)
	return all.Run(ctx)
}

// public has requests begin traces of their own: strangers call.
func public() otelhttp.Option {
	return otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true })
}
