package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/payctl/internal/letters"
)

// endOptions are the flags of dead replay and dead discard.
type endOptions struct {
	letterFlags
	operator
	all    bool
	again  bool
	dryRun bool
	rate   string
}

func (o *endOptions) flags(cmd *cobra.Command) {
	letterFilter(cmd, &o.letterFlags)
	operatorFlags(cmd, &o.operator)
	cmd.Flags().BoolVar(&o.all, "all", false, "every open letter; needed where neither sequences nor a filter are given")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().StringVar(&o.rate, "rate", "20/s", "how fast, such as 5/s; providers feel it")
}

// prepare checks the flags and arguments.
func (o *endOptions) prepare(args []string) error {
	var err error
	if o.Seqs, err = sequences(args); err != nil {
		return err
	}
	if err := o.letterFlags.check(); err != nil {
		return err
	}
	if !o.Narrow() && !o.all {
		return misuse("name letters by their sequences, choose them by a filter, or say --all")
	}
	o.state = string(letters.Open)
	if o.again || len(o.Seqs) > 0 {
		o.state = string(letters.Any) // what is not to be done again is told one by one
	}
	if _, err := perSecond(o.rate); err != nil {
		return err
	}
	if o.dryRun {
		return nil
	}
	return o.operator.check()
}

// perSecond reads a rate such as 20/s.
func perSecond(text string) (rate.Limit, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || n <= 0 || n > 10_000 {
		return 0, misuse("--rate: %q is none; say 20/s", text)
	}
	return rate.Limit(n), nil
}

func (a *app) deadReplay() *cobra.Command {
	var o endOptions
	cmd := &cobra.Command{
		Use:   "replay [SEQUENCE...]",
		Short: "Give dead letters another chance, after what was wrong is repaired",
		Long: `Replay hands over again what the broker still keeps. A command goes to its worker under its own
id, so that it has one outcome however often it is replayed; a callback is interpreted with the
keys of now, from the accounts file at PAYLOOM_ACCOUNTS. What no replay can help is refused, with
the reason. Each letter takes a line of the audit.

The exit code is 1 when any letter was refused or failed.`,
		Example: `  payctl dead replay --service worker-computop --since 6h --dry-run
  payctl dead replay --service worker-computop --since 6h --reason "worker 1.4.2 reads version 2" --rate 50/s
  payctl dead replay 12 17 --reason "key of axerve put right"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.prepare(args); err != nil {
				return err
			}
			return a.end(cmd.Context(), o, bus.ReplayLetter)
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.again, "again", false, "also those that were replayed or discarded before")
	return cmd
}

func (a *app) deadDiscard() *cobra.Command {
	var o endOptions
	cmd := &cobra.Command{
		Use:   "discard [SEQUENCE...]",
		Short: "Say that nothing is to be done about dead letters",
		Long: `Discard takes letters off the list, and off the alarm. They stay in the stream, and what was done
with them stays in the audit.`,
		Example: `  payctl dead discard 12 --reason "test message of the staging shop"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.prepare(args); err != nil {
				return err
			}
			return a.end(cmd.Context(), o, bus.DiscardLetter)
		},
	}
	o.flags(cmd)
	return cmd
}

// ending is what became of one letter of a run.
type ending struct {
	Seq     uint64 `json:"seq"`
	From    string `json:"from"`
	Outcome string `json:"outcome"` // done, would, skipped, refused, failed
	Detail  string `json:"detail"`
}

// The outcomes of an ending.
const (
	endDone    = "done"
	endWould   = "would"   // a dry run
	endSkipped = "skipped" // it was dealt with before
	endRefused = "refused" // no replay can help
	endFailed  = "failed"
)

