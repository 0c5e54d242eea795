package main

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
)

func (a *app) provisionCommand() *cobra.Command {
	var t bus.Topology
	var wait time.Duration
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
			return a.provisionWithin(cmd.Context(), t, wait)
		},
	}
	cmd.Flags().IntVar(&t.Shards, "shards", 1, "streams that commands and events are spread over; fixed once made")
	cmd.Flags().IntVar(&t.Replicas, "replicas", 1, "copies of every stream; 3 in production")
	cmd.Flags().Int64Var(&t.MaxBytes, "max-bytes", 0, "room of every stream in bytes; 0: 1 GiB")
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to try again while the broker is not up, or has not found its other servers")
	return cmd
}

// provisionWithin tries until it is done, it is refused, or wait is over. A broker
// of several servers takes a while to agree who leads.
func (a *app) provisionWithin(ctx context.Context, t bus.Topology, wait time.Duration) error {
	once := func() error {
		return a.brief(ctx, func(ctx context.Context) error { return a.provision(ctx, t) })
	}
	if wait <= 0 {
		return once()
	}
	try := func() error {
		err := once()
		if errors.Is(err, bus.ErrWouldLose) {
			return backoff.Permanent(err)
		}
		return err
	}
	pause := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(250*time.Millisecond), backoff.WithMaxInterval(2*time.Second), backoff.WithMaxElapsedTime(wait))
	return backoff.RetryNotify(try, backoff.WithContext(pause, ctx), func(err error, _ time.Duration) { a.console.Note("not yet: " + err.Error()) })
}

func (a *app) provision(ctx context.Context, t bus.Topology) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	b, err := bus.Dial(ctx, s.Bus, bus.Provisioner, zap.NewNop())
	if err != nil {
		return unreachable(err)
	}
	defer b.Close()
	changed, err := b.Provision(ctx, t)
	if err != nil && len(changed) == 0 {
		return err
	}
	return errors.Join(err, a.changes(changed))
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
