package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
		Short: "Every command, attempt, callback, event and operator's action of a payment, in one table",
		Long: `Timeline lists what happened to a payment in the order of the broker's clock: when, how long after
the line before, what, which attempt, and where it came from. Events tell how long after their
attempt they came. Callbacks, and commands that nobody has begun, are found by the rows; where
DATABASE_URL is not set or the database is away, callbacks are sought in their stream.`,
		Example: `  payctl payment timeline order-1
  payctl payment timeline order-1 --json | jq '.timeline[] | select(.what == "callback")'`,
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

// The kinds of line of a timeline.
const (
	aCommand  = "command"
	anAttempt = "attempt"
	anEvent   = "event"
	aCallback = "callback"
	operators = "operator"
)

// moment is one line of a timeline.
type moment struct {
	At      time.Time `json:"at"`      // broker time
	After   float64   `json:"after_s"` // seconds since the line before
	What    string    `json:"what"`    // command, attempt, event, callback or operator
	Type    string    `json:"type"`
	Attempt int       `json:"attempt,omitempty"` // number of the operation's attempt
	Took    float64   `json:"took_s,omitempty"`  // seconds since that attempt was begun
	Source  string    `json:"source,omitempty"`  // where it came from
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
	head, err := loadPayment(ctx, b, m, id)
	if err != nil {
		return err
	}
	t := chronicle{app: a, bus: b, head: head, commands: map[payment.CommandID]bool{}, begun: map[attemptOf]time.Time{}}
	for _, gather := range []func(context.Context) error{t.addEvents, t.addRows, t.addCommands, t.addOperators} {
		if err := gather(ctx); err != nil {
			return err
		}
	}
	return a.printTimeline(t.ordered())
}

// chronicle gathers what happened to a payment.
type chronicle struct {
	app      *app
	bus      *bus.Bus
	head     payment.Head
	all      []moment
	commands map[payment.CommandID]bool
	begun    map[attemptOf]time.Time
}

// attemptOf names an attempt.
type attemptOf struct {
	command payment.CommandID
	number  int
}

func (t *chronicle) add(m moment) { t.all = append(t.all, m) }

// ordered returns all lines by time, each with how long it came after the one before.
func (t *chronicle) ordered() []moment {
	rank := map[string]int{aCommand: -1} // accepted in the same instant that it was begun
	slices.SortStableFunc(t.all, func(x, y moment) int {
		return cmp.Or(x.At.Compare(y.At), rank[x.What]-rank[y.What])
	})
	for i := 1; i < len(t.all); i++ {
		t.all[i].After = t.all[i].At.Sub(t.all[i-1].At).Seconds()
	}
	return t.all
}

func (t *chronicle) addEvents(ctx context.Context) error {
	p := t.head.Payment
	return followPayment(ctx, t.bus, p.Merchant, p.ID, func(m bus.Message) error {
		rec, err := wire.UnmarshalRecord(m.Data)
		if err != nil {
			return fmt.Errorf("%s/%d: %w", m.Stream, m.Seq, err)
		}
		t.addEvent(rec, m.Time)
		if m.Seq >= t.head.Seq {
			return errEnough
		}
		return nil
	})
}

func (t *chronicle) addEvent(rec wire.Record, at time.Time) {
	e := rec.Event
	line := moment{
		At: at, What: anEvent, Type: string(e.Data.Type()), Source: string(e.Source), Command: string(e.Command),
		State: string(rec.After.State), Detail: detailOf(rec),
	}
	if e.Command != "" {
		t.commands[e.Command] = true
	}
	if op, ok := rec.After.Operation(e.Command); ok {
		line.Attempt = op.Attempt.Number
	}
	if d, ok := e.Data.(payment.AttemptStarted); ok {
		line.What, line.Attempt = anAttempt, d.Attempt
		t.begun[attemptOf{e.Command, d.Attempt}] = at
	} else if began, ok := t.begun[attemptOf{e.Command, line.Attempt}]; ok {
		line.Took = at.Sub(began).Seconds()
	}
	t.add(line)
}

// addCommands adds the commands that events or rows name.
func (t *chronicle) addCommands(ctx context.Context) error {
	for id := range t.commands {
		c, err := t.bus.Command(ctx, t.head.Payment.Merchant, id)
		switch {
		case errors.Is(err, bus.ErrNotFound): // older than the stream, or a system's own
		case errors.Is(err, bus.ErrUnavailable):
			return err
		case err != nil:
			t.app.console.Note(fmt.Sprintf("command %s is left out: %v", id, err))
		default:
			t.add(moment{At: c.At, What: aCommand, Type: string(c.Kind), Source: sourceOf(c), Command: string(id), Detail: amountOf(c.Amount)})
		}
	}
	return nil
}

// sourceOf says who gave a command.
func sourceOf(c payment.Command) string {
	if c.ReqID.Reserved() {
		return "payloom"
	}
	return "merchant"
}

// addOperators adds what operators did, as the audit tells.
func (t *chronicle) addOperators(ctx context.Context) error {
	all, err := readAudit(ctx, t.bus)
	if err != nil {
		t.app.console.Note("operators' actions may be missing: " + err.Error())
	}
	p := t.head.Payment
	for _, l := range all {
		if l.Payment == p.ID && l.Merchant == p.Merchant {
			t.add(moment{
				At: l.At, What: operators, Type: l.Action, Source: l.Actor, Command: string(l.Command),
				Detail: l.Result + prefixed(": ", l.Reason),
			})
		}
	}
	return nil
}

