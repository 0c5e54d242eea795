package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/webhook/delivery"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) webhooksCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "How each merchant's endpoints fare",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.brief(cmd.Context(), a.listEndpoints)
		},
	}
	return group("webhooks", "Endpoints that merchants are told at", list, a.webhooksResume())
}

func (a *app) webhooksResume() *cobra.Command {
	var o operator
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "resume MERCHANT/ENDPOINT",
		Short: "Send to an endpoint again that answered 410, or asked for a pause",
		Long: `Resume lets messages go to an endpoint again. With --since, those that were given up within
that time are sent, too. Senders notice within a minute.`,
		Example: `  payctl webhooks resume demo/shop --since 72h --reason "the shop has moved back"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			merchant, endpoint, ok := strings.Cut(args[0], "/")
			if !ok || merchant == "" || endpoint == "" || since < 0 {
				return misuse("name the endpoint as MERCHANT/ENDPOINT, and no negative --since; payctl webhooks list shows them")
			}
			if err := o.check(); err != nil {
				return err
			}
			k := delivery.Key{Merchant: payment.Merchant(merchant), Endpoint: endpoint}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.resumeEndpoint(ctx, o, k, since) })
		},
	}
	operatorFlags(cmd, &o)
	cmd.Flags().DurationVar(&since, "since", 0, "send again what was given up within this time, such as 72h")
	return cmd
}

// deliveries returns the rows of webhooks, which the caller closes.
func (a *app) deliveries(ctx context.Context) (*pgxpool.Pool, error) {
	dsn, err := a.databaseURL()
	if err != nil {
		return nil, err
	}
	pool, err := delivery.Open(ctx, dsn, "payctl")
	if err != nil {
		return nil, err
	}
	if err := delivery.CheckMigrated(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func (a *app) listEndpoints(ctx context.Context) error {
	pool, err := a.deliveries(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	all, err := delivery.Endpoints(ctx, pool)
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"endpoints": append([]delivery.Endpoint{}, all...)})
	}
	var rows [][]console.Cell
	for _, e := range all {
		rows = append(rows, []console.Cell{
			console.Textf("%s/%s", e.Merchant, e.Endpoint), console.Text(fare(e)), console.Number(uint64(max(e.Pending, 0))),
			console.Number(uint64(max(e.Expired, 0))), console.Text(timeOrNone(e.Oldest)),
		})
	}
	a.console.Table([]string{"endpoint", "state", "pending", "given up", "oldest pending"}, rows)
	return nil
}

// fare says in a word how an endpoint fares.
func fare(e delivery.Endpoint) string {
	switch {
	case e.DisabledAt != nil:
		return "disabled since " + e.DisabledAt.Format(time.RFC3339)
	case e.HoldUntil != nil:
		return "on hold until " + e.HoldUntil.Format(time.RFC3339)
	}
	return "ok"
}

func timeOrNone(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func (a *app) resumeEndpoint(ctx context.Context, o operator, k delivery.Key, since time.Duration) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	pool, err := a.deliveries(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	var from time.Time
	if since > 0 {
		from = time.Now().Add(-since)
	}
	var again int64
	r := o.record("webhooks.resume")
	r.Merchant, r.Object = k.Merchant, k.Endpoint
	err = b.Audited(ctx, r, func(ctx context.Context) (string, error) {
		again, err = delivery.Resume(ctx, pool, k, from)
		return fmt.Sprintf("%d messages are sent again", again), err
	})
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"endpoint": k.Endpoint, "merchant": k.Merchant, "sent_again": again})
	}
	a.console.Printf("%s/%s: resumed, %d messages are sent again\n", k.Merchant, k.Endpoint, again)
	return nil
}
