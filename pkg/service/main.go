package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/conf"
)

// Exit codes of a service.
const (
	ExitOK    = 0 // it did its work, or was asked to stop and did
	ExitError = 1 // it could not start, failed, or did not stop in time
	ExitUsage = 2 // the command line was not understood

	ExitInterrupted = 130 // a second signal came before it had stopped
)

// ErrGraceExceeded says that a service was still busy when its grace was over.
var ErrGraceExceeded = errors.New("did not stop in time")

// RunFunc is the body of a service. It returns when ctx ends and everything it
// started has stopped, or with the reason why it cannot go on.
type RunFunc func(ctx context.Context, rt *Runtime) error

// Main is the main function of every service: it reads cfg, a pointer to a
// struct or nil, from the environment, runs the service until SIGTERM or SIGINT,
// and ends the process. A second signal ends it at once.
func Main(name string, cfg any, run RunFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	// Room for two: a second signal that comes right after the first must not get lost.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(ExitInterrupted)
	}()
	os.Exit(Run(ctx, ThisProcess(), name, cfg, run))
}

// Process is what a service sees of the process around it.
type Process struct {
	Args    []string          // without the program's name
	Environ map[string]string // nil: the real environment
	Stdout  io.Writer         // for --help and --version
	Stderr  io.Writer         // for the log and the last error
}

// ThisProcess returns the real process.
func ThisProcess() Process {
	return Process{Args: os.Args[1:], Environ: env.ToMap(os.Environ()), Stdout: os.Stdout, Stderr: os.Stderr}
}

// Run is [Main] without the process: it returns the exit code and stops when ctx ends.
func Run(ctx context.Context, p Process, name string, cfg any, run RunFunc) int {
	s := newSettings(cfg)
	switch {
	case len(p.Args) == 0:
		return p.exit(name, p.serve(ctx, name, s, run))
	case p.Args[0] == "--help" || p.Args[0] == "-h":
		return p.exit(name, help(p.Stdout, name, s))
	case p.Args[0] == "--healthcheck":
		return p.exit(name, p.healthcheck(ctx))
	case p.Args[0] == "--version":
		fmt.Fprintln(p.Stdout, name, Version())
		return ExitOK
	}
	fmt.Fprintf(p.Stderr, "%s: unknown argument %q; settings come from the environment, see %s --help\n", name, p.Args[0], name)
	return ExitUsage
}

// exit prints err, if there is one, and returns the exit code for it.
func (p Process) exit(name string, err error) int {
	if err == nil {
		return ExitOK
	}
	fmt.Fprintf(masked(p.Stderr), "%s: %v\n", name, err)
	return ExitError
}

func help(w io.Writer, name string, s settings) error {
	title := name
	if text := s.summary(); text != "" {
		title += ": " + text
	}
	fmt.Fprintf(w, "%s\n\nusage: %s [--help | --version | --healthcheck]\n\nSettings come from the environment:\n\n", title, name)
	for _, part := range s.parts() {
		if err := conf.Usage(part, w); err != nil {
			return err
		}
	}
	return nil
}

// serve starts what every service has, runs the service, and stops in reverse order.
func (p Process) serve(ctx context.Context, name string, s settings, run RunFunc) (err error) {
	if err := s.load(p.Environ); err != nil {
		return fmt.Errorf("configuration:\n%w", err)
	}
	log := newLogger(p.Stderr, name, *s.common)
	defer func() { _ = log.Sync() }() // a terminal or pipe refuses to sync, and that is no harm

	rt := NewRuntime(name, *s.common, log)
	stopTracing, err := rt.startTracing(ctx)
	if err != nil {
		return err
	}
	defer stopTracing()

	admin, err := rt.startAdmin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.stop()) }()

	log.Info("starting", zap.String("admin", rt.AdminAddr), zap.String("version", Version()))
	err = rt.runUntilDone(ctx, run)
	log.Info("stopped", zap.Error(err))
	return err
}

// runUntilDone runs the body and gives it the grace to end once ctx has ended.
func (rt *Runtime) runUntilDone(ctx context.Context, run RunFunc) error {
	// Whoever routes traffic must hear of the stop before anything stops.
	defer context.AfterFunc(ctx, rt.Health.Stopping)()
	done := make(chan error, 1)
	go func() { done <- run(ctx, rt) }()
	select {
	case err := <-done:
		return endOf(ctx, err)
	case <-ctx.Done():
	}
	rt.Log.Info("stopping", zap.Duration("grace", rt.Config.ShutdownGrace))
	select {
	case err := <-done:
		return endOf(ctx, err)
	case <-time.After(rt.Config.ShutdownGrace):
		return fmt.Errorf("%w: still busy after %v", ErrGraceExceeded, rt.Config.ShutdownGrace)
	}
}

// endOf forgives a body that ended with the cancellation it was sent.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
