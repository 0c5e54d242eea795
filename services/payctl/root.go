package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

// process is what payctl sees of the process around it.
type process struct {
	args    []string
	in      io.Reader
	out     io.Writer
	err     io.Writer
	environ map[string]string // nil: the real environment
}

// app is one run of payctl.
type app struct {
	process
	asJSON  bool
	dir     string
	timeout time.Duration
	ran     bool // the command line was understood
	console *console.Console
}

// errSaid is the error of a command that has told already what is not right.
var errSaid = errors.New("not right")

// usageError is a command line that makes no sense.
type usageError struct{ what string }

// Error implements error.
func (e *usageError) Error() string { return e.what }

func misuse(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

const defaultTimeout = 30 * time.Second

func newApp(p process) *app {
	return &app{process: p, console: console.New(p.out, p.err, false), timeout: defaultTimeout}
}

// root returns the whole command tree.
func (a *app) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "payctl",
		Short: "Operate Payloom: payments as events",
		Long: `Payctl lays out streams and tables, shows what became of payments, runs the whole
system on one machine, measures it, and verifies that nothing is lost, doubled or stuck.

It finds the broker by NATS_URL and the database by DATABASE_URL, as the services do;
or, with --dir, those of a running "payctl up --dir DIR". What asks the query API finds it
by PAYLOOM_QUERY and PAYLOOM_API_KEY.`,
		Version:           service.Version(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: a.begin,
	}
	cmd.SetIn(a.in)
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	flags := cmd.PersistentFlags()
	flags.BoolVar(&a.asJSON, "json", false, "print JSON for programs")
	flags.StringVar(&a.dir, "dir", "", "folder of payctl up: kept between its runs, and where other commands find it")
	flags.DurationVar(&a.timeout, "timeout", defaultTimeout, "how long a command that only looks may take")
	_ = cmd.MarkPersistentFlagDirname("dir")
	cmd.AddCommand(
		a.upCommand(), a.demoCommand(), a.benchCommand(), a.chaosCommand(), a.stormCommand(), a.verifyCommand(),
		a.provisionCommand(), a.brokerCommand(), a.migrateCommand(), a.rebuildCommand(),
		a.paymentCommand(), a.payoutsCommand(), a.commandCommand(), a.eventsCommand(), a.callbacksCommand(), a.webhooksCommand(), a.statsCommand(),
		a.deadCommand(), a.parkedCommand(), a.auditCommand(), a.reconcileCommand(), a.doctorCommand(),
		a.eraseCommand(), a.dataKeysCommand(),
		a.providerCommand(), a.accountsCommand(), a.codecCommand(),
	)
	return cmd
}

// begin runs before every command, once its line was understood.
func (a *app) begin(*cobra.Command, []string) error {
	a.ran = true
	a.console = console.New(a.out, a.err, a.asJSON)
	if a.timeout <= 0 {
		return misuse("--timeout: %s is not above 0", a.timeout)
	}
	return nil
}

func (a *app) fail(err error) { a.console.Fail(err) }

// brief runs f within the time that a command may take that only looks.
func (a *app) brief(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, fmt.Errorf("not done within %s; see --timeout", a.timeout))
	defer cancel()
	err := f(ctx)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return err
}

// group returns a command that only has others below it.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return cmd.Help()
	}}
	cmd.AddCommand(commands...)
	return cmd
}

// fixed offers the same words for every completion of a flag.
func fixed(cmd *cobra.Command, flag string, words []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// words returns named strings as plain ones.
func words[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, w := range list {
		if w != "" {
			out = append(out, string(w))
		}
	}
	return out
}