// addRows adds what the rows know: callbacks, and commands that no event names. The
// stream tells of callbacks where the database does not.
func (t *chronicle) addRows(ctx context.Context) error {
	db, err := t.app.database(ctx)
	if err != nil {
		t.app.console.Note("callbacks are read from their stream: " + err.Error())
		return t.addStoredCallbacks(ctx)
	}
	defer db.Close()
	if err := t.addCallbackRows(ctx, db); err != nil {
		return err
	}
	return t.addCommandRows(ctx, db)
}

const callbacksSQL = `SELECT at, kind, verdict, reason FROM callbacks WHERE merchant = $1 AND payment_id = $2 ORDER BY seq`

func (t *chronicle) addCallbackRows(ctx context.Context, db *pgxpool.Pool) error {
	rows, err := db.Query(ctx, callbacksSQL, string(t.head.Payment.Merchant), string(t.head.Payment.ID))
	if err != nil {
		return fmt.Errorf("read callbacks: %w", err)
	}
	var at time.Time
	var kind, verdict, reason string
	_, err = pgx.ForEachRow(rows, []any{&at, &kind, &verdict, &reason}, func() error {
		t.add(callbackMoment(at, wire.CallbackKind(kind), wire.Verdict(verdict), reason))
		return nil
	})
	return err
}

func callbackMoment(at time.Time, kind wire.CallbackKind, verdict wire.Verdict, reason string) moment {
	return moment{At: at.UTC(), What: aCallback, Type: string(kind), Source: string(kind), Detail: string(verdict) + prefixed(": ", reason)}
}

func (t *chronicle) addCommandRows(ctx context.Context, db *pgxpool.Pool) error {
	rows, err := db.Query(ctx, "SELECT command_id FROM operations WHERE merchant = $1 AND payment_id = $2",
		string(t.head.Payment.Merchant), string(t.head.Payment.ID))
	if err != nil {
		return fmt.Errorf("read operations: %w", err)
	}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		t.commands[payment.CommandID(id)] = true
		return nil
	})
	return err
}

// addStoredCallbacks reads all callbacks of the merchant at the provider that are kept.
func (t *chronicle) addStoredCallbacks(ctx context.Context) error {
	p := t.head.Payment
	o := bus.FollowOptions{Subject: fmt.Sprintf("pay.hook.%s.%s.*", p.Provider, p.Merchant), ToEnd: true}
	return t.bus.Follow(ctx, bus.CallbackStream, o, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			// What cannot be decoded is a dead letter.
			if c, err := wire.UnmarshalCallback(m.Data); err == nil && c.Payment == p.ID {
				t.add(callbackMoment(m.Time, c.Kind, c.Verdict, c.Reason))
			}
		}
		return nil
	})
}

// detailOf says the most important about an event, without personal data.
func detailOf(rec wire.Record) string {
	switch d := rec.Event.Data.(type) {
	case payment.AttemptStarted:
		return fmt.Sprintf("%s as %s%s", d.Kind, d.Key, prefixed(", ", amountOf(d.Amount)))
	case payment.AttemptNotSent:
		return fmt.Sprintf("%s %s", d.Reason, d.Code)
	case payment.AttemptVoided:
		return "it came to nothing"
	case payment.OutcomeUnknown:
		return fmt.Sprintf("%s %s", d.Reason, d.Code)
	case payment.OperationSucceeded:
		return fmt.Sprintf("%d%s", d.Amount, prefixed(" under ", d.Ref))
	case payment.OperationDeclined:
		return fmt.Sprintf("%s %s", d.Reason, d.Code)
	case payment.OperationFailed:
		return fmt.Sprintf("%s %s", d.Reason, d.Code)
	case payment.OperationRejected:
		return fmt.Sprintf("%s %s", d.Reason, d.Code)
	case payment.Parked:
		return string(d.Reason)
	case payment.LateOutcome:
		return fmt.Sprintf("%s %s %d%s", d.Kind, d.Status, d.Amount, prefixed(" under ", d.Ref))
	}
	return ""
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

func (a *app) printTimeline(all []moment) error {
	if a.asJSON {
		return a.console.Object(map[string]any{"timeline": all})
	}
	var rows [][]console.Cell
	for i, m := range all {
		style := map[string]console.Style{aCommand: console.Cyan, aCallback: console.Yellow, anAttempt: console.Bold, operators: console.Red}[m.What]
		after, attempt := "", ""
		if i > 0 {
			after = "+" + seconds(m.After)
		}
		if m.Attempt > 0 {
			attempt = fmt.Sprint(m.Attempt)
		}
		if m.Took > 0 {
			m.Detail += " (" + seconds(m.Took) + " after it was begun)"
		}
		rows = append(rows, []console.Cell{
			console.Text(m.At.Format("2006-01-02 15:04:05.000")), console.Text(after), console.Styled(style, m.What), console.Text(m.Type),
			console.Text(attempt), console.Styled(stateStyle(payment.State(m.State)), m.State), console.Text(m.Source), console.Text(m.Detail),
			console.Styled(console.Dim, m.Command),
		})
	}
	a.console.Table([]string{"time", "after", "what", "type", "attempt", "state", "from", "detail", "command"}, rows)
	return nil
}

// seconds prints a duration to the millisecond.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
