package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) parkedCommand() *cobra.Command {
	return group("parked", "What waits for a person: operations with an unclear outcome, and frozen payments",
		a.parkedList(), a.parkedShow(), a.parkedResolve(), a.parkedUnfreeze())
}

// parkedView is a payment that waits for a person.
type parkedView struct {
	Payment  payment.ID       `json:"payment_id"`
	Merchant payment.Merchant `json:"merchant"`
	Provider payment.Provider `json:"provider"`
	State    payment.State    `json:"state"`
	Version  uint64           `json:"version"`
	Frozen   string           `json:"frozen,omitempty"`
	Parked   []parkedOp       `json:"parked"`
	Late     []lateView       `json:"late_outcomes,omitempty"`
}

// parkedOp is an operation that waits for a person.
type parkedOp struct {
	Command  payment.CommandID `json:"command_id"`
	Kind     payment.Kind      `json:"kind"`
	Amount   int64             `json:"amount"`
	Currency payment.Currency  `json:"currency"`
	Key      string            `json:"key"` // what the provider knows the last attempt by
	Attempts int               `json:"attempts"`
	Reason   payment.Reason    `json:"reason"`
	Since    time.Time         `json:"since"`
}

// lateView is an outcome that froze the payment.
type lateView struct {
	Kind    payment.Kind      `json:"kind"`
	Command payment.CommandID `json:"command_id"`
	Ref     string            `json:"ref"`
	Code    string            `json:"code,omitempty"`
	Amount  int64             `json:"amount"`
	At      time.Time         `json:"at"`
}

func parkedOf(p payment.Payment) parkedView {
	v := parkedView{
		Payment: p.ID, Merchant: p.Merchant, Provider: p.Provider, State: p.State, Version: p.Version, Frozen: p.Frozen, Parked: []parkedOp{},
	}
	for _, op := range p.Operations {
		if op.Status == payment.OpParked {
			v.Parked = append(v.Parked, parkedOp{
				op.ID, op.Kind, op.Amount.Minor, op.Amount.Currency, op.Attempt.Key, op.Attempt.Number, op.Reason, op.At,
			})
		}
	}
	return v
}

