package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) callbacksCommand() *cobra.Command {
	return group("callbacks", "Look at providers' callbacks, and interpret them again", a.callbacksList(), a.callbacksReverify())
}

// callbackFilter are the flags of callbacks list.
type callbackFilter struct {
	since   time.Duration
	verdict string
	payment string
}

func (a *app) callbacksList() *cobra.Command {
	var f callbackFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Callbacks as they came in, without their contents",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.listCallbacks(ctx, f) })
		},
	}
	cmd.Flags().DurationVar(&f.since, "since", time.Hour, "how far to look back")
	cmd.Flags().StringVar(&f.verdict, "verdict", "", "only those that the receiver found to be so")
	cmd.Flags().StringVar(&f.payment, "payment", "", "only this payment's")
	fixed(cmd, "verdict", words([]wire.Verdict{wire.Accepted, wire.Unverified, wire.Quarantined}))
	return cmd
}

// callbackView is a callback without what it holds.
type callbackView struct {
	ID       string            `json:"id"`
	Stored   time.Time         `json:"stored"`
	Provider payment.Provider  `json:"provider"`
	Merchant payment.Merchant  `json:"merchant"`
	Account  string            `json:"account"`
	Kind     wire.CallbackKind `json:"kind"`
	Page     string            `json:"page,omitempty"`
	Verdict  wire.Verdict      `json:"verdict"`
	Reason   string            `json:"reason,omitempty"`
	Payment  payment.ID        `json:"payment_id,omitempty"`
	Bytes    int               `json:"bytes"`
}

func (f callbackFilter) wants(c wire.StoredCallback) bool {
	return (f.verdict == "" || f.verdict == string(c.Verdict)) && (f.payment == "" || f.payment == string(c.Payment))
}

func (a *app) listCallbacks(ctx context.Context, f callbackFilter) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	now, err := b.Now(ctx)
	if err != nil {
		return err
	}
	all := []callbackView{}
	err = b.ReadCallbacks(ctx, now.Add(-f.since), func(_ context.Context, c wire.StoredCallback, stored time.Time) error {
		if f.wants(c) {
			all = append(all, callbackView{
				c.ID, stored, c.Provider, c.Merchant, c.Account, c.Kind, c.Page, c.Verdict, c.Reason, c.Payment, len(c.Body) + len(c.Query),
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"callbacks": all})
	}
	var rows [][]console.Cell
	for _, c := range all {
		style := console.Green
		if c.Verdict != wire.Accepted {
			style = console.Yellow
		}
		rows = append(rows, []console.Cell{
			console.Text(c.Stored.Format(timeLayout)), console.Text(c.Provider), console.Text(c.Kind), console.Styled(style, string(c.Verdict)),
			console.Text(c.Payment), console.Number(c.Bytes), console.Text(c.Reason), console.Text(c.ID),
		})
	}
	a.console.Table([]string{"stored", "provider", "from", "verdict", "payment", "bytes", "reason", "id"}, rows)
	return nil
}

func (a *app) callbacksReverify() *cobra.Command {
	var since time.Duration
	which := string(callback.OnlyQuarantined)
	cmd := &cobra.Command{
		Use:   "reverify",
		Short: "Interpret stored callbacks again, after a key was put right",
		Long: `Reverify reads stored callbacks and interprets them with the keys of now, from the accounts
file at PAYLOOM_ACCOUNTS. What a payment knows already it does not learn twice, so this
may be run again, and beside the service.`,
		Example: `  payctl callbacks reverify --since 6h
  payctl callbacks reverify --since 24h --which failed`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(choices(), which) {
				return misuse("--which: must be one of %s", strings.Join(choices(), ", "))
			}
			if since <= 0 {
				return misuse("--since: name how far to look back, such as 6h")
			}
			return a.reverify(cmd.Context(), callback.Which(which), since)
		},
	}
	cmd.Flags().DurationVar(&since, "since", 0, "how far to look back")
	cmd.Flags().StringVar(&which, "which", which, "which callbacks: "+strings.Join(choices(), ", "))
	fixed(cmd, "which", choices())
	return cmd
}

func choices() []string {
	return words([]callback.Which{callback.OnlyQuarantined, callback.OnlyFailed, callback.Everything})
}

func (a *app) reverify(ctx context.Context, which callback.Which, since time.Duration) error {
	path, err := a.accountsFile(nil)
	if err != nil {
		return err
	}
	accounts, err := account.Watch(ctx, path, zap.NewNop())
	if err != nil {
		return err
	}
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	now, err := b.Now(ctx)
	if err != nil {
		return err
	}
	interpreter := callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: accounts, Parsers: providers.Parsers(accounts), Verify: providers.NewVerifier(accounts).Callback, Ledger: b,
	})
	counts, err := callback.Reverify(ctx, b, interpreter, which, now.Add(-since), a.reportReverified)
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Line(map[string]any{"counts": counts})
	}
	for _, outcome := range slices.Sorted(maps.Keys(counts)) {
		a.console.Printf("%-12s %d\n", outcome, counts[outcome])
	}
	if len(counts) == 0 {
		a.console.Printf("no callback to look at in the last %s\n", since)
	}
	return nil
}

func (a *app) reportReverified(l callback.Line) {
	if a.asJSON {
		_ = a.console.Line(l) // whoever reads has gone if this fails
		return
	}
	a.console.Printf("%s  %s  was %s, now %s, %d event(s)%s\n", l.Stored.Format(timeLayout), l.ID, l.Was, l.Outcome, l.Events, prefixed(": ", l.Why))
}
