package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
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
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check from outside that nothing is lost, doubled or stuck",
		Long: `Verify reads all streams, the rows in Postgres, and the simulator's ledger, works out by
itself what they must say, and compares. It prints one line per invariant and fails when one
is broken. What it is not told of (DATABASE_URL, --simulator, --journal) it leaves out, and
says so.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.journal, "journal", "", "file of accepted requests, JSON lines of merchant, req_id, command_id, payment_id")
	cmd.Flags().StringArrayVar(&o.simulator, "simulator", nil, "base URL of a simulator whose ledger is compared; default: PAYLOOM_SIMULATOR")
	cmd.Flags().DurationVar(&o.grace, "grace", 2*time.Minute, "how long a command may be on its way before it counts as stuck")
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

func (a *app) verifyInputs(ctx context.Context, o verifyOptions) (in verify.Inputs, done func(), err error) {
	s, err := a.settings()
	if err != nil {
		return in, nil, err
	}
	in = verify.Inputs{Simulators: o.simulator, Grace: o.grace}
	if len(in.Simulators) == 0 && s.Simulator != "" {
		in.Simulators, in.LedgerSince = []string{s.Simulator}, s.Since
	}
	if o.journal != "" {
		if in.Journal, err = readJournal(o.journal); err != nil {
			return in, nil, err
		}
	}
	b, err := a.connect(ctx)
	if err != nil {
		return in, nil, err
	}
	in.Streams = b
	if s.DatabaseURL == "" {
		return in, b.Close, nil
	}
	db, err := a.database(ctx)
	if err != nil {
		b.Close()
		return in, nil, err
	}
	in.Database = db
	return in, func() { db.Close(); b.Close() }, nil
}

func readJournal(path string) ([]verify.Accepted, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := []verify.Accepted{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var line verify.Accepted
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		all = append(all, line)
	}
	return all, lines.Err()
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
			verdict = console.Styled(console.Yellow, "left out: "+i.Skipped)
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
