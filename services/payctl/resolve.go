package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
)

// The actions on payments, as the audit names them.
const (
	resolveAction  = "payment.resolve"
	unfreezeAction = "payment.unfreeze"
)

// verdictFlags are what resolve and unfreeze have in common.
type verdictFlags struct {
	operator
	merchant string
	evidence string
	confirm  string
}

func (v *verdictFlags) flags(cmd *cobra.Command) {
	merchantFlag(cmd, &v.merchant)
	operatorFlags(cmd, &v.operator)
	cmd.Flags().StringVar(&v.evidence, "evidence", "", "what you go by: a line of text, or @FILE, of which name and SHA-256 are kept")
	cmd.Flags().StringVar(&v.confirm, "confirm", "", "the token that the first call printed")
}

// check checks the flags, and reads the evidence.
func (v *verdictFlags) check() error {
	if err := v.operator.check(); err != nil {
		return err
	}
	if path, isFile := strings.CutPrefix(v.evidence, "@"); isFile {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("--evidence: %w", err)
		}
		v.evidence = fmt.Sprintf("file %s, SHA-256 %x", filepath.Base(path), sha256.Sum256(data))
	}
	if strings.TrimSpace(v.evidence) == "" {
		return misuse("--evidence: say what you go by, such as where in the provider's back office you looked")
	}
	return plainText("--evidence", v.evidence, 4*maxReason)
}

// decided is a decision of an operator about a payment as it is.
type decided struct {
	head   payment.Head
	event  payment.Event
	after  payment.Payment
	choice []string // what the token stands for, beside the payment's version
	what   string   // for people
}

// token ties a decision to the payment as the operator saw it.
func (d decided) token() string {
	p := d.head.Payment
	return payment.Digest(append([]string{string(p.Merchant), string(p.ID), strconv.FormatUint(p.Version, 10)}, d.choice...)...)[:12]
}

func (a *app) parkedResolve() *cobra.Command {
	var v verdictFlags
	var r payment.Resolution
	var finding string
	cmd := &cobra.Command{
		Use:   "resolve PAYMENT_ID COMMAND_ID",
		Short: "End a parked operation by what the provider's books say",
		Long: `Resolve takes two calls. The first changes nothing: it shows what would become of the payment and
prints a token. The second, the same with --confirm TOKEN, stores the outcome as an event with the
operator as its source. It is refused when anything happened to the payment in between.

What was not executed ends as failed: whoever still wants it asks anew, under another
idempotency key. The amount is in minor units, and what the payment does not admit is refused.`,
		Example: `  payctl parked resolve order-1 3n5x… --outcome succeeded --ref 6fbe8f… --amount 1000 \
      --evidence "back office, 12 May, settled" --reason "capture timed out"
  payctl parked resolve order-1 3n5x… … --confirm 7ab2c4d5e6f7`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(); err != nil {
				return err
			}
			if finding == "" {
				return misuse("--outcome: say what became of it: %s", strings.Join(words(payment.Findings()), ", "))
			}
			r.Finding = payment.Finding(finding)
			c := payment.CommandID(args[1])
			return a.brief(cmd.Context(), func(ctx context.Context) error {
				return a.decide(ctx, v, resolveAction, payment.ID(args[0]), func(_ context.Context, _ *bus.Bus, d *decided) error {
					return d.resolve(c, r)
				})
			})
		},
	}
	v.flags(cmd)
	cmd.Flags().StringVar(&finding, "outcome", "", "what became of it: "+strings.Join(words(payment.Findings()), ", "))
	cmd.Flags().StringVar(&r.Ref, "ref", "", "the provider's id of the operation; required of a success")
	cmd.Flags().StringVar(&r.Code, "code", "", "the provider's code, if it gave one")
	cmd.Flags().Int64Var(&r.Amount, "amount", 0, "minor units that took effect, of a success")
	fixed(cmd, "outcome", words(payment.Findings()))
	return cmd
}

func (d *decided) resolve(c payment.CommandID, r payment.Resolution) error {
	p := d.head.Payment
	var err error
	if d.event, err = payment.Resolve(p, c, r, p.UpdatedAt); err != nil {
		return err
	}
	d.choice = []string{string(c), string(r.Finding), r.Ref, r.Code, strconv.FormatInt(r.Amount, 10)}
	op, _ := p.Operation(c)
	d.what = fmt.Sprintf("%s %s: %s to %s", op.Kind, c, op.Status, r.Finding)
	if r.Finding == payment.FoundSucceeded {
		d.what += fmt.Sprintf(", %s under %s", payment.Money{Minor: r.Amount, Currency: p.Amount.Currency}, r.Ref)
	}
	return nil
}