func (a *app) end(ctx context.Context, o endOptions, action string) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	filter, err := o.filter(ctx, b)
	if err != nil {
		return err
	}
	found, err := letters.Find(ctx, b, filter)
	if err != nil {
		return err
	}
	var interpret letters.Interpret
	fromCallbacks := func(l letters.Letter) bool { return l.Stream == bus.CallbackStream }
	if action == bus.ReplayLetter && slices.ContainsFunc(found, fromCallbacks) {
		if interpret, err = a.interpret(ctx, b); err != nil {
			return err
		}
	}
	limit, err := perSecond(o.rate)
	if err != nil {
		return err
	}
	run := ender{o: o, action: action, bus: b, interpret: interpret}
	pace, all := rate.NewLimiter(limit, 1), []ending{}
	for _, l := range found {
		if err := pace.Wait(ctx); err != nil {
			return errors.Join(err, a.printEndings(all))
		}
		e := run.one(ctx, l)
		all = append(all, e)
		if !a.asJSON {
			a.console.Printf("%d  %s  %s%s\n", e.Seq, e.From, e.Outcome, prefixed(": ", e.Detail))
		}
	}
	return a.printEndings(all)
}

// interpret returns how callbacks are interpreted, nil when no accounts file is named.
func (a *app) interpret(ctx context.Context, ledger callback.Ledger) (letters.Interpret, error) {
	s, err := a.settings()
	if err != nil || s.Accounts == "" {
		return nil, err
	}
	accounts, err := account.Watch(ctx, s.Accounts, zap.NewNop())
	if err != nil {
		return nil, err
	}
	return callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: accounts, Parsers: providers.Parsers(accounts), Verify: providers.NewVerifier(accounts).Callback, Ledger: ledger,
	}).Interpret, nil
}

// ender deals with letters one by one.
type ender struct {
	o         endOptions
	action    string
	bus       *bus.Bus
	interpret letters.Interpret
}

// letterTime is how long one letter may take.
const letterTime = 30 * time.Second

func (r ender) one(ctx context.Context, l letters.Letter) ending {
	ctx, cancel := context.WithTimeout(ctx, letterTime)
	defer cancel()
	e := ending{Seq: l.Seq, From: l.Stream + "/" + strconv.FormatUint(l.Sequence, 10)}
	if l.State != letters.Open && !r.o.again {
		e.Outcome, e.Detail = endSkipped, string(l.State)+" by "+l.End.Actor+" before"
		return e
	}
	plan, err := r.plan(ctx, l)
	if err == nil && r.o.dryRun {
		e.Outcome, e.Detail = endWould, plan.What
		return e
	}
	if err == nil {
		e.Detail, err = r.carryOut(ctx, l, plan, e.From)
	}
	e.Outcome = endDone
	if err != nil {
		e.Outcome, e.Detail = endFailed, err.Error()
		if _, refused := errors.AsType[*letters.Refused](err); refused {
			e.Outcome = endRefused
		}
	}
	return e
}

func (r ender) plan(ctx context.Context, l letters.Letter) (letters.Replay, error) {
	if r.action == bus.DiscardLetter {
		return letters.Replay{Merchant: l.Merchant(), Provider: l.Provider(), What: "discard it"}, nil
	}
	return letters.Plan(ctx, r.bus, r.interpret, l)
}

func (r ender) carryOut(ctx context.Context, l letters.Letter, plan letters.Replay, from string) (string, error) {
	rec := r.o.record(r.action)
	rec.Stream, rec.Sequence, rec.Object, rec.Old = bus.DeadStream, l.Seq, from, string(l.State)
	rec.Merchant, rec.Payment, rec.Command, rec.Provider = plan.Merchant, plan.Payment, plan.Command, plan.Provider
	rec.New = string(letters.Replayed)
	if r.action == bus.DiscardLetter {
		rec.New = string(letters.Discarded)
	}
	var detail string
	err := r.bus.Audited(ctx, rec, func(ctx context.Context) (string, error) {
		if r.action == bus.DiscardLetter {
			return "", nil
		}
		var err error
		detail, err = plan.Do(ctx)
		return detail, err
	})
	return detail, err
}

// printEndings ends a run with its sum, and for programs with everything.
func (a *app) printEndings(all []ending) error {
	counts := map[string]int{}
	for _, e := range all {
		counts[e.Outcome]++
	}
	if a.asJSON {
		if err := a.console.Object(map[string]any{"letters": all, "counts": counts}); err != nil {
			return err
		}
	} else {
		a.console.Printf("%d letter(s): %d done, %d to be done, %d skipped, %d refused, %d failed\n",
			len(all), counts[endDone], counts[endWould], counts[endSkipped], counts[endRefused], counts[endFailed])
	}
	if counts[endRefused]+counts[endFailed] > 0 {
		return errSaid
	}
	return nil
}
