package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
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
