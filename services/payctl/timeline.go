package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) paymentTimeline() *cobra.Command {
	var merchant string
	cmd := &cobra.Command{
		Use:   "timeline PAYMENT_ID",
		Short: "Every command, attempt, callback and event of a payment, in one table",
		Long: `Timeline lists what happened to a payment in the order of the broker's clock. Callbacks are
taken from the rows and need DATABASE_URL; the rest comes from the streams.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.brief(cmd.Context(), func(ctx context.Context) error {
				return a.timeline(ctx, payment.Merchant(merchant), payment.ID(args[0]))
			})
		},
		ValidArgsFunction: a.completePayments(&merchant),
	}
	merchantFlag(cmd, &merchant)
	return cmd
}

// moment is one line of a timeline.
type moment struct {
	At      time.Time `json:"at"`
	What    string    `json:"what"` // command, event or callback
	Type    string    `json:"type"`
	Command string    `json:"command_id,omitempty"`
	State   string    `json:"state,omitempty"` // of the payment, after it
	Detail  string    `json:"detail,omitempty"`
}

func (a *app) timeline(ctx context.Context, m payment.Merchant, id payment.ID) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	events, commands, err := momentsOf(ctx, b, m, id)
	if err != nil {
		return err
	}
	all := events
	for c := range commands {
		cmd, err := b.Command(ctx, m, c)
		if errors.Is(err, bus.ErrNotFound) {
			continue // older than the stream
		}
		if err != nil {
			return err
		}
		all = append(all, moment{At: cmd.At, What: "command", Type: string(cmd.Kind), Command: string(c), Detail: amountOf(cmd.Amount)})
	}
	callbacks, err := a.callbackMoments(ctx, m, id)
	if err != nil {
		return err
	}
	all = append(all, callbacks...)
	slices.SortStableFunc(all, func(x, y moment) int { return x.At.Compare(y.At) })
	return a.printTimeline(all)
}

// momentsOf returns a payment's events and the commands that they name.
func momentsOf(ctx context.Context, b *bus.Bus, m payment.Merchant, id payment.ID) ([]moment, map[payment.CommandID]bool, error) {
	head, err := loadPayment(ctx, b, m, id)
	if err != nil {
		return nil, nil, err
	}
	var all []moment
	commands := map[payment.CommandID]bool{}
	err = followPayment(ctx, b, m, id, func(m bus.Message) error {
		rec, err := wire.UnmarshalRecord(m.Data)
		if err != nil {
			return fmt.Errorf("%s/%d: %w", m.Stream, m.Seq, err)
		}
		if rec.Event.Command != "" {
			commands[rec.Event.Command] = true
		}
		all = append(all, moment{
			At: m.Time, What: "event", Type: string(rec.Event.Data.Type()), Command: string(rec.Event.Command),
			State: string(rec.After.State), Detail: detailOf(rec),
		})
		if m.Seq >= head.Seq {
			return errEnough
		}
		return nil
	})
	return all, commands, err
}

// detailOf says the most important about an event, without personal data.
func detailOf(rec wire.Record) string {
	from := "by " + string(rec.Event.Source)
	switch d := rec.Event.Data.(type) {
	case payment.AttemptStarted:
		return fmt.Sprintf("%s, attempt %d as %s%s", d.Kind, d.Attempt, d.Key, prefixed(", ", amountOf(d.Amount)))
	case payment.AttemptNotSent:
		return fmt.Sprintf("attempt %d: %s %s", d.Attempt, d.Reason, d.Code)
	case payment.AttemptVoided:
		return fmt.Sprintf("attempt %d came to nothing", d.Attempt)
	case payment.OutcomeUnknown:
		return fmt.Sprintf("attempt %d: %s %s", d.Attempt, d.Reason, d.Code)
	case payment.OperationSucceeded:
		return fmt.Sprintf("%d %s", d.Amount, from)
	case payment.OperationDeclined:
		return fmt.Sprintf("%s %s %s", d.Reason, d.Code, from)
	case payment.OperationFailed:
		return fmt.Sprintf("%s %s %s", d.Reason, d.Code, from)
	case payment.OperationRejected:
		return fmt.Sprintf("%s %s", d.Reason, d.Code)
	case payment.Parked:
		return fmt.Sprintf("attempt %d: %s", d.Attempt, d.Reason)
	case payment.LateOutcome:
		return fmt.Sprintf("%s %s %d", d.Kind, d.Status, d.Amount)
	}
	return from
}

func amountOf(m payment.Money) string {
	if m == (payment.Money{}) {
		return ""
	}
	return m.String()
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

const callbacksSQL = `SELECT at, kind, verdict, reason FROM callbacks WHERE merchant = $1 AND payment_id = $2 ORDER BY seq`

// callbackMoments returns the callbacks of a payment, none when there is no
// database to look them up in.
func (a *app) callbackMoments(ctx context.Context, m payment.Merchant, id payment.ID) ([]moment, error) {
	if _, err := a.databaseURL(); err != nil {
		a.console.Note("callbacks are left out: " + err.Error())
		return nil, nil
	}
	db, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(ctx, callbacksSQL, string(m), string(id))
	if err != nil {
		return nil, fmt.Errorf("read callbacks: %w", err)
	}
	var all []moment
	var at time.Time
	var kind, verdict, reason string
	_, err = pgx.ForEachRow(rows, []any{&at, &kind, &verdict, &reason}, func() error {
		all = append(all, moment{At: at, What: "callback", Type: kind, Detail: verdict + prefixed(": ", reason)})
		return nil
	})
	return all, err
}

func (a *app) printTimeline(all []moment) error {
	if a.asJSON {
		return a.console.Object(map[string]any{"timeline": all})
	}
	var rows [][]console.Cell
	for _, m := range all {
		style := map[string]console.Style{"command": console.Cyan, "callback": console.Yellow}[m.What]
		rows = append(rows, []console.Cell{
			console.Text(m.At.Format("2006-01-02 15:04:05.000")), console.Styled(style, m.What), console.Text(m.Type),
			console.Styled(stateStyle(payment.State(m.State)), m.State), console.Text(m.Detail),
			console.Styled(console.Dim, m.Command),
		})
	}
	a.console.Table([]string{"time", "what", "type", "state", "detail", "command"}, rows)
	return nil
}
