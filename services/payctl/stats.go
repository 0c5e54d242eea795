package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) statsCommand() *cobra.Command {
	var o chosen
	var groups string
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Counts, amounts, approval and decline rates of payments",
		Long: `Stats counts the payments that were created in a period, the last thirty days unless told
otherwise and at most 400, by what became of them until now, and adds up their amounts. A
payment counts on the day (UTC) on which it was created, whenever its money moved.

The approval rate is approved / (approved + declined + failed), the decline rate
declined / (approved + declined + failed).`,
		Example: `  payctl stats --from 2026-05-01 --to 2026-06-01 --group provider
  payctl stats --group day,kind --currency EUR --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.stats(ctx, o, groups) })
		},
	}
	o.period(cmd)
	cmd.Flags().StringVar(&groups, "group", "", "what payments are told apart by, some of day,provider,currency,kind; the currency always is (default day,provider,currency)")
	return cmd
}

func (a *app) stats(ctx context.Context, o chosen, groups string) error {
	params, err := o.values()
	if err != nil {
		return err
	}
	if groups != "" {
		params.Set("group", groups)
	}
	client, err := a.query()
	if err != nil {
		return err
	}
	s, err := client.Stats(ctx, params)
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(s)
	}
	a.printStats(s)
	return nil
}

func (a *app) printStats(s api.Stats) {
	const minute = "2006-01-02 15:04"
	a.console.Printf("payments created from %s to %s UTC\n", s.From.Format(minute), s.To.Format(minute))
	header := append(slices.Clone(s.Group), "payments", "approved", "declined", "failed", "expired", "rejected", "open",
		"approval", "decline", "authorized", "captured", "refunded", "paid out")
	var rows [][]console.Cell
	for _, g := range s.Rows {
		rows = append(rows, append(groupCells(g), statsCells(g)...))
	}
	a.console.Table(header, rows)
}

func groupCells(g api.StatsGroup) []console.Cell {
	var cells []console.Cell
	for _, name := range []*string{g.Day, g.Provider, g.Currency, g.Kind} {
		switch {
		case name == nil:
		case *name == "":
			cells = append(cells, console.Text("-"))
		default:
			cells = append(cells, console.Text(*name))
		}
	}
	return cells
}

func statsCells(g api.StatsGroup) []console.Cell {
	var currency payment.Currency
	if g.Currency != nil {
		currency = payment.Currency(*g.Currency)
	}
	right := func(text string) console.Cell { return console.Cell{Text: text, Right: true} }
	return []console.Cell{
		console.Number(g.Payments), console.Number(g.Approved), console.Number(g.Declined), console.Number(g.Failed),
		console.Number(g.Expired), console.Number(g.Rejected), console.Number(g.Open), right(percent(g.ApprovalRate)), right(percent(g.DeclineRate)),
		right(major(g.Authorized, currency)), right(major(g.Captured, currency)), right(major(g.Refunded, currency)), right(major(g.PaidOut, currency)),
	}
}

// percent writes a rate for people; "-" where there is none.
func percent(rate *json.Number) string {
	if rate == nil {
		return "-"
	}
	f, err := rate.Float64()
	if err != nil {
		return rate.String()
	}
	return fmt.Sprintf("%.2f %%", 100*f)
}

// major writes minor units in major ones. A number that is larger than an amount
// can be stays as it is, and says so.
func major(minor json.Number, c payment.Currency) string {
	n, err := strconv.ParseInt(minor.String(), 10, 64)
	if err != nil {
		return minor.String() + " minor"
	}
	return strings.TrimSuffix(payment.Money{Minor: n, Currency: c}.String(), " "+string(c))
}
