package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/reconcile"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) reconcileCommand() *cobra.Command {
	return group("reconcile", "Compare payments with what their providers' books say",
		a.reconcileReport(), a.reconcileStatement(), a.reconcileRun(), a.reconcileClose())
}

// reportOptions are the flags of a report.
type reportOptions struct {
	since              time.Duration
	provider, merchant string
	format             string
}

func (a *app) reconcileReport() *cobra.Command {
	o := reportOptions{since: 48 * time.Hour}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "How many payments agree with their providers' books, and which do not",
		Long: `Report counts the payments that had a command within --since, by provider, account and currency:
those that agree with the provider's books, those that differ, those with something under way,
those that were not compared since they changed, and those whose books could not be read. Below
it lists every open break, whatever its age. It fails when there is one.`,
		Example: `  payctl reconcile report --since 48h
  payctl reconcile report --provider computop --format csv > breaks.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.report(ctx, o) })
		},
	}
	cmd.Flags().DurationVar(&o.since, "since", o.since, "payments that had a command within this time")
	cmd.Flags().StringVar(&o.provider, "provider", "", "only payments of this provider")
	cmd.Flags().StringVar(&o.merchant, "merchant", "", "only payments of this merchant")
	cmd.Flags().StringVar(&o.format, "format", "table", "table, csv or json; csv has the breaks alone")
	fixed(cmd, "provider", words(payment.Providers()))
	fixed(cmd, "format", []string{"table", "csv", "json"})
	return cmd
}

func (o reportOptions) check() error {
	switch {
	case o.since <= 0:
		return misuse("--since: %v is not above 0", o.since)
	case o.provider != "" && !payment.Provider(o.provider).Known():
		return misuse("--provider: %q is none of %v", o.provider, payment.Providers())
	case o.format != "table" && o.format != "csv" && o.format != "json":
		return misuse("--format: %q is none of table, csv, json", o.format)
	}
	return nil
}

func (a *app) report(ctx context.Context, o reportOptions) error {
	db, err := a.database(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	r, err := reconcile.Make(ctx, db, time.Now().Add(-o.since), payment.Provider(o.provider), payment.Merchant(o.merchant))
	if err != nil {
		return err
	}
	switch {
	case a.asJSON || o.format == "json":
		r.Lines, r.Breaks = append([]reconcile.Line{}, r.Lines...), append([]reconcile.Break{}, r.Breaks...)
		err = a.console.Object(r)
	case o.format == "csv":
		err = writeBreaks(a.console, r.Breaks)
	default:
		printReconciliation(a.console, r)
	}
	if err == nil && len(r.Breaks) > 0 {
		return errSaid
	}
	return err
}

func printReconciliation(c *console.Console, r reconcile.Report) {
	rows := make([][]console.Cell, 0, len(r.Lines))
	for _, l := range r.Lines {
		rows = append(rows, []console.Cell{
			console.Text(l.Provider), console.Text(l.Account), console.Text(l.Currency), console.Number(l.Payments), console.Number(l.Compared()),
			console.Number(l.Agree), console.Number(l.Differ), console.Number(l.Open), console.Number(l.Waiting), console.Number(l.Unreachable),
		})
	}
	c.Table([]string{"provider", "account", "currency", "payments", "compared", "agree", "differ", "under way", "waiting", "unreachable"}, rows)
	c.Printf("last run: %s\n", timeOrNone(r.LastRun))
	if len(r.Breaks) == 0 {
		c.Printf("%s\n", c.Paint(console.Green, "no open breaks"))
		return
	}
	rows = rows[:0]
	for _, b := range r.Breaks {
		rows = append(rows, []console.Cell{
			console.Text(b.ID), console.Textf("%s/%s", b.Merchant, b.Payment), console.Text(b.Provider), console.Styled(console.Red, string(b.Kind)),
			console.Text(b.Figure), console.Text(side(b, b.Here, b.Ours)), console.Text(side(b, b.There, b.Theirs)),
			console.Text(age(b.FoundAt)),
		})
	}
	c.Table([]string{"break", "payment", "provider", "kind", "figure", "here", "there", "age"}, rows)
}

// side says in a cell what one side has.
func side(b reconcile.Break, minor int64, word string) string {
	text, err := payment.Money{Minor: minor, Currency: b.Currency}.Decimal()
	if err != nil {
		text = strconv.FormatInt(minor, 10)
	}
	if word != "" {
		return text + " " + word
	}
	return text
}

// guarded keeps a spreadsheet from taking text for a formula (OWASP, CSV Injection).
func guarded(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r'", rune(text[0])) {
		return "'" + text
	}
	return text
}

// age says how long ago at was, to the minute.
func age(at time.Time) string { return time.Since(at).Truncate(time.Minute).String() }

// breakColumns are the columns of a CSV report.
var breakColumns = []string{
	"break_id", "merchant", "payment_id", "provider", "account", "kind", "figure", "currency", "here_minor", "there_minor",
	"ours", "theirs", "provider_reference", "found_at", "age_seconds",
}

// writeBreaks writes breaks as CSV. No field begins with what a spreadsheet takes for
// a formula but the provider's reference, which is guarded.
func writeBreaks(c *console.Console, list []reconcile.Break) error {
	w := csv.NewWriter(c.Out)
	if err := w.Write(breakColumns); err != nil {
		return err
	}
	for _, b := range list {
		if err := w.Write([]string{
			b.ID, string(b.Merchant), string(b.Payment), string(b.Provider), guarded(b.Account), string(b.Kind), string(b.Figure), string(b.Currency),
			strconv.FormatInt(b.Here, 10), strconv.FormatInt(b.There, 10), b.Ours, b.Theirs, guarded(b.Ref), b.FoundAt.Format(time.RFC3339),
			strconv.FormatInt(int64(time.Since(b.FoundAt).Seconds()), 10),
		}); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func (a *app) reconcileRun() *cobra.Command {
	var everything, wait bool
	var o operator
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Have payments compared now, and not at the next hour",
		Long: `Run asks the state-trackers for a run. It takes what is due: payments that changed since they
were compared, that differ, or that were compared more than a day ago; with --everything all that
had a command within RECONCILE_SINCE. The pace is that of every run.`,
		Example: `  payctl reconcile run --everything --wait --reason "after the outage of 3 May"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.wantRun(ctx, o, everything, wait) })
		},
	}
	operatorFlags(cmd, &o)
	cmd.Flags().BoolVar(&everything, "everything", false, "also what was compared since it changed")
	cmd.Flags().BoolVar(&wait, "wait", false, "until every payment has been asked about, or --timeout")
	return cmd
}

