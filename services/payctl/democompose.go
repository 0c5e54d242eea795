package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/compose"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

const (
	// victim is the broker node that a demo of containers kills.
	victim = "nats-2"
	// mourning is how long it stays away.
	mourning = 10 * time.Second
	// composePatience is for a payment to reach its next state while a node is away:
	// the queue hands what a client of that node had in hand to another after a minute.
	composePatience = 3 * time.Minute
)

// demoCompose drives the containers of a compose file, and takes them down.
func (a *app) demoCompose(ctx context.Context, o demoOptions) (err error) {
	file, err := filepath.Abs(o.compose)
	if err != nil {
		return err
	}
	i, err := compose.Up(ctx, compose.Options{File: file, Note: a.console.Note})
	if err != nil {
		return err
	}
	defer func() {
		a.console.Note("taking the containers down")
		err = errors.Join(err, i.Down(context.WithoutCancel(ctx)))
	}()
	result, err := a.driveCompose(ctx, i, o)
	if err != nil {
		return err
	}
	report, err := verifyCompose(ctx, i)
	if err != nil {
		return err
	}
	return a.printDemo(result, report)
}

// driveCompose runs the scenarios, and kills the victim when half of the payments
// are through.
func (a *app) driveCompose(ctx context.Context, i *compose.Installation, o demoOptions) (demo.Result, error) {
	bar := a.console.Progress(int64(o.payments), "payments")
	var through atomic.Int64
	var killed atomic.Bool
	fault := make(chan error, 1)
	result, err := demo.Run(ctx, envOf(i.URLs(), i.APIKey(), o.concurrency), demo.Options{
		Payments: o.payments, Concurrency: o.concurrency, Patience: composePatience,
		Progress: func(n int) {
			bar.Add(n)
			if through.Add(int64(n)) >= int64(o.payments/2) && killed.CompareAndSwap(false, true) {
				go func() { fault <- killAndStart(ctx, i) }()
			}
		},
	})
	bar.Done()
	if !killed.Load() {
		return result, errors.Join(err, errors.New("the demo ended before half of its payments were through: no node was killed"))
	}
	return result, errors.Join(err, <-fault)
}

func killAndStart(ctx context.Context, i *compose.Installation) error {
	if err := i.Kill(ctx, victim); err != nil {
		return err
	}
	select {
	case <-time.After(mourning):
	case <-ctx.Done():
	}
	if err := i.Start(context.WithoutCancel(ctx), victim); err != nil {
		return err
	}
	if err := i.WaitHealthy(ctx); err != nil {
		return fmt.Errorf("after %s was killed: %w", victim, err)
	}
	return nil
}

func verifyCompose(ctx context.Context, i *compose.Installation) (verify.Report, error) {
	b, err := bus.Connect(ctx, i.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		return verify.Report{}, err
	}
	defer b.Close()
	db, err := projection.Open(ctx, i.DatabaseURL(), "payctl")
	if err != nil {
		return verify.Report{}, err
	}
	defer db.Close()
	return verify.Run(ctx, verify.Inputs{Streams: b, Database: db, Simulators: []string{i.URLs().Simulator}})
}
