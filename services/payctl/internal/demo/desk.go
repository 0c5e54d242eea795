package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
)

// kind is what an effect did with money, as the simulators' ledgers call it.
type kind string

const (
	kindAuthorize kind = "authorize"
	kindCapture   kind = "capture"
	kindCharge    kind = "charge"
	kindRefund    kind = "refund"
	kindReverse   kind = "reverse" // Computop
	kindCancel    kind = "cancel"  // Axerve
	kindMandate   kind = "mandate"
	kindPayout    kind = "payout"
	kindReversal  kind = "reversal"
)

// effect is one entry that a provider's ledger has, or must have.
type effect struct {
	kind   kind
	amount int64
}

// planted is a fault that was made to happen.
type planted struct {
	id, hits int
	what     string
}

// desk is the control of the simulator of a scenario's provider.
type desk struct {
	ledger func(ctx context.Context, id string) ([]effect, error)
	faults func(ctx context.Context) ([]planted, error)
	remove func(ctx context.Context, id int) error
	// separator stands before the number of an attempt in its key.
	separator string
}

func (e Env) desk(p payment.Provider) desk {
	switch p {
	case payment.Axerve:
		return desk{e.axerveLedger, e.axerveFaults, e.Axerve.RemoveRule, axerve.Capability().Rules.KeySeparator}
	case payment.ECommPay:
		return desk{e.ecommpayLedger, e.ecommpayFaults, e.ECommPay.RemoveRule, ecommpay.Capability().Rules.KeySeparator}
	case payment.Computop:
	}
	return desk{e.computopLedger, e.computopFaults, e.Computop.RemoveRule, computop.Capability().Rules.KeySeparator}
}

func (e Env) computopLedger(ctx context.Context, id string) ([]effect, error) {
	entries, err := e.Computop.Ledger(ctx, id)
	return effects(entries, func(e computopsim.Entry) effect { return effect{kind(e.Kind), e.Amount} }), err
}

func (e Env) axerveLedger(ctx context.Context, id string) ([]effect, error) {
	entries, err := e.Axerve.Ledger(ctx, id)
	return effects(entries, func(e axervesim.Entry) effect { return effect{kind(e.Kind), e.Amount} }), err
}

// ecommpayLedger leaves out what the wallet refused: the platform registers a
// payout before it knows.
func (e Env) ecommpayLedger(ctx context.Context, id string) ([]effect, error) {
	entries, err := e.ECommPay.Ledger(ctx, id)
	entries = slices.DeleteFunc(entries, func(e ecommpaysim.Entry) bool { return e.Void })
	return effects(entries, func(e ecommpaysim.Entry) effect { return effect{kind(e.Kind), e.Amount} }), err
}

func effects[E any](entries []E, of func(E) effect) []effect {
	all := make([]effect, 0, len(entries))
	for _, e := range entries {
		all = append(all, of(e))
	}
	return all
}

func (e Env) computopFaults(ctx context.Context) ([]planted, error) {
	rules, err := e.Computop.Rules(ctx)
	var all []planted
	for _, r := range rules {
		all = append(all, planted{r.ID, r.Hits, fmt.Sprintf("%s of %s for %s", r.Fault, r.Operation, r.TransID)})
	}
	return all, err
}

func (e Env) axerveFaults(ctx context.Context) ([]planted, error) {
	rules, err := e.Axerve.Rules(ctx)
	var all []planted
	for _, r := range rules {
		all = append(all, planted{r.ID, r.Hits, fmt.Sprintf("%s of %s for %s", r.Fault, r.Operation, r.ShopID)})
	}
	return all, err
}

func (e Env) ecommpayFaults(ctx context.Context) ([]planted, error) {
	rules, err := e.ECommPay.Rules(ctx)
	var all []planted
	for _, r := range rules {
		all = append(all, planted{r.ID, r.Hits, fmt.Sprintf("%s of %s for %s", r.Fault, r.Operation, r.PaymentID)})
	}
	return all, err
}

// fault makes something go wrong for one payment and returns the rule's id.
type fault func(ctx context.Context, e Env, id string) (int, error)

// atComputop has a rule apply once to the payment.
func atComputop(rule computopsim.Rule) fault {
	return func(ctx context.Context, e Env, id string) (int, error) {
		rule := rule // several payments plant it at once
		rule.TransID, rule.Times = id, max(rule.Times, 1)
		added, err := e.Computop.AddRule(ctx, rule)
		return added.ID, err
	}
}

