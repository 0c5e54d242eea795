package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/webhook/delivery"
	"github.com/payloom/payloom/pkg/wire"
)

// eraseOptions are the flags of erase.
type eraseOptions struct {
	operator
	merchant string
	dryRun   bool
	force    bool
	confirm  string
}

func (a *app) eraseCommand() *cobra.Command {
	var o eraseOptions
	cmd := &cobra.Command{
		Use:   "erase PAYMENT_ID",
		Short: "Make the personal data of a payment unreadable, for good",
		Long: `Erase takes two calls, for it cannot be undone. The first changes nothing: it shows what there is
to erase and prints a token. The second, the same with --confirm TOKEN, erases. It is refused when
anything happened to the payment in between.

It destroys the key that the payment's personal data is sealed with: in commands, events,
rows, webhooks that wait, and every backup of them. Amounts, ids and dates stay. What the
provider tells of the buyer later is not kept. Services may remember the key for a minute.
What the payment's callbacks brought in is sealed by the day and unreadable after 35 days.

While an operation is under way its data is needed, so that is refused unless forced: what
was not sent to the provider yet is then not carried out. Without a database it is refused
unless forced, too: what is accepted and not begun stands in the rows alone, and these are then
left as they are. Doing it twice changes nothing.

What was stored before PAYLOOM_DATA_KEYS was set stands in the streams in clear, until it
expires; it is counted, and removed from the rows.`,
		Example: `  payctl erase order-4711 --merchant demo --reason "request 2026-118" --dry-run
  payctl erase order-4711 --merchant demo --reason "request 2026-118"
  payctl erase order-4711 --merchant demo --reason "request 2026-118" --confirm 7ab2c4d5e6f7`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !o.dryRun {
				if err := o.check(); err != nil {
					return err
				}
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.erase(ctx, payment.ID(args[0]), o) })
		},
		ValidArgsFunction: a.completePayments(&o.merchant),
	}
	merchantFlag(cmd, &o.merchant)
	operatorFlags(cmd, &o.operator)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be erased, and nothing else")
	cmd.Flags().BoolVar(&o.force, "force", false, "even while an operation is under way, or where no database tells")
	cmd.Flags().StringVar(&o.confirm, "confirm", "", "the token that the first call printed")
	return cmd
}

// erasure is what there is to erase of a payment, and what came of it.
type erasure struct {
	Payment  payment.ID       `json:"payment_id"`
	Merchant payment.Merchant `json:"merchant"`
	Erased   bool             `json:"erased"` // now or before
	Before   bool             `json:"erased_before"`
	DryRun   bool             `json:"dry_run"`
	Sealed   int              `json:"sealed"`   // messages that the key seals
	Clear    int              `json:"in_clear"` // messages that hold personal data as it is
	Rows     int64            `json:"rows"`     // that held personal data in clear
	Webhooks int              `json:"webhooks"` // the same
	Open     []string         `json:"open"`     // operations under way
	// RowsLeftAlone means that no database is named: what is only in rows was not looked
	// at, accepted commands among it, and is not erased.
	RowsLeftAlone bool `json:"rows_left_alone"`
	// Confirm is the token for the second call; empty: there is none, or it was this one.
	Confirm string `json:"confirm,omitempty"`

	version  uint64
	commands map[payment.CommandID]bool
}

// errOpen means that operations are under way.
var errOpen = errors.New("operations are under way, whose data is needed: wait for their end, or say --force")

// errRowsUnknown means that nobody tells of commands that no event tells of.
var errRowsUnknown = errors.New("operations that are accepted and not begun stand in the rows alone: " +
	"set DATABASE_URL, or --dir to the folder of a running payctl up, or say --force")

// token ties the erasure to the payment as the operator saw it.
func (e *erasure) token(force bool) string {
	choice := append([]string{"erase", strconv.FormatBool(force), strconv.FormatBool(e.RowsLeftAlone)}, e.Open...)
	return payment.Digest(append([]string{string(e.Merchant), string(e.Payment), strconv.FormatUint(e.version, 10)}, choice...)...)[:12]
}

// admit fails when o does not allow what was found.
func (e *erasure) admit(o eraseOptions) error {
	switch {
	case o.dryRun:
		return nil
	case len(e.Open) > 0 && !o.force:
		return fmt.Errorf("%w (%s)", errOpen, strings.Join(e.Open, ", "))
	case e.RowsLeftAlone && !o.force:
		return errRowsUnknown
	case o.confirm != "" && o.confirm != e.token(o.force):
		return fmt.Errorf("%w: the token is for another version, or another choice", errChanged)
	}
	return nil
}

func (a *app) erase(ctx context.Context, id payment.ID, o eraseOptions) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	e := &erasure{Payment: id, Merchant: payment.Merchant(o.merchant), DryRun: o.dryRun, Open: []string{}, commands: map[payment.CommandID]bool{}}
	if err := errors.Join(e.Merchant.Validate(), id.Validate()); err != nil {
		return misuse("%v", err)
	}
	rows, err := a.eraseRows(ctx)
	if err != nil {
		return err
	}
	if e.RowsLeftAlone = rows == nil; !e.RowsLeftAlone {
		defer rows.Close()
	}
	if err := e.look(ctx, b, rows); err != nil {
		return err
	}
	if err := e.admit(o); err != nil {
		return err
	}
	switch {
	case o.dryRun:
	case o.confirm == "":
		e.Confirm = e.token(o.force)
	default:
		r := o.record("payment.erase")
		r.Merchant, r.Payment = e.Merchant, e.Payment
		err := b.Audited(ctx, r, func(ctx context.Context) (string, error) { return e.do(ctx, b, rows, a) })
		if err != nil {
			return err
		}
	}
	return a.printErasure(e)
}

