package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/payouts"
)

func (a *app) payoutsCommand() *cobra.Command {
	cmd := group("payouts", "Send many payouts, and export what became of them", a.payoutsSend(), a.payoutsExport())
	cmd.Aliases = []string{"payout"}
	return cmd
}

// sendOptions are the flags of payouts send.
type sendOptions struct {
	file, key, results string
	dryRun             bool
	patience           time.Duration
}

func (a *app) payoutsSend() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send FILE",
		Short: "Send a file of payouts, a line each, and say of each line what became of it",
		Long: `Send reads CSV with a header, or JSON lines, from FILE or, for -, from standard input, and
sends it to ingress (PAYLOOM_INGRESS, PAYLOOM_API_KEY). A bad line does not stop the
others. FILE.results.csv, or .ndjson, has one line for each payout, in order; for standard
input the results go to standard output.

What goes wrong on the way is tried again. Send may be interrupted and started again:
FILE.progress says where to go on, and it is gone once every line is answered. Without it
the file is sent from its beginning, which does no harm: what was stored is answered
"replayed" and paid once. For that a payout is known by its req_id or, without one, by
--key, which is FILE's name without its folder, and its payment_id. One with neither is
rejected.

The exit code is 1 when a line was rejected.`,
		Example: `  payctl payouts send july.csv --dry-run
  payctl payouts send july.csv
  jq -c '.[]' july.json | payctl payouts send - --key july`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return a.sendPayouts(cmd.Context(), o)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []cobra.Completion{"csv", "ndjson", "jsonl"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().StringVar(&o.key, "key", "", "the batch's idempotency key, 1 to 190 visible ASCII characters")
	cmd.Flags().StringVar(&o.results, "results", "", "file of the results, CSV if it ends so, JSON lines otherwise")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "check every line on this machine and send nothing")
	cmd.Flags().DurationVar(&o.patience, "patience", 5*time.Minute, "how long to try again without an answer to any line")
	_ = cmd.MarkFlagFilename("results")
	return cmd
}

// shop is where an order system sends its commands.
type shop struct {
	Ingress string      `env:"PAYLOOM_INGRESS" envDefault:"http://localhost:8080" desc:"base URL of ingress"`
	APIKey  conf.Secret `env:"PAYLOOM_API_KEY" desc:"an API key with the scope that it takes: payout to pay out, read to have a provider asked"`
}

// shop returns where commands go. scope is what its API key has to have.
func (a *app) shop(scope account.Scope) (shop, error) {
	environ, err := a.surroundings()
	if err != nil {
		return shop{}, err
	}
	var s shop
	if err := conf.Load(&s, environ); err != nil {
		return shop{}, err
	}
	if s.APIKey == "" {
		return shop{}, fmt.Errorf("PAYLOOM_API_KEY is not set: set it to a key with the scope %s (file:PATH reads it from a file), or --dir to the folder of a running payctl up", scope)
	}
	s.Ingress = strings.TrimSuffix(s.Ingress, "/")
	return s, nil
}

var plainKey = regexp.MustCompile(`^[!-~]+$`)

// complete fills in what the flags leave open.
func (o *sendOptions) complete() error {
	stdin := o.file == "-"
	switch {
	case o.patience <= 0:
		return misuse("--patience: %s is not above 0", o.patience)
	case o.key == "" && stdin && !o.dryRun:
		return misuse("--key is required for standard input: the same again for the same payouts")
	case o.key == "" && stdin:
		o.key = "-"
	case o.key == "":
		o.key = keyOf(o.file)
	case payment.ReqID(o.key).Validate() != nil || len(o.key) > payouts.MaxKey:
		return misuse("--key must be 1 to %d visible ASCII characters", payouts.MaxKey)
	}
	return nil
}

// keyOf returns the idempotency key of a file: its name, or a digest of a name that is
// no key.
func keyOf(path string) string {
	name := filepath.Base(path)
	if plainKey.MatchString(name) && len(name) <= payouts.MaxKey {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "file:" + hex.EncodeToString(sum[:])
}

func (a *app) sendPayouts(ctx context.Context, o sendOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	if o.dryRun {
		return a.checkPayouts(ctx, o)
	}
	at, err := a.shop(account.ScopePayout)
	if err != nil {
		return err
	}
	s := &sending{app: a, options: o, shop: at}
	if o.file == "-" {
		err = s.stream(ctx)
	} else {
		err = s.send(ctx)
	}
	if err != nil {
		return err
	}
	return s.summary()
}

func (a *app) payoutsExport() *cobra.Command {
	o := exportOptions{}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "All payouts of a merchant as CSV or JSON lines, oldest first",
		Long: `Export is "payctl payments export" for payouts alone. Its columns are the same: captured is
what was paid out, reason and code say why something was not.`,
		Example: `  payctl payouts export --from 2026-07-01 --to 2026-08-01 -o july-paid.csv
  payctl payouts export --state declined --format json | jq -r '[.payment_id, .code] | @tsv'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.kind = string(payment.Payout)
			return a.export(cmd.Context(), o)
		},
	}
	o.flags(cmd)
	_ = cmd.Flags().MarkHidden("kind")
	return cmd
}

// plural writes a number of things.
func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}
