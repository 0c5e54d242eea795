package main

import (
	"context"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
)

func (a *app) provisionCommand() *cobra.Command {
	var t bus.Topology
	cmd := &cobra.Command{
		Use:   "provision",
		Short: "Lay out streams and consumers; again without harm",
		Long: `Provision makes what is missing and updates what may be updated. It refuses what would
lose data: other shards, less room, shorter keeping, fewer replicas.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if t.Shards < 1 || t.Replicas < 1 || t.MaxBytes < 0 {
				return misuse("--shards and --replicas must be at least 1, --max-bytes not negative")
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.provision(ctx, t) })
		},
	}
	cmd.Flags().IntVar(&t.Shards, "shards", 1, "streams that commands and events are spread over; fixed once made")
	cmd.Flags().IntVar(&t.Replicas, "replicas", 1, "copies of every stream; 3 in production")
	cmd.Flags().Int64Var(&t.MaxBytes, "max-bytes", 0, "room of every stream in bytes; 0: 1 GiB")
	return cmd
}

func (a *app) provision(ctx context.Context, t bus.Topology) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	b, err := bus.Dial(ctx, s.Bus, "payctl", zap.NewNop())
	if err != nil {
		return unreachable(err)
	}
	defer b.Close()
	changed, err := b.Provision(ctx, t)
	if printErr := a.changes(changed); err == nil {
		err = printErr
	}
	return err
}

// changes prints what a command changed.
func (a *app) changes(lines []string) error {
	if a.asJSON {
		if lines == nil {
			lines = []string{}
		}
		return a.console.Object(map[string]any{"changed": lines})
	}
	for _, line := range lines {
		a.console.Printf("%s\n", line)
	}
	if len(lines) == 0 {
		a.console.Printf("nothing to change\n")
	}
	return nil
}
