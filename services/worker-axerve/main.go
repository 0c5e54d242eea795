// Worker-axerve executes commands at Axerve.
package main

import (
	"context"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/workers"
)

const name = "worker-axerve"

// Config is what worker-axerve reads from its environment.
type Config struct{ workers.Config }

// Summary implements service.Summarizer.
func (Config) Summary() string { return "executes commands at Axerve Ecommerce Solutions" }

func main() {
	cfg := &Config{}
	service.Main(name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) })
}

func run(ctx context.Context, rt *service.Runtime, cfg Config) error {
	return workers.Run(ctx, rt, cfg.Config, name, payment.Axerve)
}
