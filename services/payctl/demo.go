package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	stackFlags
	payments, concurrency int
	kill                  bool
	compose               string
}

const leastPayments = 50

func (a *app) demoCommand() *cobra.Command {
	o := demoOptions{payments: 100, concurrency: 24}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Drive payments of every kind through the whole system, and check each",
		Long: `Demo starts the whole system as "payctl up" does, on free ports, drives payments through its
public APIs to their ends, at all three providers (authorise and capture, sale, partial
capture, refunds, reverse, decline, abandon, amount change, recurring; Axerve's page, order
references and mandates; payouts, reversals and a batch), some of them under faults at the
provider, and checks every state, sum, and the provider's own ledger. It fails when one payment is not as
it must be, and names it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.payments < leastPayments || o.payments > 5000 {
				return misuse("--payments: %d is not %d to 5000", o.payments, leastPayments)
			}
			if o.concurrency < 1 || o.concurrency > 256 {
				return misuse("--concurrency: %d is not 1 to 256", o.concurrency)
			}
			if o.compose != "" {
				return a.demoCompose(cmd.Context(), o)
			}
			return a.demo(cmd.Context(), o)
		},
	}
	o.add(cmd, "auto")
	cmd.Flags().IntVar(&o.payments, "payments", o.payments, "how many payments at least, 50 or more")
	cmd.Flags().IntVar(&o.concurrency, "concurrency", o.concurrency, "how many side by side")
	cmd.Flags().BoolVar(&o.kill, "kill-worker", false, "kill the worker between intent and outcome of a capture; takes a minute longer")
	cmd.Flags().StringVar(&o.compose, "compose", "", "drive the containers of this docker-compose.yml instead, and kill a broker node in the middle")
	_ = cmd.MarkFlagFilename("compose", "yml", "yaml")
	return cmd
}

func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	options, err := a.ownStackOptions(o.stackFlags)
	if err != nil {
		return err
	}
	s, err := stack.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	result, report, err := a.drive(ctx, s, o)
	if err != nil {
		return err
	}
	return a.printDemo(result, report)
}

// drive runs the scenarios and verifies everything afterwards.
func (a *app) drive(ctx context.Context, s *stack.Stack, o demoOptions) (demo.Result, verify.Report, error) {
	env := envOf(s.URLs(), s.APIKey(), o.concurrency)
	if o.kill {
		env.KillWorker = func() error {
			a.console.Note("killing the worker")
			return s.KillWorkers(stack.Computop)
		}
	}
	bar := a.console.Progress(int64(o.payments), "payments")
	result, err := demo.Run(ctx, env, demo.Options{Payments: o.payments, Concurrency: o.concurrency, Progress: bar.Add})
	bar.Done()
	if err != nil {
		return result, verify.Report{}, err
	}
	in, _, done, err := inputsOf(ctx, s)
	if err != nil {
		return result, verify.Report{}, err
	}
	defer done()
	report, err := verify.Run(ctx, in)
	return result, report, err
}

// envOf returns what the scenarios need of a Payloom that runs.
func envOf(u stack.URLs, key string, concurrency int) demo.Env {
	return demo.Env{
		API: api.New(u.Ingress, u.Tracker, key, concurrency), Computop: api.NewComputop(u.Simulator, concurrency),
		Axerve: api.NewAxerve(u.Simulator, concurrency), ECommPay: api.NewECommPay(u.Simulator, concurrency),
	}
}

// inputsOf connects verification to a stack.
func inputsOf(ctx context.Context, s *stack.Stack) (in verify.Inputs, b *bus.Bus, done func(), err error) {
	book, err := account.Load(s.AccountsFile(), nil)
	if err != nil {
		return in, nil, nil, err
	}
	b, err = bus.Connect(ctx, s.BusConfig(), bus.Operator, zap.NewNop())
	if err != nil {
		return in, nil, nil, err
	}
	db, err := projection.Open(ctx, s.DatabaseURL(), "payctl")
	if err != nil {
		b.Close()
		return in, nil, nil, err
	}
	in = verify.Inputs{
		Streams: b, Database: db, Simulators: []string{s.URLs().Simulator}, Metrics: s.Metrics(), Logs: s.LogDir(),
		Canaries: append(secretsOf(book), verify.Canary{Name: "the data key", Text: s.DataKey()}), Defaults: defaultsOf(book),
	}
	return in, b, func() { db.Close(); b.Close() }, nil
}

// verdict are the counts that a demo ends with.
type verdict struct {
	Payments int `json:"payments"`
	Settled  int `json:"settled"`
	Lost     int `json:"lost"`
	Doubled  int `json:"doubled"`
	Stuck    int `json:"stuck"`
}

// verdictOf takes the worse of what the scenarios saw and what verification found.
func verdictOf(r demo.Result, v verify.Report) verdict {
	return verdict{
		Payments: r.Payments(), Settled: r.Settled(),
		Lost:    max(r.Count(demo.ErrLost), v.Count(verify.Lost)),
		Doubled: max(r.Count(demo.ErrDoubled), v.Count(verify.Doubled)),
		Stuck:   max(r.Count(demo.ErrStuck), v.Count(verify.Stuck)),
	}
}

func (a *app) printDemo(r demo.Result, report verify.Report) error {
	v := verdictOf(r, report)
	bad := v.Settled != v.Payments || !report.OK()
	if a.asJSON {
		if err := a.console.Object(map[string]any{
			"result": v, "scenarios": summarise(r), "failures": failures(r), "violations": append([]verify.Violation{}, report.Violations()...),
			"took_s": r.Took.Seconds(),
		}); err != nil {
			return err
		}
	} else {
		a.printScenarios(r, report)
		a.console.Printf("demo: %d payments, %d settled, %d lost, %d doubled, %d stuck\n", v.Payments, v.Settled, v.Lost, v.Doubled, v.Stuck)
	}
	if bad {
		return errSaid
	}
	return nil
}

// summary is one scenario's line.
type summary struct {
	Scenario string  `json:"scenario"`
	Payments int     `json:"payments"`
	Settled  int     `json:"settled"`
	SlowestS float64 `json:"slowest_s"`
}

func summarise(r demo.Result) []summary {
	var all []summary
	at := map[string]int{}
	for _, o := range r.Outcomes {
		i, known := at[o.Scenario]
		if !known {
			i = len(all)
			at[o.Scenario] = i
			all = append(all, summary{Scenario: o.Scenario})
		}
		all[i].Payments += len(o.Payments)
		if o.Err == nil {
			all[i].Settled += len(o.Payments)
		}
		all[i].SlowestS = max(all[i].SlowestS, o.Took.Round(10*time.Millisecond).Seconds())
	}
	return all
}

// failure names the payments of a run that went wrong.
type failure struct {
	Scenario string   `json:"scenario"`
	Payments []string `json:"payments"`
	Why      string   `json:"why"`
}

func failures(r demo.Result) []failure {
	all := []failure{}
	for _, o := range r.Failed() {
		all = append(all, failure{o.Scenario, o.Payments, o.Err.Error()})
	}
	return all
}

func (a *app) printScenarios(r demo.Result, report verify.Report) {
	c := a.console
	var rows [][]console.Cell
	for _, s := range summarise(r) {
		result := console.Styled(console.Green, "settled")
		if s.Settled < s.Payments {
			result = console.Styled(console.Red, fmt.Sprintf("%d failed", s.Payments-s.Settled))
		}
		rows = append(rows, []console.Cell{
			console.Text(s.Scenario), console.Number(s.Payments), result, {Text: fmt.Sprintf("%.1f s", s.SlowestS), Right: true},
		})
	}
	c.Table([]string{"scenario", "payments", "result", "slowest"}, rows)
	for _, f := range failures(r) {
		c.Printf("%s %s: %v\n", c.Paint(console.Red, "failed:"), f.Scenario, f.Why)
	}
	for _, v := range report.Violations() {
		c.Printf("%s %s %s %s: %s\n", c.Paint(console.Red, "violated:"), v.Invariant, v.Kind, v.Subject, v.What)
	}
	c.Printf("verified: %d commands, %d events, %d effects at the provider, in %s\n", report.Commands, report.Events, report.Effects, r.Took.Round(100*time.Millisecond))
}
