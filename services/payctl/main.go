// Payctl is Payloom's tool for operators and developers: it lays out streams and
// tables, shows payments, events and dead letters, runs everything on one machine,
// measures it, and verifies from outside that nothing is lost, doubled or stuck.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it did not work, or something was found that is not right
	exitUsage  = 2 // the command line was not understood; of doctor: something has failed
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, process{args: os.Args[1:], in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: nil})
	stop()
	os.Exit(code)
}

// run is main without the process. It returns the exit code.
func run(ctx context.Context, p process) int {
	a := newApp(p)
	cmd := a.root() //nolint:contextcheck // ExecuteContext hands it to every command
	cmd.SetArgs(p.args)
	err := cmd.ExecuteContext(ctx)
	if code, diagnosed := exitCode(err); diagnosed {
		return code
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		a.fail(errors.New("interrupted"))
		return exitFailed
	}
	a.fail(err)
	if _, usage := errors.AsType[*usageError](err); usage || !a.ran {
		return exitUsage
	}
	return exitFailed
}