func (a *app) wantRun(ctx context.Context, o operator, everything, wait bool) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	db, err := a.database(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	var run reconcile.Run
	err = b.Audited(ctx, o.record("reconcile.run"), func(ctx context.Context) (string, error) {
		run, err = reconcile.Want(ctx, db, everything)
		return "wanted at " + run.WantedAt.UTC().Format(time.RFC3339Nano), err
	})
	for err == nil && wait && run.EndedAt == nil {
		select {
		case <-time.After(200 * time.Millisecond):
			run, err = reconcile.Look(ctx, db, run.WantedAt)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(run)
	}
	if run.EndedAt != nil {
		a.console.Printf("asked about %d payments\n", run.Asked)
		return nil
	}
	a.console.Printf("a run is wanted; the next state-tracker that is free carries it out\n")
	return nil
}

func (a *app) reconcileClose() *cobra.Command {
	var o operator
	cmd := &cobra.Command{
		Use:   "close BREAK",
		Short: "Accept a difference as it is",
		Long: `Close notes that a person knows of the difference and accepts it: nothing of payment or provider
changes. It is not found again as long as it stays the same to the cent.`,
		Example: `  payctl reconcile close 4pzr6nmykvblm2alixwmpcjq4m --reason "refunded by telephone, ticket 4711"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.closeBreak(ctx, o, args[0]) })
		},
	}
	operatorFlags(cmd, &o)
	return cmd
}

// errNotOpen means that a break is not open, or no longer.
var errNotOpen = errors.New("the break is not open")

func (a *app) closeBreak(ctx context.Context, o operator, id string) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	db, err := a.database(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	row, err := reconcile.BreakOf(ctx, db, id)
	if err != nil {
		return err
	}
	r := o.record("reconcile.close")
	r.Merchant, r.Payment, r.Object = row.Merchant, row.Payment, id
	err = b.Audited(ctx, r, func(ctx context.Context) (string, error) {
		closed, err := acceptBreak(ctx, b, o, row)
		return fmt.Sprintf("%s of %s: %d here, %d there", closed.Kind, closed.Figure, closed.Here, closed.There), err
	})
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"break_id": id, "merchant": row.Merchant, "payment_id": row.Payment, "status": payment.BreakClosed})
	}
	a.console.Printf("%s: closed\n", id)
	return nil
}

// books is what closing a break needs of the bus.
type books interface {
	Load(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Head, error)
	Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error)
	Now(ctx context.Context) (time.Time, error)
}

// acceptBreak stores that o accepts a break. It fails when somebody else appended
// first: what they did may have changed the break.
func acceptBreak(ctx context.Context, b books, o operator, row reconcile.Break) (payment.Break, error) {
	head, err := b.Load(ctx, row.Merchant, row.Payment)
	if err != nil {
		return payment.Break{}, err
	}
	found, ok := head.Payment.Break(row.ID)
	if !ok || found.Status != payment.BreakOpen {
		return found, fmt.Errorf("%w: %s", errNotOpen, row.ID)
	}
	now, err := b.Now(ctx)
	if err != nil {
		return found, err
	}
	found.Status, found.Reason, found.Actor = payment.BreakClosed, o.reason, o.actor
	_, err = b.Append(ctx, head, payment.Event{
		Payment: head.Payment.ID, Merchant: head.Payment.Merchant, Provider: head.Payment.Provider, At: now,
		Source: payment.FromOperator, Data: payment.ReconcileBreak{Break: found},
	})
	return found, err
}