// eraseRows returns the database, nil when none is named.
func (a *app) eraseRows(ctx context.Context) (*pgxpool.Pool, error) {
	s, err := a.settings()
	if err != nil || s.DatabaseURL == "" {
		return nil, err
	}
	return a.database(ctx)
}

// look finds out what there is.
func (e *erasure) look(ctx context.Context, b *bus.Bus, rows *pgxpool.Pool) error {
	var err error
	if e.Before, _, err = b.IsErased(ctx, e.Merchant, e.Payment); err != nil {
		return err
	}
	if err := e.lookAtEvents(ctx, b); err != nil {
		return err
	}
	if rows != nil {
		if err := e.lookAtRows(ctx, rows); err != nil {
			return err
		}
	}
	if len(e.commands) == 0 {
		return fmt.Errorf("merchant %s has no payment %s", e.Merchant, e.Payment)
	}
	for id := range e.commands {
		c, err := b.ClosedCommand(ctx, e.Merchant, id)
		if errors.Is(err, bus.ErrNotFound) {
			continue // expired
		}
		if err != nil {
			return err
		}
		e.count(c.Closed, wire.HasPersonal(c))
	}
	return nil
}

func (e *erasure) count(closed, clear bool) {
	switch {
	case closed:
		e.Sealed++
	case clear:
		e.Clear++
	}
}

func (e *erasure) lookAtEvents(ctx context.Context, b *bus.Bus) error {
	last, err := b.LastSeq(ctx, e.Merchant, e.Payment)
	if err != nil || last == 0 {
		return err
	}
	return followPayment(ctx, b, e.Merchant, e.Payment, func(m bus.Message) error {
		rec, err := wire.UnmarshalRecord(m.Data)
		if err != nil {
			return fmt.Errorf("%s/%d: %w", m.Stream, m.Seq, err)
		}
		e.count(rec.Closed, rec.HasPersonal())
		if rec.Event.Command != "" {
			e.commands[rec.Event.Command] = true
		}
		if m.Seq < last {
			return nil
		}
		e.version = rec.After.Version
		for _, op := range rec.After.Operations {
			if !op.Status.Terminal() {
				e.Open = append(e.Open, fmt.Sprintf("%s %s", op.Kind, op.Status))
			}
		}
		return errEnough
	})
}

// lookAtRows finds the commands that no event tells of yet.
func (e *erasure) lookAtRows(ctx context.Context, rows *pgxpool.Pool) error {
	found, err := rows.Query(ctx, "SELECT command_id, kind, status FROM operations WHERE merchant = $1 AND payment_id = $2", string(e.Merchant), string(e.Payment))
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var id payment.CommandID
		var kind, status string
		if err := found.Scan(&id, &kind, &status); err != nil {
			return fmt.Errorf("read operations: %w", err)
		}
		e.commands[id] = true
		if status == "accepted" {
			e.Open = append(e.Open, kind+" "+status)
		}
	}
	return found.Err()
}

// do erases, and says what came of it for the audit.
func (e *erasure) do(ctx context.Context, b *bus.Bus, rows *pgxpool.Pool, a *app) (string, error) {
	done, err := b.Erase(ctx, e.Merchant, e.Payment)
	if err != nil {
		return "", err
	}
	e.Erased, e.Before = true, !done
	if rows != nil {
		tag, err := rows.Exec(ctx, "UPDATE payments SET buyer = NULL WHERE merchant = $1 AND payment_id = $2 AND buyer IS NOT NULL", string(e.Merchant), string(e.Payment))
		if err != nil {
			return "", fmt.Errorf("the key is destroyed, the row is not: %w", err)
		}
		e.Rows = tag.RowsAffected()
		if e.Webhooks, err = a.forget(ctx, e.Merchant, e.Payment); err != nil {
			return "", fmt.Errorf("the key is destroyed, messages that wait are not: %w", err)
		}
	}
	return fmt.Sprintf("%d message(s) sealed, %d in clear, %d row(s), %d webhook(s)", e.Sealed, e.Clear, e.Rows, e.Webhooks), nil
}

// forget takes the buyer out of webhooks that are kept in clear.
func (a *app) forget(ctx context.Context, m payment.Merchant, id payment.ID) (int, error) {
	dsn, err := a.databaseURL()
	if err != nil {
		return 0, err
	}
	pool, err := delivery.Open(ctx, dsn, "payctl")
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	if err := delivery.CheckMigrated(ctx, pool); err != nil {
		return 0, err
	}
	return delivery.Forget(ctx, pool, m, id)
}

func (a *app) printErasure(e *erasure) error {
	if a.asJSON {
		return a.console.Object(e)
	}
	verb := "erased"
	switch {
	case e.DryRun || e.Confirm != "":
		verb = "would be erased"
	case e.Before:
		verb = "was erased before"
	}
	a.console.Printf("payment %s of %s %s: %d message(s) sealed by its key", e.Payment, e.Merchant, verb, e.Sealed)
	a.console.Printf("; %d row(s) and %d webhook(s) that held it in clear\n", e.Rows, e.Webhooks)
	if e.Clear > 0 {
		a.console.Printf("%d message(s) were stored before there was a key and stay readable until they expire: commands after 40 days, events after 400\n", e.Clear)
	}
	if len(e.Open) > 0 {
		a.console.Printf("under way: %s\n", strings.Join(e.Open, ", "))
	}
	if e.RowsLeftAlone {
		a.console.Printf("no database is named: its rows are left alone, and what is accepted and not begun is not known\n")
	}
	if e.Confirm != "" {
		a.console.Printf("nothing is changed yet; to do so, run this again with --confirm %s\n", e.Confirm)
	}
	return nil
}
