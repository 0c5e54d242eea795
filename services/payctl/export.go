package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

// exportOptions are the flags of payment export.
type exportOptions struct {
	chosen
	format, file string
	kind         string // of what began the payment; empty: any
}

func (a *app) paymentExport() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "All payments of a merchant as CSV or JSON lines, oldest first",
		Long: `Export asks the query API for all payments that the flags choose and writes them as CSV
(RFC 4180) or as JSON, one object on each line. It checks that what came is whole: with -o
the file is there only then, and a file of that name is replaced only then; without, the
exit code tells. Text in CSV that a spreadsheet would take for a formula has an apostrophe
before it. Nothing about buyers is exported.`,
		Example: `  payctl payments export --from 2026-05-01 --to 2026-06-01 -o may.csv
  payctl payments export --format json --state declined --provider computop | jq -r .code | sort | uniq -c`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.export(cmd.Context(), o) },
	}
	o.flags(cmd)
	return cmd
}

// flags adds what all exports know.
func (o *exportOptions) flags(cmd *cobra.Command) {
	o.period(cmd)
	cmd.Flags().StringVar(&o.state, "state", "", "only payments in this state")
	cmd.Flags().StringVar(&o.kind, "kind", "", "only what was begun by this: authorize or payout")
	cmd.Flags().StringVar(&o.q, "q", "", "only payments whose id begins so, or with this reference of the provider")
	cmd.Flags().StringVar(&o.format, "format", "", "csv or json; csv unless --json")
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "write to this file")
	fixed(cmd, "state", append([]string{"accepted", "new"}, words(payment.States())...))
	fixed(cmd, "kind", words([]payment.Kind{payment.Authorize, payment.Payout}))
	fixed(cmd, "format", []string{"csv", "json"})
	_ = cmd.MarkFlagFilename("output")
}

func (a *app) export(ctx context.Context, o exportOptions) error {
	switch {
	case o.format == "" && a.asJSON:
		o.format = "json"
	case o.format == "":
		o.format = "csv"
	case o.format != "csv" && o.format != "json":
		return misuse("--format: %q is not csv or json", o.format)
	}
	params, err := o.values()
	if err != nil {
		return err
	}
	params.Set("format", o.format)
	if o.kind != "" {
		params.Set("kind", o.kind)
	}
	client, err := a.query()
	if err != nil {
		return err
	}
	from, err := client.Export(ctx, params)
	if err != nil {
		return err
	}
	defer from.Close()
	if o.file != "" {
		return a.exportTo(o, from)
	}
	if _, err := a.copyExport(a.out, from, o.format); err != nil {
		return fmt.Errorf("what was written must not be used: %w", err)
	}
	return nil
}

// exportTo writes a file that is there only when it is whole.
func (a *app) exportTo(o exportOptions, from *api.Export) error {
	part, err := os.CreateTemp(filepath.Dir(o.file), ".payments-*.part")
	if err != nil {
		return err
	}
	n, err := a.copyExport(part, from, o.format)
	if err = errors.Join(err, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), o.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	a.console.Note(fmt.Sprintf("%d payments in %s", n, o.file))
	return nil
}

// copyExport copies an export, shows how far it is, and checks that it is whole. It
// returns the number of payments.
func (a *app) copyExport(to io.Writer, from *api.Export, format string) (int, error) {
	bar := a.console.Progress(-1, "payments")
	defer bar.Done()
	c := &counter{to: to, bar: bar, csv: format == "csv"}
	if _, err := io.Copy(c, from); err != nil {
		return c.payments(), err
	}
	return c.payments(), from.Check(c.payments())
}

// counter counts the records of what is written through it.
type counter struct {
	to      io.Writer
	bar     *console.Bar
	csv     bool
	quoted  bool // within a quoted cell of CSV, where a line's end ends no record
	records int
}

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	for _, char := range b {
		switch {
		case char == '"' && c.csv:
			c.quoted = !c.quoted // twice for a quote within
		case char == '\n' && !c.quoted:
			c.records++
		}
	}
	c.bar.Set(c.payments())
	return c.to.Write(b)
}

// payments returns the number of records without the header.
func (c *counter) payments() int {
	if c.csv {
		return max(c.records-1, 0)
	}
	return c.records
}
