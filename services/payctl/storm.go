package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/storm"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// stormOptions are the flags of both storms.
type stormOptions struct {
	stackFlags
	count, concurrency, payments int
	seed                         uint64
	list                         string // of forged callbacks
	faults                       bool
	copies                       int
	unproven                     string // limit per second and account; empty: as it is
}

func (a *app) stormCommand() *cobra.Command {
	return group("storm", "Throw callbacks at a notify-receiver: forged ones, or the same again and again", a.stormForged(), a.stormDuplicates())
}

func (o *stormOptions) flags(cmd *cobra.Command) {
	o.add(cmd, "auto")
	cmd.Flags().IntVar(&o.count, "count", o.count, "how many callbacks")
	cmd.Flags().IntVar(&o.concurrency, "concurrency", o.concurrency, "requests under way at once")
	cmd.Flags().IntVar(&o.payments, "payments", o.payments, "how many payments are driven first, whose callbacks are recorded")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of everything random")
}

func (o *stormOptions) check() error {
	if o.count < 1 || o.payments < 1 || o.concurrency < 1 || o.concurrency > 10000 {
		return misuse("--count and --payments must be at least 1, --concurrency 1 to 10000")
	}
	return nil
}

func (a *app) stormForged() *cobra.Command {
	o := stormOptions{count: 100_000, concurrency: 64, payments: 40, copies: 1}
	cmd := &cobra.Command{
		Use:   "forged",
		Short: "Forged callbacks, of which none may be believed",
		Long: `Forged starts the whole system, drives some payments at every provider and records their
callbacks. Of those it makes forgeries: with bits flipped, cut off, rearranged, signed with
other keys, without a signature, for another account or merchant, replayed late, and plain
garbage. It posts them over HTTP with the limits per address and account taken away, and
fails when one was stored as authentic, an event was written meanwhile, an answer is missing,
or the receiver's memory grows. Afterwards everything is verified.

Computop signs payment, status and code of a callback and nothing else, so its messages can
be rearranged. Such variants may be stored, few and without effect; they are counted apart.`,
		Example: `  payctl storm forged --count 1000000 --seed 7 --json
  payctl storm forged --count 20000 --list forged.txt   # for payctl verify --forged`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.storm(cmd.Context(), o, a.throwForged)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.list, "list", "", "file that the SHA-256 of every forgery is written to, one per line")
	return cmd
}