// atAxerve has a rule apply once to the payment.
func atAxerve(rule axervesim.Rule) fault {
	return func(ctx context.Context, e Env, id string) (int, error) {
		rule := rule // several payments plant it at once
		rule.ShopID, rule.Times = id, max(rule.Times, 1)
		added, err := e.Axerve.AddRule(ctx, rule)
		return added.ID, err
	}
}

// atECommPay has a rule apply once to the payment.
func atECommPay(rule ecommpaysim.Rule) fault {
	return func(ctx context.Context, e Env, id string) (int, error) {
		rule := rule // several payments plant it at once
		rule.PaymentID, rule.Times = id, max(rule.Times, 1)
		added, err := e.ECommPay.AddRule(ctx, rule)
		return added.ID, err
	}
}

// coveredAttempts is under the keys of how many attempts to open a payment a fault
// is planted: when somebody else's fault keeps the first from being sent, the
// provider knows the payment by a later one.
const coveredAttempts = 3

// fault plants f for one payment.
func (r *runner) fault(ctx context.Context, id string, f fault) error {
	var rules []int
	for n := range coveredAttempts {
		added, err := f(ctx, r.env, payment.AttemptKey(payment.ID(id), r.desk.separator, n+1))
		if err != nil {
			return fmt.Errorf("%w: plant a fault for %s: %w", ErrWrong, id, err)
		}
		rules = append(rules, added)
	}
	r.faults = append(r.faults, rules)
	return nil
}

// checkFaults checks that every fault has happened: a run that met none proves
// nothing. It removes them.
func (r *runner) checkFaults(ctx context.Context) error {
	if len(r.faults) == 0 {
		return nil
	}
	all, err := r.desk.faults(ctx)
	if err != nil {
		return fmt.Errorf("%w: read the faults: %w", ErrWrong, err)
	}
	var errs []error
	for _, rules := range r.faults {
		errs = append(errs, happened(all, rules))
		for _, id := range rules {
			errs = append(errs, r.desk.remove(ctx, id))
		}
	}
	return errors.Join(errs...)
}

// happened returns an error when none of a fault's rules was hit.
func happened(all []planted, rules []int) error {
	what := "that is gone"
	for _, p := range all {
		switch {
		case !slices.Contains(rules, p.id):
		case p.hits > 0:
			return nil
		case p.id == rules[0]:
			what = p.what
		}
	}
	return fmt.Errorf("%w: the fault %s never happened", ErrWrong, what)
}

// checkLedgers compares the provider's ledger with what was expected: each effect
// once, and no other.
func (r *runner) checkLedgers(ctx context.Context) error {
	var errs []error
	for _, id := range r.ids {
		entries, err := r.ledger(ctx, id)
		if err != nil {
			return fmt.Errorf("%w: read the ledger: %w", ErrWrong, err)
		}
		errs = append(errs, compare(id, entries, r.expected[id]))
	}
	return errors.Join(errs...)
}

// ledger returns what the provider did about a payment, under the key of every
// attempt to open it: one that came to nothing must have left nothing.
func (r *runner) ledger(ctx context.Context, id string) ([]effect, error) {
	var all []effect
	for n := 1; n <= max(r.attempts[id], 1); n++ {
		entries, err := r.desk.ledger(ctx, payment.AttemptKey(payment.ID(id), r.desk.separator, n))
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

func compare(id string, entries, want []effect) error {
	left := slices.Clone(want)
	for _, e := range entries {
		i := slices.Index(left, e)
		if i < 0 {
			return fmt.Errorf("%w: payment %s: the ledger has a %s of %d too many", ErrDoubled, id, e.kind, e.amount)
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: payment %s: the ledger lacks a %s of %d", ErrLost, id, left[0].kind, left[0].amount)
	}
	return nil
}

// effect waits until the provider's ledger shows an effect.
func (r *runner) effect(ctx context.Context, id string, k kind) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.patience, ErrStuck)
	defer cancel()
	for {
		entries, err := r.ledger(ctx, id)
		if slices.ContainsFunc(entries, func(e effect) bool { return e.kind == k }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: payment %s: no %s at the provider", errors.Join(context.Cause(ctx), err), id, k)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
