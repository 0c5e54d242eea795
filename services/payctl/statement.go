package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/internal/statement"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

// statementOptions are the flags of a statement.
type statementOptions struct {
	provider, account string
	since             time.Duration
	from, to          string // RFC 3339; empty: by since
	settle            time.Duration
	perSecond         float64
	format            string
}

// statementTimeout is how long a statement may take where --timeout does not say: a
// listing takes minutes.
const statementTimeout = 30 * time.Minute

func (a *app) reconcileStatement() *cobra.Command {
	o := statementOptions{since: 48 * time.Hour, settle: 15 * time.Minute, perSecond: 2, format: "table"}
	cmd := &cobra.Command{
		Use:   "statement --provider PROVIDER",
		Short: "Compare a provider's own listing of operations with the ledgers",
		Long: `Statement has a provider list the operations of a time, and finds those that are not ours,
such as a payout that somebody made in the Dashboard, and payouts of ours that the listing
lacks. It asks about each of them by its id, and lists what it was told: no sum is taken from the
listing. It changes nothing, and fails when there is a finding.

Only ECommPay has such a listing, for accounts with data_endpoint, data_token and data_secret in
PAYLOOM_ACCOUNTS. It may take minutes: --timeout is 30m here unless it is given. What is younger
than --settle is counted and not told: it may be in one place only.`,
		Example: `  payctl reconcile statement --provider ecommpay --since 48h
  payctl reconcile statement --provider ecommpay --account shop-7/in --from 2026-05-01T00:00:00Z --to 2026-06-01T00:00:00Z --format csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd.Flags().Changed("since")); err != nil {
				return err
			}
			if !cmd.Flags().Changed("timeout") {
				a.timeout = statementTimeout
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.statement(ctx, o) })
		},
	}
	cmd.Flags().StringVar(&o.provider, "provider", "", "whose listing")
	cmd.Flags().StringVar(&o.account, "account", "", "only this account: NAME or MERCHANT/NAME")
	cmd.Flags().DurationVar(&o.since, "since", o.since, "operations within this time, until now")
	cmd.Flags().StringVar(&o.from, "from", "", "instead: from this time on, as 2026-05-03T00:00:00Z")
	cmd.Flags().StringVar(&o.to, "to", "", "until this time; now without it")
	cmd.Flags().DurationVar(&o.settle, "settle", o.settle, "what is younger may be in one place only")
	cmd.Flags().Float64Var(&o.perSecond, "per-second", o.perSecond, "most payments per second that the provider is asked about; not counted in the account's limits")
	cmd.Flags().StringVar(&o.format, "format", o.format, "table, csv or json; csv has the findings alone")
	fixed(cmd, "provider", words(payment.Providers()))
	fixed(cmd, "format", []string{"table", "csv", "json"})
	return cmd
}

func (o statementOptions) check(since bool) error {
	p := payment.Provider(o.provider)
	switch {
	case o.provider == "":
		return misuse("--provider: say whose listing")
	case !p.Known():
		return misuse("--provider: %q is none of %v", o.provider, payment.Providers())
	case !providers.Lists(p):
		return misuse("--provider: %s shows its books by id only; it has no listing of operations (docs/reconciliation.md)", p)
	case o.since <= 0:
		return misuse("--since: %v is not above 0", o.since)
	case since && o.from+o.to != "":
		return misuse("--since says until now; --from and --to say from when to when: take one of both")
	case o.to != "" && o.from == "":
		return misuse("--to needs --from")
	case o.settle <= 0:
		return misuse("--settle: %v is not above 0", o.settle)
	case o.perSecond <= 0:
		return misuse("--per-second: %v is not above 0", o.perSecond)
	case o.format != "table" && o.format != "csv" && o.format != "json":
		return misuse("--format: %q is none of table, csv, json", o.format)
	}
	_, err := o.bounds(time.Now())
	return err
}

// bounds returns what is to be compared at now.
func (o statementOptions) bounds(now time.Time) (b statement.Options, err error) {
	b = statement.Options{
		Provider: payment.Provider(o.provider), Account: o.account, Now: now, From: now.Add(-o.since), To: now,
		Settle: o.settle, PerSecond: o.perSecond,
	}
	if m, name, both := strings.Cut(o.account, "/"); both {
		b.Merchant, b.Account = payment.Merchant(m), name
	}
	for flag, into := range map[string]struct {
		text string
		at   *time.Time
	}{"from": {o.from, &b.From}, "to": {o.to, &b.To}} {
		if into.text == "" {
			continue
		}
		if *into.at, err = time.Parse(time.RFC3339, into.text); err != nil {
			return b, misuse("--%s: %q is no time such as 2026-05-03T00:00:00Z", flag, into.text)
		}
	}
	if !b.From.Before(b.To) {
		return b, misuse("--from: %s is not before %s", b.From.Format(time.RFC3339), b.To.Format(time.RFC3339))
	}
	return b, nil
}

func (a *app) statement(ctx context.Context, o statementOptions) error {
	path, err := a.accountsFile(nil)
	if err != nil {
		return err
	}
	book, err := account.Load(path, nil)
	if err != nil {
		return err
	}
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
	now, err := b.Now(ctx)
	if err != nil {
		return err
	}
	bounds, err := o.bounds(now)
	if err != nil {
		return err
	}
	from := statement.Sources{
		Accounts: book, Rows: db, Ledger: b, Lister: providers.Lister,
		Separator: providers.Capabilities()[bounds.Provider].Rules.KeySeparator,
	}
	s, err := statement.Compare(ctx, from, bounds)
	if err != nil {
		return err
	}
	if err := a.showStatement(s, o.format); err != nil {
		return err
	}
	if len(s.Findings) > 0 {
		return errSaid
	}
	return nil
}

func (a *app) showStatement(s statement.Report, format string) error {
	switch {
	case a.asJSON || format == "json":
		return a.console.Object(s)
	case format == "csv":
		return writeFindings(a.console, s.Findings)
	}
	printStatement(a.console, s)
	return nil
}

func printStatement(c *console.Console, s statement.Report) {
	c.Printf("%s, %s to %s\n", s.Provider, s.From.Format(time.RFC3339), s.To.Format(time.RFC3339))
	var rows [][]console.Cell
	for _, p := range s.Places {
		accounts := strings.Join(p.Accounts, " ")
		if !p.Listed {
			c.Printf("%s %s: no account has the right to list its operations\n", p.Place, accounts)
			continue
		}
		rows = append(rows, []console.Cell{
			console.Text(p.Place), console.Text(accounts), console.Number(p.Operations), console.Number(p.Payments), console.Number(p.Ours),
			console.Number(p.Held), console.Number(p.Settling),
		})
	}
	c.Table([]string{"books", "accounts", "operations", "payments", "ours", "held here", "settling"}, rows)
	if len(s.Findings) == 0 {
		c.Printf("%s\n", c.Paint(console.Green, "nothing differs"))
		return
	}
	rows = rows[:0]
	for _, f := range s.Findings {
		rows = append(rows, []console.Cell{
			console.Styled(console.Red, string(f.Kind)), console.Text(f.Place), console.Textf("%q", f.Key), console.Text(f.Created.Format(time.RFC3339)),
			console.Text(completed(f)), console.Text(f.Ours), console.Text(f.Theirs), console.Text(amountOf(payment.Money{Minor: f.Amount, Currency: f.Currency})),
			console.Text(strings.Join(f.Operations, " ")), console.Text(f.Why),
		})
	}
	c.Table([]string{"finding", "books", "payment", "created", "completed", "ours", "theirs", "amount", "operations", "why"}, rows)
}

func completed(f statement.Finding) string {
	if f.Completed == nil {
		return ""
	}
	return f.Completed.Format(time.RFC3339)
}

// findingColumns are the columns of a CSV statement.
var findingColumns = []string{
	"finding", "books", "merchant", "account", "payment_id", "operation_ids", "created_at", "completed_at", "ours", "theirs", "amount_minor", "currency", "why",
}

// writeFindings writes findings as CSV. What came from the provider is guarded against
// being taken for a formula.
func writeFindings(c *console.Console, list []statement.Finding) error {
	w := csv.NewWriter(c.Out)
	if err := w.Write(findingColumns); err != nil {
		return err
	}
	for _, f := range list {
		if err := w.Write([]string{
			string(f.Kind), f.Place, string(f.Merchant), guarded(f.Account), guarded(f.Key), guarded(strings.Join(f.Operations, " ")),
			f.Created.Format(time.RFC3339), completed(f), f.Ours, f.Theirs, strconv.FormatInt(f.Amount, 10), string(f.Currency), guarded(f.Why),
		}); err != nil {
			return fmt.Errorf("findings: %w", err)
		}
	}
	w.Flush()
	return w.Error()
}