func (a *app) stormDuplicates() *cobra.Command {
	o := stormOptions{count: 10_000, concurrency: 64, payments: 120, copies: 5, unproven: "0"}
	cmd := &cobra.Command{
		Use:   "duplicates",
		Short: "Genuine callbacks again and again, of which each may count once",
		Long: `Duplicates starts the whole system and drives payments at every provider, with faults. Every
callback is posted several times at once as it comes, racing with its copies and with our own
outcome, and all of them again afterwards, shuffled. It fails when an operation came to a
second outcome, anything was written by what came afterwards, or a repeat was not answered
with 200. Afterwards everything is verified.`,
		Example: `  payctl storm duplicates --count 10000 --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.copies < 1 || o.copies > 100 {
				return misuse("--copies: %d is not 1 to 100", o.copies)
			}
			return a.storm(cmd.Context(), o, a.throwDuplicates)
		},
	}
	o.flags(cmd)
	cmd.Flags().IntVar(&o.copies, "copies", o.copies, "how often a callback is posted as it comes")
	cmd.Flags().BoolVar(&o.faults, "faults", true, "drive the demo's faults too: lost answers, lost and late callbacks")
	return cmd
}

// stormed is what a storm is thrown at, with what was recorded before.
type stormed struct {
	to    storm.Target
	stack *stack.Stack
	kept  []storm.Callback
	// refused is how many callbacks were no genuine ones.
	refused int
	burst   *storm.Burst
	in      verify.Inputs
}

// storm starts a stack whose callbacks go through a recorder, drives payments, and
// throws.
func (a *app) storm(ctx context.Context, o stormOptions, throw func(context.Context, stormOptions, stormed) error) (err error) {
	recorder, err := storm.NewRecorder(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, recorder.Close()) }()
	options, err := a.ownStackOptions(o.stackFlags)
	if err != nil {
		return err
	}
	options.Callbacks = recorder.URL()
	options.Env = map[string]string{"RATE_LIMIT": "0", "SOURCE_RATE_LIMIT": "0", "ENDPOINT_RATE_LIMIT": "0"}
	if o.unproven != "" {
		options.Env["UNPROVEN_RATE_LIMIT"] = o.unproven
	}
	s, err := stack.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	in, b, done, err := inputsOf(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	burst := storm.NewBurst(s.URLs().Notify, o.seed, o.copies, 30*time.Millisecond)
	if err := recorder.Pass(s.URLs().Notify, burst.Send); err != nil {
		return err
	}
	if err := a.drivePayments(ctx, s, o); err != nil {
		return err
	}
	recorder.Hold()
	kept, refused := recorder.Kept()
	to := storm.Target{URL: s.URLs().Notify, Metrics: receiverMetrics(s), Streams: b}
	return throw(ctx, o, stormed{to: to, stack: s, kept: kept, refused: refused, burst: burst, in: in})
}

func receiverMetrics(s *stack.Stack) string {
	for _, p := range s.Services() {
		if p.Name == stack.Receiver {
			return "http://" + p.Admin + "/metrics"
		}
	}
	return ""
}

// drivePayments has every provider send its callbacks.
func (a *app) drivePayments(ctx context.Context, s *stack.Stack, o stormOptions) error {
	u := s.URLs()
	env := demo.Env{
		API: api.New(u.Ingress, u.Tracker, s.APIKey(), 16), Computop: api.NewComputop(u.Simulator, 16),
		Axerve: api.NewAxerve(u.Simulator, 16), ECommPay: api.NewECommPay(u.Simulator, 16),
	}
	bar := a.console.Progress(int64(o.payments), "payments, whose callbacks are recorded")
	result, err := demo.Run(ctx, env, demo.Options{Payments: o.payments, Plain: !o.faults, Progress: bar.Add})
	bar.Done()
	for _, out := range result.Outcomes {
		err = errors.Join(err, out.Err)
	}
	return err
}

func (a *app) throwForged(ctx context.Context, o stormOptions, s stormed) error {
	book, err := account.Load(s.stack.AccountsFile(), nil)
	if err != nil {
		return err
	}
	list, closeList, err := forgedList(o.list)
	if err != nil {
		return err
	}
	bar := a.console.Progress(int64(o.count), "forged callbacks")
	r, err := storm.Forged(ctx, s.to, storm.NewForger(o.seed, s.kept, forgersKeys(book)), storm.ForgedOptions{
		Count: o.count, Concurrency: o.concurrency, Progress: bar.Set, Each: list,
	})
	bar.Done()
	if err := errors.Join(err, closeList()); err != nil {
		return err
	}
	checked, err := verify.Run(ctx, s.in)
	if err != nil {
		return err
	}
	return a.printForged(r, checked)
}

// forgersKeys is what a stranger may know of the accounts; the key that encrypts,
// which does not vouch for anything; and the MAC's, to judge by.
func forgersKeys(book *account.Book) []storm.Keys {
	var all []storm.Keys
	for a := range book.Accounts() {
		k := storm.Keys{Provider: a.Provider, Endpoint: a.CallbackKey}
		switch a.Provider {
		case payment.Computop:
			k.Merchant = a.Setting("merchant_id")
			cipher, _ := a.Secrets.Current("cipher")
			mac, _ := a.Secrets.Current("mac")
			k.Cipher, k.MAC = cipher.Reveal(), mac.Reveal()
		case payment.Axerve:
			k.Merchant = a.Setting("shop_login")
		case payment.ECommPay:
			k.Merchant = a.Setting("project_id")
		}
		all = append(all, k)
	}
	return all
}

// forgedList returns what writes the digests of forgeries into a file; of what is
// genuine, only late, it writes none.
func forgedList(path string) (each func(string, storm.Callback), done func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	w := bufio.NewWriter(f)
	each = func(name string, c storm.Callback) {
		if name == storm.Replayed {
			return
		}
		sum := sha256.Sum256(c.Content())
		mu.Lock()
		defer mu.Unlock()
		_, _ = w.WriteString(hex.EncodeToString(sum[:]) + "\n") // Flush tells
	}
	return each, func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

func (a *app) throwDuplicates(ctx context.Context, o stormOptions, s stormed) error {
	bar := a.console.Progress(int64(o.count), "callbacks posted")
	r, err := storm.Duplicates(ctx, s.to, s.kept, s.burst, storm.DuplicatesOptions{
		Count: o.count, Concurrency: o.concurrency, Seed: o.seed, Refused: s.refused, Progress: bar.Set,
	})
	bar.Done()
	if err != nil {
		return err
	}
	checked, err := verify.Run(ctx, s.in)
	if err != nil {
		return err
	}
	return a.printDuplicates(r, checked)
}

func (a *app) printForged(r storm.ForgedReport, checked verify.Report) error {
	ok := r.OK() && checked.OK()
	if a.asJSON {
		return errors.Join(a.console.Object(struct {
			OK bool `json:"ok"`
			storm.ForgedReport
			Violations []verify.Violation `json:"violations"`
		}{ok, r, append([]verify.Violation{}, checked.Violations()...)}), saidUnless(ok))
	}
	mib := func(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
	a.printFacts([][2]string{
		{"forged callbacks", fmt.Sprint(r.Count)}, {"accepted", fmt.Sprint(r.Believed)}, {"events written", fmt.Sprint(r.Events)},
		{"stored variants of signed ones", fmt.Sprint(r.Variants)},
		{"stored, quarantined", fmt.Sprint(r.Stored[string(wire.Quarantined)])}, {"stored unproven", fmt.Sprint(r.Unproven)}, {"per second", fmt.Sprintf("%.0f", r.PerS)},
		{"memory before, after", mib(r.RSSBefore) + ", " + mib(r.RSSAfter)},
		{"most in first, second half", mib(r.RSSFirst) + ", " + mib(r.RSSSecond)},
	})
	a.printAnswers(r.Answers)
	a.printViolations(checked)
	return saidUnless(ok)
}

func (a *app) printDuplicates(r storm.DuplicatesReport, checked verify.Report) error {
	ok := r.OK() && checked.OK()
	if a.asJSON {
		return errors.Join(a.console.Object(struct {
			OK bool `json:"ok"`
			storm.DuplicatesReport
			Violations []verify.Violation `json:"violations"`
		}{ok, r, append([]verify.Violation{}, checked.Violations()...)}), saidUnless(ok))
	}
	a.printFacts([][2]string{
		{"callbacks of providers", fmt.Sprint(r.Genuine)}, {"stored", fmt.Sprint(r.Stored)}, {"posted", fmt.Sprint(r.Posted)},
		{"events of callbacks", fmt.Sprint(r.Events)}, {"outcomes beyond the first", fmt.Sprint(r.Doubled)},
		{"events of repeats", fmt.Sprint(r.Extra)}, {"stored again", fmt.Sprint(r.Again)}, {"per second", fmt.Sprintf("%.0f", r.PerS)},
	})
	a.printAnswers(r.Answers)
	a.printViolations(checked)
	return saidUnless(ok)
}

func saidUnless(ok bool) error {
	if ok {
		return nil
	}
	return errSaid
}

func (a *app) printFacts(facts [][2]string) {
	var rows [][]console.Cell
	for _, f := range facts {
		rows = append(rows, []console.Cell{console.Text(f[0]), {Text: f[1], Right: true}})
	}
	a.console.Table([]string{"what", "number"}, rows)
}

func (a *app) printAnswers(t storm.Tally) {
	var rows [][]console.Cell
	for _, kind := range slices.Sorted(maps.Keys(t)) {
		for _, status := range slices.Sorted(maps.Keys(t[kind])) {
			rows = append(rows, []console.Cell{console.Text(kind), console.Text(status), console.Number(t[kind][status])})
		}
	}
	a.console.Table([]string{"callbacks", "answer", "number"}, rows)
}

func (a *app) printViolations(r verify.Report) {
	for _, v := range r.Violations() {
		a.console.Printf("%s %s %s %s: %s\n", a.console.Paint(console.Red, "violated:"), v.Invariant, v.Kind, v.Subject, v.What)
	}
}