func (a *app) parkedUnfreeze() *cobra.Command {
	var v verdictFlags
	cmd := &cobra.Command{
		Use:   "unfreeze PAYMENT_ID",
		Short: "Let a payment go on after a late outcome was dealt with",
		Long: `Unfreeze says that a person has dealt with the outcomes for which the payment had no place, by a
refund in the provider's back office, say. Told again, they freeze it no more; another one does.
It takes two calls, as resolve does.`,
		Example: `  payctl parked unfreeze order-1 --reason "captured twice" --evidence "refund 77 of 10.00 EUR, 12 May"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(); err != nil {
				return err
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error {
				return a.decide(ctx, v, unfreezeAction, payment.ID(args[0]), func(ctx context.Context, b *bus.Bus, d *decided) error {
					return d.unfreeze(ctx, b)
				})
			})
		},
		ValidArgsFunction: a.completePayments(&v.merchant),
	}
	v.flags(cmd)
	return cmd
}

func (d *decided) unfreeze(ctx context.Context, b *bus.Bus) error {
	late, err := lateOutcomes(ctx, b, d.head)
	if err != nil {
		return err
	}
	p := d.head.Payment
	if d.event, err = payment.Unfreeze(p, refsOf(late), p.UpdatedAt); err != nil {
		return err
	}
	d.choice = []string{"unfreeze"}
	d.what = fmt.Sprintf("frozen (%s) to not frozen; dealt with: %s", p.Frozen, strings.Join(refsOf(late), ", "))
	return nil
}

// decide shows a decision, or carries it out when its token is given.
func (a *app) decide(ctx context.Context, v verdictFlags, action string, id payment.ID, choose func(context.Context, *bus.Bus, *decided) error) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	d := decided{}
	if d.head, err = loadPayment(ctx, b, payment.Merchant(v.merchant), id); err != nil {
		return err
	}
	if err := choose(ctx, b, &d); err != nil {
		return err
	}
	if d.event.At, err = b.Now(ctx); err != nil {
		return err
	}
	d.event.ID = bus.NewEventID()
	d.after = payment.Fold(d.head.Payment, d.head.Payment.Next(d.event))
	switch v.confirm {
	case "":
		return a.printDecision(d, false)
	case d.token():
	default:
		return fmt.Errorf("%w: the token is for another version, or another choice", errChanged)
	}
	if err := d.carryOut(ctx, b, v, action); err != nil {
		return err
	}
	return a.printDecision(d, true)
}

func (d decided) carryOut(ctx context.Context, b *bus.Bus, v verdictFlags, action string) error {
	p := d.head.Payment
	rec := v.record(action)
	rec.Merchant, rec.Payment, rec.Command, rec.Provider = p.Merchant, p.ID, d.event.Command, p.Provider
	rec.Old, rec.New = fmt.Sprintf("version %d, %s", p.Version, p.State), d.what
	rec.Evidence = v.evidence
	return b.Audited(ctx, rec, func(ctx context.Context) (string, error) {
		_, err := b.Append(ctx, d.head, d.event)
		if errors.Is(err, payment.ErrConflict) {
			return "", errChanged
		}
		return "event " + d.event.ID, err
	})
}

func (a *app) printDecision(d decided, done bool) error {
	if a.asJSON {
		out := map[string]any{"done": done, "what": d.what, "before": viewOf(d.head.Payment), "after": viewOf(d.after)}
		if !done {
			out["confirm"] = d.token()
		}
		return a.console.Object(out)
	}
	before, after := d.head.Payment, d.after
	a.console.Printf("%s\n", d.what)
	for _, line := range [][3]string{
		{"state", string(before.State), string(after.State)},
		{"authorized", strconv.FormatInt(before.Authorized, 10), strconv.FormatInt(after.Authorized, 10)},
		{"captured", strconv.FormatInt(before.Captured, 10), strconv.FormatInt(after.Captured, 10)},
		{"refunded", strconv.FormatInt(before.Refunded, 10), strconv.FormatInt(after.Refunded, 10)},
		{"capturable", strconv.FormatInt(before.Capturable(), 10), strconv.FormatInt(after.Capturable(), 10)},
		{"refundable", strconv.FormatInt(before.Refundable(), 10), strconv.FormatInt(after.Refundable(), 10)},
	} {
		if line[1] != line[2] {
			a.console.Printf("  %-11s %s becomes %s\n", line[0], line[1], line[2])
		}
	}
	if done {
		a.console.Printf("done, as event %s of version %d\n", d.event.ID, after.Version)
		return nil
	}
	a.console.Printf("nothing is changed yet; to do so, run this again with --confirm %s\n", d.token())
	return nil
}
