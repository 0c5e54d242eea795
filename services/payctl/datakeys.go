package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/seal"
)

func (a *app) dataKeysCommand() *cobra.Command {
	return group("data-keys", "The keys that personal data is sealed with", a.dataKeysGenerate(), a.dataKeysRewrap())
}

func (a *app) dataKeysGenerate() *cobra.Command {
	return &cobra.Command{
		Use:   "generate",
		Short: "Draw a key-encryption key and print it, for a file of secrets",
		Example: `  (umask 077; payctl data-keys generate > /run/secrets/data-key-2026-11)
  export PAYLOOM_DATA_KEYS=2026-11=file:/run/secrets/data-key-2026-11`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, seal.GenerateKEK().Reveal())
			return err
		},
	}
}

func (a *app) dataKeysRewrap() *cobra.Command {
	var o operator
	cmd := &cobra.Command{
		Use:   "rewrap",
		Short: "Wrap every data key by the newest key-encryption key",
		Long: `Rewrap ends a rotation. Before it, every program has the new key first and the old one after
it in PAYLOOM_DATA_KEYS; after it, the old one can be taken out. No message is changed.`,
		Example: `  export PAYLOOM_DATA_KEYS=2026-11=file:/run/secrets/data-key-2026-11,2026-05=file:/run/secrets/data-key-2026-05
  payctl data-keys rewrap --reason "rotation of November"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.rewrap(cmd.Context(), o)
		},
	}
	operatorFlags(cmd, &o)
	return cmd
}

func (a *app) rewrap(ctx context.Context, o operator) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	var n, all int
	err = b.Audited(ctx, o.record("data-keys.rewrap"), func(ctx context.Context) (string, error) {
		var err error
		n, all, err = b.Rewrap(ctx)
		return fmt.Sprintf("%d of %d keys", n, all), err
	})
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]int{"rewrapped": n, "keys": all})
	}
	a.console.Printf("%d of %d data keys wrapped anew\n", n, all)
	return nil
}
