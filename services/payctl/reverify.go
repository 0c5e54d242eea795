package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/internal/providers"
)

// reverifyAction is what the audit calls a run.
const reverifyAction = "callbacks.reverify"

// reverifyOptions are the flags of callbacks reverify.
type reverifyOptions struct {
	operator
	since, until                time.Duration
	which                       string
	provider, merchant, payment string
	rate                        string
	dryRun                      bool
}

func (a *app) callbacksReverify() *cobra.Command {
	o := reverifyOptions{which: string(callback.OnlyQuarantined)}
	cmd := &cobra.Command{
		Use:   "reverify",
		Short: "Interpret stored callbacks again, after a key was put right",
		Long: `Reverify reads stored callbacks and interprets them with the keys of now, from the accounts
file at PAYLOOM_ACCOUNTS. What a payment knows already it does not learn twice, so this
may be run again, and beside the service. A run takes a line of the audit.

With --dry-run it says what payments would learn, and stores nothing. It still asks those
providers that alone can tell whether a callback is theirs.`,
		Example: `  payctl callbacks reverify --since 6h --dry-run
  payctl callbacks reverify --since 6h --provider axerve --reason "key of shop 7 put right"
  payctl callbacks reverify --since 24h --which failed --reason "interpreter repaired" --rate 20/s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.reverify(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&o.since, "since", 0, "how far to look back")
	flags.DurationVar(&o.until, "until", 0, "leave out what came within this time; 0: nothing")
	flags.StringVar(&o.which, "which", o.which, "which callbacks: "+strings.Join(choices(), ", "))
	flags.StringVar(&o.provider, "provider", "", "only those of this provider")
	flags.StringVar(&o.merchant, "merchant", "", "only those of this merchant")
	flags.StringVar(&o.payment, "payment", "", "only those known to be about this payment")
	flags.StringVar(&o.rate, "rate", "50/s", "how fast, such as 5/s; some providers are asked about each")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what payments would learn, and store nothing")
	operatorFlags(cmd, &o.operator)
	fixed(cmd, "which", choices())
	fixed(cmd, "provider", words(payment.Providers()))
	return cmd
}

func choices() []string {
	return words([]callback.Which{callback.OnlyQuarantined, callback.OnlyFailed, callback.Everything})
}

func (o reverifyOptions) check() error {
	if !slices.Contains(choices(), o.which) {
		return misuse("--which: must be one of %s", strings.Join(choices(), ", "))
	}
	if o.since <= 0 || o.until < 0 {
		return misuse("--since: name how far to look back, such as 6h; --until must not be negative")
	}
	if _, err := perSecond(o.rate); err != nil {
		return err
	}
	if o.dryRun {
		return nil
	}
	return o.operator.check()
}

func (o reverifyOptions) wants(c wire.StoredCallback) bool {
	return (o.provider == "" || string(c.Provider) == o.provider) && (o.merchant == "" || string(c.Merchant) == o.merchant) &&
		(o.payment == "" || string(c.Payment) == o.payment)
}

// choice returns what is looked at, by the broker's clock.
func (o reverifyOptions) choice(now time.Time) (callback.Choice, error) {
	limit, err := perSecond(o.rate)
	if err != nil {
		return callback.Choice{}, err
	}
	c := callback.Choice{Which: callback.Which(o.which), Since: now.Add(-o.since), Wants: o.wants, Pace: rate.NewLimiter(limit, 1).Wait}
	if o.until > 0 {
		c.Until = now.Add(-o.until)
	}
	return c, nil
}

func (a *app) reverify(ctx context.Context, o reverifyOptions) error {
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
	choice, err := o.choice(now)
	if err != nil {
		return err
	}
	var ledger callback.Ledger = b
	if o.dryRun {
		ledger = &dryLedger{Ledger: b, heads: map[paymentKey]payment.Head{}}
	}
	run := reverification{app: a, history: b, choice: choice, dryRun: o.dryRun, lines: []callback.Line{}, interpreter: callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: accounts, Parsers: providers.Parsers(accounts), Verify: providers.NewVerifier(accounts).Callback, Ledger: ledger,
	})}
	if o.dryRun {
		_, err = run.do(ctx)
	} else {
		err = run.audited(ctx, b, o)
	}
	if err != nil {
		return err
	}
	return a.printReverified(run, o)
}

// reverification is one run.
type reverification struct {
	app         *app
	history     callback.History
	interpreter *callback.Interpreter
	choice      callback.Choice
	dryRun      bool
	lines       []callback.Line
	counts      callback.Counts
}

func (r *reverification) audited(ctx context.Context, b *bus.Bus, o reverifyOptions) error {
	rec := o.record(reverifyAction)
	rec.Provider, rec.Merchant, rec.Payment = payment.Provider(o.provider), payment.Merchant(o.merchant), payment.ID(o.payment)
	rec.Object = fmt.Sprintf("%s callbacks since %s", o.which, r.choice.Since.UTC().Format(time.RFC3339))
	return b.Audited(ctx, rec, r.do)
}

// do carries the run out and says in a line what it came to.
func (r *reverification) do(ctx context.Context) (string, error) {
	var err error
	r.counts, err = callback.Reverify(ctx, r.history, r.interpreter, r.choice, func(l callback.Line) {
		r.lines = append(r.lines, l)
		r.app.reportReverified(l, r.dryRun)
	})
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(r.counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", r.counts[outcome], outcome))
	}
	return strings.Join(parts, ", "), err
}

func (a *app) reportReverified(l callback.Line, dryRun bool) {
	if a.asJSON {
		return // it is printed with all the others
	}
	would := ""
	if dryRun {
		would = "would be "
	}
	a.console.Printf("%s  %s  was %s, now %s%s, %d event(s)%s\n", l.Stored.Format(timeLayout), l.ID, l.Was, would, l.Outcome, l.Events, prefixed(": ", l.Why))
}

func (a *app) printReverified(r reverification, o reverifyOptions) error {
	if a.asJSON {
		return a.console.Object(map[string]any{"callbacks": r.lines, "counts": r.counts, "dry_run": o.dryRun})
	}
	for _, outcome := range slices.Sorted(maps.Keys(r.counts)) {
		a.console.Printf("%-12s %d\n", outcome, r.counts[outcome])
	}
	if len(r.counts) == 0 {
		a.console.Printf("no callback to look at in the last %s\n", o.since)
	}
	return nil
}

// dryLedger remembers what would be appended, and stores nothing.
type dryLedger struct {
	callback.Ledger
	heads map[paymentKey]payment.Head
}

// Load returns the head that the payment would have by now.
func (d *dryLedger) Load(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Head, error) {
	if h, ok := d.heads[paymentKey{m, id}]; ok {
		return h, nil
	}
	return d.Ledger.Load(ctx, m, id)
}

// Append returns the head that the payment would have after e.
func (d *dryLedger) Append(_ context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	h.Payment = payment.Fold(h.Payment, h.Payment.Next(e))
	h.Seq++
	d.heads[paymentKey{e.Merchant, e.Payment}] = h
	return h, nil
}