func (a *app) parkedList() *cobra.Command {
	var provider, merchant string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Every payment that waits for a person, of all merchants",
		Long: `List finds payments by the rows where DATABASE_URL is set, else by reading the last event of
every payment, which takes its time. What it shows is from the payments' own events.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.listParked(ctx, merchant, provider) })
		},
	}
	cmd.Flags().StringVar(&merchant, "merchant", "", "only this merchant's; empty: all")
	cmd.Flags().StringVar(&provider, "provider", "", "only payments at this provider")
	fixed(cmd, "provider", words(payment.Providers()))
	return cmd
}

func (a *app) listParked(ctx context.Context, merchant, provider string) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	found, err := a.needAttention(ctx, b)
	if err != nil {
		return err
	}
	all := []parkedView{}
	for _, p := range found {
		if (merchant == "" || string(p.Merchant) == merchant) && (provider == "" || string(p.Provider) == provider) {
			all = append(all, parkedOf(p))
		}
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"parked": all})
	}
	if len(all) == 0 {
		a.console.Printf("nothing waits for a person\n")
		return nil
	}
	var rows [][]console.Cell
	for _, v := range all {
		rows = append(rows, v.rows()...)
	}
	a.console.Table([]string{"payment", "merchant", "provider", "state", "what", "amount", "since", "why", "command"}, rows)
	return nil
}

// rows returns a line for each thing that waits.
func (v parkedView) rows() [][]console.Cell {
	var rows [][]console.Cell
	row := func(what, amount, since, why, command string) {
		rows = append(rows, []console.Cell{
			console.Text(v.Payment), console.Text(v.Merchant), console.Text(v.Provider), console.Text(v.State),
			console.Text(what), console.Text(amount), console.Text(since), console.Text(why), console.Text(command),
		})
	}
	if v.Frozen != "" {
		row("frozen", "", "", v.Frozen, "")
	}
	for _, op := range v.Parked {
		row(string(op.Kind), amountOf(payment.Money{Minor: op.Amount, Currency: op.Currency}), op.Since.Format(time.RFC3339), string(op.Reason), string(op.Command))
	}
	return rows
}

// needAttention returns all payments that need a person, as their last events tell.
func (a *app) needAttention(ctx context.Context, b *bus.Bus) ([]payment.Payment, error) {
	if _, err := a.databaseURL(); err != nil {
		return attentionByEvents(ctx, b)
	}
	ids, err := a.attentionByRows(ctx)
	if err != nil {
		return nil, err
	}
	var all []payment.Payment
	for _, id := range ids {
		p, found, err := b.Find(ctx, id.Merchant, id.Payment)
		if err != nil {
			return nil, err
		}
		if found && p.NeedsAttention() { // the rows may be behind
			all = append(all, p)
		}
	}
	return all, nil
}

// paymentKey names a payment.
type paymentKey struct {
	Merchant payment.Merchant
	Payment  payment.ID
}

func (a *app) attentionByRows(ctx context.Context) ([]paymentKey, error) {
	db, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(ctx, "SELECT merchant, payment_id FROM payments WHERE attention ORDER BY updated_at")
	if err != nil {
		return nil, fmt.Errorf("find payments that need a person: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[paymentKey])
}

func attentionByEvents(ctx context.Context, b *bus.Bus) ([]payment.Payment, error) {
	last := map[paymentKey]payment.Payment{}
	for _, stream := range b.EventStreams() {
		err := b.Follow(ctx, stream, bus.FollowOptions{Last: true, ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
			for _, m := range batch {
				rec, err := wire.UnmarshalRecord(m.Data)
				if err == nil { // one that cannot be read is a dead letter
					last[paymentKey{rec.After.Merchant, rec.After.ID}] = rec.After
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	all := slices.DeleteFunc(slices.Collect(maps.Values(last)), func(p payment.Payment) bool { return !p.NeedsAttention() })
	slices.SortFunc(all, func(x, y payment.Payment) int { return x.UpdatedAt.Compare(y.UpdatedAt) })
	return all, nil
}

func (a *app) parkedShow() *cobra.Command {
	var merchant string
	cmd := &cobra.Command{
		Use:   "show PAYMENT_ID",
		Short: "What waits for a person at one payment, and what to look up at the provider",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.brief(cmd.Context(), func(ctx context.Context) error {
				return a.showParked(ctx, payment.Merchant(merchant), payment.ID(args[0]))
			})
		},
		ValidArgsFunction: a.completePayments(&merchant),
	}
	merchantFlag(cmd, &merchant)
	return cmd
}

func (a *app) showParked(ctx context.Context, m payment.Merchant, id payment.ID) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	head, err := loadPayment(ctx, b, m, id)
	if err != nil {
		return err
	}
	v := parkedOf(head.Payment)
	if v.Late, err = lateOutcomes(ctx, b, head); err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(v)
	}
	a.console.Printf("%s of %s at %s is %s, version %d\n", v.Payment, v.Merchant, v.Provider, v.State, v.Version)
	for _, op := range v.Parked {
		a.console.Printf("\n%s of %s is parked since %s: %s\n", op.Kind, amountOf(payment.Money{Minor: op.Amount, Currency: op.Currency}), op.Since.Format(time.RFC3339), op.Reason)
		a.console.Printf("  look for %s in the provider's back office; it was attempted %d time(s)\n", op.Key, op.Attempts)
		a.console.Printf("  then: payctl parked resolve %s %s --merchant %s --outcome … --reason … --evidence …\n", v.Payment, op.Command, v.Merchant)
	}
	for _, l := range v.Late {
		a.console.Printf("\nfrozen since %s: a %s of %d under %s, which has no place here (command %s)\n", l.At.Format(time.RFC3339), l.Kind, l.Amount, l.Ref, l.Command)
	}
	if v.Frozen != "" {
		a.console.Printf("  give back at the provider what was taken too much, then: payctl parked unfreeze %s --merchant %s --reason … --evidence …\n", v.Payment, v.Merchant)
	}
	if v.Frozen == "" && len(v.Parked) == 0 {
		a.console.Printf("nothing waits for a person\n")
	}
	return nil
}

// lateOutcomes returns what froze a payment and was not dealt with: all since it was
// unfrozen last.
func lateOutcomes(ctx context.Context, b *bus.Bus, head payment.Head) ([]lateView, error) {
	if head.Payment.Frozen == "" {
		return nil, nil
	}
	var all []lateView
	err := followPayment(ctx, b, head.Payment.Merchant, head.Payment.ID, func(m bus.Message) error {
		rec, err := wire.UnmarshalRecord(m.Data)
		if err != nil {
			return fmt.Errorf("%s/%d: %w", m.Stream, m.Seq, err)
		}
		switch d := rec.Event.Data.(type) {
		case payment.LateOutcome:
			all = append(all, lateView{d.Kind, rec.Event.Command, d.Ref, d.Code, d.Amount, m.Time})
		case payment.Unfrozen:
			all = nil
		}
		if m.Seq >= head.Seq {
			return errEnough
		}
		return nil
	})
	return all, err
}

// errChanged means that a payment is not any more what the operator saw.
var errChanged = errors.New("the payment has changed meanwhile: look again")

// refsOf returns the references of late outcomes.
func refsOf(all []lateView) []string {
	var refs []string
	for _, l := range all {
		if !slices.Contains(refs, l.Ref) {
			refs = append(refs, l.Ref)
		}
	}
	return refs
}
