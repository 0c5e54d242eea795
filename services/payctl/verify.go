package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	journal   string
	simulator []string
	grace     time.Duration
	sla       time.Duration
	healed    string
	metrics   []string
	logs      string
	canaries  []string
	forged    string
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check from outside that nothing is lost, doubled or stuck",
		Long: `Verify reads all streams, the rows in Postgres, the simulator's ledger, metrics and logs, works
out by itself what they must say, and compares. It prints one line per invariant, I1 to I15,
and fails when one is broken. What it is not told of it leaves out, and says so; with --dir it
is told of everything but --journal, --healed-at, --canary and --forged.

Secrets of the accounts file at PAYLOOM_ACCOUNTS must be nowhere, nor must what looks like a
card number, nor the lines of --canary, such as the personal data of test payments. A report
names them and never shows them.`,
		Example: `  payctl --dir ~/payloom verify
  payctl --dir ~/payloom verify --journal accepted.jsonl --canary canaries.txt --healed-at 2026-05-01T12:00:00Z --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.journal, "journal", "", "file of what a client was told with 202: JSON lines of merchant, req_id, command_id, payment_id, and body, a digest")
	cmd.Flags().StringArrayVar(&o.simulator, "simulator", nil, "base URL of a simulator whose ledger is compared; default: PAYLOOM_SIMULATOR")
	cmd.Flags().DurationVar(&o.grace, "grace", 2*time.Minute, "how long a command may be on its way before it counts as stuck")
	cmd.Flags().StringVar(&o.healed, "healed-at", "", "when the last fault was healed (RFC 3339): from then on 99 of 100 commands must end within a minute")
	cmd.Flags().DurationVar(&o.sla, "sla", 0, "with --healed-at: and every one of them within this time (default 10m)")
	cmd.Flags().StringArrayVar(&o.metrics, "metrics", nil, "URL of a service's metrics, for each; default: PAYLOOM_METRICS, comma separated")
	cmd.Flags().StringVar(&o.logs, "logs", "", "folder of the services' logs; default: PAYLOOM_LOGS")
	cmd.Flags().StringArrayVar(&o.canaries, "canary", nil, "file of texts, one per line, that must be in no stream, table, metric or log")
	cmd.Flags().StringVar(&o.forged, "forged", "", "file of the SHA-256 of forged callbacks, one per line: payctl storm forged writes one")
	return cmd
}

func (a *app) verify(ctx context.Context, o verifyOptions) error {
	in, done, err := a.verifyInputs(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	bar := a.console.Progress(-1, "messages read")
	in.Progress = bar.Add
	report, err := verify.Run(ctx, in)
	bar.Done()
	if err != nil {
		return err
	}
	if err := printReport(a.console, report); err != nil {
		return err
	}
	if !report.OK() {
		return errSaid
	}
	return nil
}

// printReport prints one line per invariant, and the violations below.
func printReport(c *console.Console, r verify.Report) error {
	if c.JSON {
		return c.Object(map[string]any{
			"ok": r.OK(), "lost": r.Count(verify.Lost), "doubled": r.Count(verify.Doubled), "stuck": r.Count(verify.Stuck),
			"commands": r.Commands, "payments": r.Payments, "events": r.Events, "effects": r.Effects,
			"invariants": r.Results, "violations": append([]verify.Violation{}, r.Violations()...),
		})
	}
	var rows [][]console.Cell
	for _, i := range r.Results {
		verdict := console.Styled(console.Green, "ok")
		switch {
		case i.Broken > 0:
			verdict = console.Styled(console.Red, fmt.Sprintf("%d violation(s)", i.Broken))
		case i.Skipped != "":
			verdict = console.Styled(console.Yellow, "skipped: "+i.Skipped)
		case i.Note != "":
			verdict = console.Styled(console.Green, "ok: "+i.Note)
		}
		rows = append(rows, []console.Cell{console.Text(i.ID), console.Text(i.Title), console.Number(i.Checked), verdict})
	}
	c.Table([]string{"", "invariant", "checked", ""}, rows)
	for _, v := range r.Violations() {
		c.Printf("%s %s %s: %s\n", c.Paint(console.Red, v.Invariant), v.Kind, v.Subject, v.What)
	}
	for _, i := range r.Results {
		for _, e := range i.Exceptions {
			c.Note(i.ID + ": " + e)
		}
	}
	return nil
}
