package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) paymentCommand() *cobra.Command {
	cmd := group("payment", "Look at payments, and have providers asked about them",
		a.paymentGet(), a.paymentList(), a.paymentTimeline(), a.paymentExport(), a.paymentSync())
	cmd.Aliases = []string{"payments"}
	return cmd
}

// errNoPayment says that nothing ever happened to a payment.
var errNoPayment = errors.New("no such payment")

// loadPayment returns a payment as its last event tells.
func loadPayment(ctx context.Context, b *bus.Bus, m payment.Merchant, id payment.ID) (payment.Head, error) {
	if err := errors.Join(m.Validate(), id.Validate()); err != nil {
		return payment.Head{}, misuse("%v", err)
	}
	head, err := b.Load(ctx, m, id)
	if err == nil && head.Seq == 0 {
		err = fmt.Errorf("%w: %s of merchant %s has no events (see --merchant)", errNoPayment, id, m)
	}
	return head, err
}

func (a *app) paymentGet() *cobra.Command {
	var merchant string
	cmd := &cobra.Command{
		Use:   "get PAYMENT_ID",
		Short: "What a payment has become, from its last event",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.brief(cmd.Context(), func(ctx context.Context) error {
				b, err := a.connect(ctx)
				if err != nil {
					return err
				}
				defer b.Close()
				head, err := loadPayment(ctx, b, payment.Merchant(merchant), payment.ID(args[0]))
				if err != nil {
					return err
				}
				return a.printPayment(head.Payment)
			})
		},
		ValidArgsFunction: a.completePayments(&merchant),
	}
	merchantFlag(cmd, &merchant)
	return cmd
}

// paymentView is a payment without personal data.
type paymentView struct {
	ID         payment.ID          `json:"payment_id"`
	Merchant   payment.Merchant    `json:"merchant"`
	Provider   payment.Provider    `json:"provider"`
	Account    string              `json:"account"`
	State      payment.State       `json:"state"`
	Version    uint64              `json:"version"`
	Currency   payment.Currency    `json:"currency"`
	Amount     int64               `json:"amount"`
	Authorized int64               `json:"authorized"`
	Captured   int64               `json:"captured"`
	Refunded   int64               `json:"refunded"`
	Operations []operationView     `json:"operations"`
	Rejected   []payment.CommandID `json:"rejected_commands,omitempty"`
	Mandate    string              `json:"mandate,omitempty"`
	Frozen     string              `json:"frozen,omitempty"`
	CreatedAt  time.Time           `json:"created_at"`
	UpdatedAt  time.Time           `json:"updated_at"`
}

type operationView struct {
	Command  payment.CommandID `json:"command_id"`
	Kind     payment.Kind      `json:"kind"`
	Status   payment.OpStatus  `json:"status"`
	Amount   int64             `json:"amount"`
	Effect   int64             `json:"effect"`
	Attempts int               `json:"attempts"`
	Ref      string            `json:"ref,omitempty"`
	Code     string            `json:"code,omitempty"`
	Reason   payment.Reason    `json:"reason,omitempty"`
	At       time.Time         `json:"at"`
}

func viewOf(p payment.Payment) paymentView {
	v := paymentView{
		ID: p.ID, Merchant: p.Merchant, Provider: p.Provider, Account: p.Account, State: p.State, Version: p.Version,
		Currency: p.Amount.Currency, Amount: p.Amount.Minor, Authorized: p.Authorized, Captured: p.Captured, Refunded: p.Refunded,
		Operations: []operationView{}, Rejected: p.Rejected, Frozen: p.Frozen, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
	if p.Mandate != nil {
		v.Mandate = p.Mandate.ID
	}
	for _, op := range p.Operations {
		v.Operations = append(v.Operations, operationView{
			op.ID, op.Kind, op.Status, op.Amount.Minor, op.Effect, op.Attempt.Number, op.Ref, op.Code, op.Reason, op.At,
		})
	}
	return v
}

func (a *app) printPayment(p payment.Payment) error {
	if a.asJSON {
		return a.console.Object(viewOf(p))
	}
	c := a.console
	money := func(minor int64) string { return payment.Money{Minor: minor, Currency: p.Amount.Currency}.String() }
	for _, line := range [][2]string{
		{"payment", string(p.ID)}, {"merchant", string(p.Merchant)}, {"provider", string(p.Provider)},
		{"state", c.Paint(stateStyle(p.State), string(p.State))}, {"amount", money(p.Amount.Minor)},
		{"authorized", money(p.Authorized)}, {"captured", money(p.Captured)}, {"refunded", money(p.Refunded)},
		{"version", fmt.Sprint(p.Version)}, {"updated", p.UpdatedAt.Format(time.RFC3339)},
	} {
		c.Printf("%-11s %s\n", line[0], line[1])
	}
	if p.Frozen != "" {
		c.Printf("%-11s %s\n", "frozen", c.Paint(console.Red, p.Frozen))
	}
	if len(p.Operations) == 0 {
		return nil
	}
	c.Printf("\n")
	var rows [][]console.Cell
	for _, op := range p.Operations {
		rows = append(rows, []console.Cell{
			console.Text(op.Kind), console.Styled(statusStyle(op.Status), string(op.Status)), console.Number(op.Amount.Minor),
			console.Number(op.Effect), console.Number(op.Attempt.Number), console.Text(op.Reason), console.Text(op.ID),
		})
	}
	c.Table([]string{"operation", "status", "asked", "effect", "attempts", "reason", "command"}, rows)
	return nil
}

func statusStyle(s payment.OpStatus) console.Style {
	switch s {
	case payment.OpSucceeded:
		return console.Green
	case payment.OpDeclined, payment.OpFailed, payment.OpRejected, payment.OpParked:
		return console.Red
	case payment.OpOpen, payment.OpUnknown, payment.OpWaiting, payment.OpAction, payment.OpPending:
		return console.Yellow
	}
	return console.Plain
}

// listOptions are the flags of payment list.
type listOptions struct {
	merchant, state, provider, prefix string
	attention, open                   bool
	older                             time.Duration
	limit                             int
}

func (o listOptions) check() error {
	if o.limit < 1 || o.limit > 10000 {
		return misuse("--limit: %d is not 1 to 10000", o.limit)
	}
	if o.older < 0 || o.older > 0 && !o.open {
		return misuse("--older: %s is for --open, and not negative", o.older)
	}
	return nil
}

func (a *app) paymentList() *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Payments from the rows, newest first",
		Long: `List shows one merchant's payments, or every merchant's with --merchant "". With --open it shows
those of which a command has no end yet, whatever state they are in, the one that stands longest
first: what an alert about stuck payments speaks of. They are every merchant's unless --merchant
names one.`,
		Example: `  payctl payment list --open --older 15m
  payctl payment list --merchant "" --attention`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.open && !cmd.Flags().Changed("merchant") {
				o.merchant = ""
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.listPayments(ctx, o) })
		},
	}
	merchantFlag(cmd, &o.merchant)
	cmd.Flags().StringVar(&o.state, "state", "", "only payments in this state")
	cmd.Flags().StringVar(&o.provider, "provider", "", "only payments at this provider")
	cmd.Flags().StringVar(&o.prefix, "prefix", "", "only payments whose id begins so")
	cmd.Flags().BoolVar(&o.attention, "attention", false, "only payments that a person has to look at")
	cmd.Flags().BoolVar(&o.open, "open", false, "only payments of which a command has no end yet, of all merchants unless one is named")
	cmd.Flags().DurationVar(&o.older, "older", 0, "with --open: only those whose command was accepted so long ago, such as 15m")
	cmd.Flags().IntVar(&o.limit, "limit", 50, "at most so many")
	fixed(cmd, "state", append([]string{"accepted"}, words(payment.States())...))
	fixed(cmd, "provider", words(payment.Providers()))
	return cmd
}

