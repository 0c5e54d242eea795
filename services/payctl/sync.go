package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// syncAction is what having a provider asked is called in the audit.
const syncAction = "payment.sync"

// syncOptions are the flags of payment sync.
type syncOptions struct {
	operator
	merchant string
	wait     time.Duration
}

func (a *app) paymentSync() *cobra.Command {
	var o syncOptions
	cmd := &cobra.Command{
		Use:   "sync PAYMENT_ID",
		Short: "Have the provider asked what became of a payment",
		Long: `Sync sends a command by which the worker asks the provider, and learns what it says. It moves no
money, and may be sent as often as one likes. It goes to ingress (PAYLOOM_INGRESS) with a key of
the merchant's that has the scope read (PAYLOOM_API_KEY), and takes a line of the audit.

With --wait it shows the payment when the provider was asked, and fails when nobody was in time:
the command is stored then, and goes on.`,
		Example: `  payctl payment sync order-1 --wait 1m`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.wait < 0 {
				return misuse("--wait: %s is negative", o.wait)
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.sync(cmd.Context(), o, payment.ID(args[0]))
		},
		ValidArgsFunction: a.completePayments(&o.merchant),
	}
	merchantFlag(cmd, &o.merchant)
	operatorFlags(cmd, &o.operator)
	reason := cmd.Flags().Lookup("reason")
	reason.DefValue = "what has become of it"
	o.reason = reason.DefValue
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "how long to wait until the provider was asked; 0: not at all")
	return cmd
}

func (a *app) sync(ctx context.Context, o syncOptions, id payment.ID) error {
	s, err := a.shop(account.ScopeRead)
	if err != nil {
		return err
	}
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	var c payment.CommandID
	err = a.brief(ctx, func(ctx context.Context) error {
		c, err = o.send(ctx, b, api.New(s.Ingress, "", s.APIKey.Reveal(), 1), id)
		return err
	})
	if err != nil {
		return err
	}
	if o.wait == 0 {
		return a.printSync(c, statusAccepted, nil)
	}
	after, status, err := o.await(ctx, b, id, c)
	if err != nil {
		return fmt.Errorf("nobody has asked the provider within %s: see payctl command get %s: %w", o.wait, c, err)
	}
	return a.printSync(c, status, &after)
}

// send has the command stored, between two records of the audit. The payment is looked
// for first: ingress knows only those of its key's merchant.
func (o syncOptions) send(ctx context.Context, b *bus.Bus, shop *api.Client, id payment.ID) (payment.CommandID, error) {
	head, err := loadPayment(ctx, b, payment.Merchant(o.merchant), id)
	if err != nil {
		return "", err
	}
	req := "payctl-sync-" + bus.NewEventID()
	r := o.record(syncAction)
	r.Merchant, r.Payment, r.Provider = head.Payment.Merchant, id, head.Payment.Provider
	r.Command = payment.DeriveCommandID(r.Merchant, payment.ReqID(req))
	return r.Command, b.Audited(ctx, r, func(ctx context.Context) (string, error) {
		got, err := shop.Send(ctx, "/v1/payments/"+url.PathEscape(string(id))+"/sync", req, struct{}{})
		if err != nil {
			return "", err
		}
		if got.CommandID != string(r.Command) {
			return "", errors.New("PAYLOOM_API_KEY is a key of another merchant, whose payment of the same id is asked about now; see --merchant")
		}
		return "command " + got.CommandID, nil
	})
}

// await follows the payment until the command has an end, and returns the payment then
// and which end. It fails when there is none in time, or when ctx ends before.
func (o syncOptions) await(ctx context.Context, b *bus.Bus, id payment.ID, c payment.CommandID) (payment.Payment, string, error) {
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	var after payment.Payment
	v := commandView{ID: c, Status: statusAccepted}
	err := followPayment(ctx, b, payment.Merchant(o.merchant), id, func(m bus.Message) error {
		rec, err := wire.UnmarshalRecord(m.Data)
		if err != nil {
			return err
		}
		after = rec.After
		if v.fate(after); v.Status == statusAccepted {
			return nil
		}
		return errEnough
	})
	if err == nil && v.Status == statusAccepted {
		err = ctx.Err() // to follow until then is no failure
	}
	return after, v.Status, err
}

func (a *app) printSync(c payment.CommandID, status string, after *payment.Payment) error {
	if a.asJSON {
		out := map[string]any{"command_id": c, "status": status}
		if after != nil {
			out["payment"] = viewOf(*after)
		}
		return a.console.Object(out)
	}
	a.console.Printf("command %s: %s\n", c, status)
	if after == nil {
		return nil
	}
	return a.printPayment(*after)
}
