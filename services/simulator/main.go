// Simulator stands in for payment providers: the addresses a merchant calls, the
// notifies it gets, and the pages its buyers click through. It can host a demo
// shop that pays with them. All of it lives in memory and ends with the process.
package main

import (
	"context"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/service"
)

func main() {
	cfg := &Config{}
	service.Main("simulator", cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) })
}

// writeTimeout is above the longest answer that is of any use: faults that are
// scripted make a caller wait, and the shop waits for Payloom.
const writeTimeout = 2 * time.Minute

func run(ctx context.Context, rt *service.Runtime, cfg Config) error {
	// Read once: whoever plays a provider has the merchants it began with.
	book, err := account.Load(cfg.Accounts, nil)
	if err != nil {
		return err
	}
	mounts, err := mountAll(cfg, book)
	if err != nil {
		return err
	}
	defer mounts.close()
	mux, err := routes(rt, cfg, mounts)
	if err != nil {
		return err
	}
	server, err := service.NewHTTPServer(ctx, cfg.HTTPAddr, rt.Handler(mux), service.HTTPOptions{
		WriteTimeout: writeTimeout, Log: rt.Log, Health: rt.Health, Grace: rt.Config.ShutdownGrace,
	})
	if err != nil {
		return err
	}
	// A call that is made to hang would hold up the server's end.
	defer context.AfterFunc(ctx, mounts.close)()
	rt.Health.SetReady(true)
	return server.Run(ctx)
}
