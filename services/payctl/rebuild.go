package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) rebuildCommand() *cobra.Command {
	var swap, force bool
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Project everything again beside the live rows, and compare",
		Long: `Rebuild reads every stream from its start into a schema beside the live one, compares both
row by row at the same sequences, and says whether they are identical. The live projection
goes on meanwhile. With --swap the rebuilt rows take the place of the live ones.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if force && !swap {
				return misuse("--force is for --swap: it swaps rows that differ")
			}
			return a.rebuild(cmd.Context(), projection.RebuildOptions{Swap: swap, Force: force})
		},
	}
	cmd.Flags().BoolVar(&swap, "swap", false, "put the rebuilt rows in the place of the live ones when they are identical")
	cmd.Flags().BoolVar(&force, "force", false, "with --swap: even when they differ, because the live ones are known to be wrong")
	return cmd
}

func (a *app) rebuild(ctx context.Context, o projection.RebuildOptions) error {
	dsn, err := a.databaseURL()
	if err != nil {
		return err
	}
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	bar := a.console.Progress(-1, "rebuild")
	o.Progress = func(done, all uint64) {
		bar.Total(int64(all))
		bar.Set(int(done))
	}
	r, err := projection.Rebuild(ctx, b, dsn, o)
	bar.Done()
	if err != nil && !errors.Is(err, projection.ErrDiffers) {
		return err
	}
	if err := a.printRebuild(r); err != nil {
		return err
	}
	if err != nil {
		return errSaid
	}
	return nil
}

// rebuilt is what rebuild prints of one table.
type rebuilt struct {
	Table     string `json:"table"`
	Rows      int64  `json:"rows"`
	LiveRows  int64  `json:"live_rows"`
	Hash      string `json:"hash"`
	LiveHash  string `json:"live_hash"`
	Identical bool   `json:"identical"`
}

func (a *app) printRebuild(r projection.Report) error {
	var tables []rebuilt
	for _, name := range slices.Sorted(maps.Keys(r.Rebuilt.Tables)) {
		live, fresh := r.Live.Tables[name], r.Rebuilt.Tables[name]
		tables = append(tables, rebuilt{name, fresh.Count, live.Count, fresh.Hash, live.Hash, live == fresh})
	}
	identical := len(r.Differences) == 0
	if a.asJSON {
		return a.console.Object(map[string]any{
			"identical": identical, "tables": tables, "swapped": r.Swapped, "retired_schema": r.Retired,
			"carried": r.Carried, "missing": r.Missing, "took_s": r.Took.Seconds(),
		})
	}
	var rows [][]console.Cell
	for _, t := range tables {
		verdict := console.Styled(console.Green, "identical")
		if !t.Identical {
			verdict = console.Styled(console.Red, "differs: live has "+t.LiveHash[:12])
		}
		rows = append(rows, []console.Cell{console.Text(t.Table), console.Number(t.Rows), console.Textf("%.12s", t.Hash), verdict})
	}
	a.console.Table([]string{"table", "rows", "hash", ""}, rows)
	if r.Missing > 0 {
		a.console.Printf("%d message(s) are older than the streams and have no rows either\n", r.Missing)
	}
	switch {
	case r.Swapped:
		a.console.Printf("swapped; the former rows are in schema %s\n", r.Retired)
	case identical:
		a.console.Printf("identical, in %s\n", r.Took.Round(time.Millisecond))
	default:
		a.console.Printf("%s\n", a.console.Paint(console.Red, "the rebuilt rows differ; they are in schema "+projection.Draft+" to be looked at"))
	}
	return nil
}