// paymentRow is a row of payments.
type paymentRow struct {
	ID         string    `json:"payment_id"`
	Merchant   string    `json:"merchant"`
	Provider   string    `json:"provider"`
	State      string    `json:"state"`
	Currency   string    `json:"currency"`
	Amount     int64     `json:"amount"`
	Authorized int64     `json:"authorized"`
	Captured   int64     `json:"captured"`
	Refunded   int64     `json:"refunded"`
	Version    int64     `json:"version"`
	Attention  bool      `json:"attention"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// openSQL chooses payments by their operations that have no end, and that no person has
// to end. $7 is how old they have to be.
const openSQL = `
SELECT p.payment_id, p.merchant, p.provider, p.state, p.currency, p.amount, p.authorized, p.captured, p.refunded, p.version, p.attention,
	p.created_at, p.updated_at
FROM payments p JOIN (
	SELECT merchant, payment_id, min(coalesce(accepted_at, at)) AS since FROM operations
	WHERE status IN ('accepted', 'open', 'unknown', 'waiting') GROUP BY merchant, payment_id
) o USING (merchant, payment_id)
WHERE ($1 = '' OR p.merchant = $1) AND ($2 = '' OR p.state = $2) AND ($3 = '' OR p.provider = $3) AND starts_with(p.payment_id, $4)
	AND (p.attention OR NOT $5) AND o.since <= now() - $7::interval
ORDER BY o.since, p.payment_id LIMIT $6`

const listSQL = `
SELECT payment_id, merchant, provider, state, currency, amount, authorized, captured, refunded, version, attention, created_at, updated_at
FROM payments
WHERE ($1 = '' OR merchant = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR provider = $3) AND starts_with(payment_id, $4) AND (attention OR NOT $5)
ORDER BY created_at DESC, payment_id DESC LIMIT $6`

func (a *app) payments(ctx context.Context, o listOptions) ([]paymentRow, error) {
	db, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	sql, params := listSQL, []any{o.merchant, o.state, o.provider, o.prefix, o.attention, o.limit}
	if o.open {
		sql, params = openSQL, append(params, o.older)
	}
	rows, err := db.Query(ctx, sql, params...)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[paymentRow])
}

func (a *app) listPayments(ctx context.Context, o listOptions) error {
	list, err := a.payments(ctx, o)
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"payments": append([]paymentRow{}, list...)})
	}
	var rows [][]console.Cell
	for _, p := range list {
		state := console.Styled(stateStyle(payment.State(p.State)), p.State)
		if p.Attention {
			state = console.Styled(console.Red, p.State+" !")
		}
		rows = append(rows, []console.Cell{
			console.Text(p.ID), console.Text(p.Merchant), state, console.Text(p.Provider), console.Number(p.Amount), console.Number(p.Authorized),
			console.Number(p.Captured), console.Number(p.Refunded), console.Text(p.Currency), console.Text(p.CreatedAt.Format(time.RFC3339)),
		})
	}
	a.console.Table([]string{"payment", "merchant", "state", "provider", "amount", "authorized", "captured", "refunded", "currency", "created"}, rows)
	if len(rows) == o.limit {
		a.console.Note("there may be more; see --limit")
	}
	return nil
}

// completePayments offers the ids of payments that begin as typed.
func (a *app) completePayments(merchant *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		list, err := a.payments(ctx, listOptions{merchant: *merchant, prefix: typed, limit: 30})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var ids []cobra.Completion
		for _, p := range list {
			ids = append(ids, cobra.CompletionWithDesc(p.ID, strings.ReplaceAll(p.State, "_", " ")))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
