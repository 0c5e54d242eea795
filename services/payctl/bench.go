package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/bench"
	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	stackFlags
	payments, concurrency int
	latency               string
}

func (a *app) benchCommand() *cobra.Command {
	o := benchOptions{payments: 5000, concurrency: 64, latency: "0"}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast it is here, and verify the result",
		Long: `Bench starts the whole system as "payctl up" does, has a mandate charged as fast as ingress
takes it, and measures until the last charge has ended: one payment is one command, one call
to the provider and its notify. Times are taken at the client and on the EVENTS stream; CPU
is that of all processes, load generator included. Afterwards everything is verified.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			latency, err := o.providerLatency()
			if err != nil {
				return err
			}
			if o.payments < 1 || o.concurrency < 1 || o.concurrency > 10000 {
				return misuse("--payments must be at least 1, --concurrency 1 to 10000")
			}
			return a.bench(cmd.Context(), o, latency)
		},
	}
	o.add(cmd, "auto")
	cmd.Flags().IntVar(&o.payments, "payments", o.payments, "how many charges")
	cmd.Flags().IntVar(&o.concurrency, "concurrency", o.concurrency, "requests under way at once")
	cmd.Flags().StringVar(&o.latency, "provider-latency", o.latency, "what every call to the provider takes, such as 50ms; a bare number is milliseconds")
	return cmd
}

// providerLatency reads a duration; a bare number is milliseconds.
func (o benchOptions) providerLatency() (time.Duration, error) {
	text := o.latency
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "ms"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > 8*time.Second {
		return 0, misuse("--provider-latency: %q is no duration from 0 to 8s", o.latency)
	}
	return d, nil
}

func (a *app) bench(ctx context.Context, o benchOptions, latency time.Duration) (err error) {
	options, err := a.ownStackOptions(o.stackFlags)
	if err != nil {
		return err
	}
	// What is measured is the system, not the limits that protect it.
	options.Env = map[string]string{"RATE_LIMIT": "0", "SOURCE_RATE_LIMIT": "0", "ENDPOINT_RATE_LIMIT": "0"}
	s, err := stack.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	report, err := a.measure(ctx, s, o, latency)
	if err != nil {
		return err
	}
	return a.printBench(report)
}

func (a *app) measure(ctx context.Context, s *stack.Stack, o benchOptions, latency time.Duration) (bench.Report, error) {
	in, b, done, err := inputsOf(ctx, s)
	if err != nil {
		return bench.Report{}, err
	}
	defer done()
	u := s.URLs()
	env := bench.Env{
		API: api.New(u.Ingress, u.Tracker, s.APIKey(), o.concurrency), Computop: api.NewComputop(u.Simulator, 4),
		Merchant: stack.Merchant, Verify: in, Streams: b,
	}
	bar := a.console.Progress(int64(o.payments), "payments ended")
	report, err := bench.Run(ctx, env, bench.Options{
		Payments: o.payments, Concurrency: o.concurrency, Latency: latency, Progress: func(_, completed int) { bar.Set(completed) },
	})
	bar.Done()
	report.Durability = s.Durability()
	return report, err
}

func (a *app) printBench(r bench.Report) error {
	c := a.console
	if a.asJSON {
		if err := c.Object(r); err != nil {
			return err
		}
	} else {
		row := func(name, format string, v any) []console.Cell {
			return []console.Cell{console.Text(name), {Text: fmt.Sprintf(format, v), Right: true}}
		}
		c.Table([]string{"measure", "value"}, [][]console.Cell{
			row("payments", "%d", r.Payments), row("durability", "%s", r.Durability),
			row("accepted per second", "%.0f", r.AcceptedPerS), row("completed per second", "%.0f", r.CompletedPS),
			row("accept, median", "%.1f ms", r.AcceptP50MS), row("accept, 99 %", "%.1f ms", r.AcceptP99MS),
			row("end to end, median", "%.1f ms", r.E2EP50MS), row("end to end, 99 %", "%.1f ms", r.E2EP99MS),
			row("CPU per 1000 payments", "%.2f s", r.CPUPer1000),
			row("lost", "%d", r.Lost), row("doubled", "%d", r.Doubled), row("stuck", "%d", r.Stuck),
		})
		for _, v := range r.Verified.Violations() {
			c.Printf("%s %s %s %s: %s\n", c.Paint(console.Red, "violated:"), v.Invariant, v.Kind, v.Subject, v.What)
		}
	}
	if r.Violations > 0 || r.Stuck > 0 {
		return errSaid
	}
	return nil
}
