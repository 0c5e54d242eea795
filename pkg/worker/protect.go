package worker

import (
	"context"
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
)

// Guard decides when a provider may be called: limits, circuit breakers and what an
// operator has paused. It may be called concurrently.
type Guard interface {
	// Enter asks for leave to make a call, before anything about it is stored. With a
	// wait the call must not be made; without one the pass must be given back.
	Enter(ctx context.Context, a protection.Ask) (protection.Pass, protection.Wait)
	// Wanted tells whether the provider is to be asked about c now, although its turn
	// has not come: what it answers says whether others may be called.
	Wanted(a protection.Account, c payment.CommandID, now time.Time) bool
}

// unguarded lets every call through.
type unguarded struct{}

func (unguarded) Enter(context.Context, protection.Ask) (protection.Pass, protection.Wait) {
	return free{}, protection.Wait{}
}

func (unguarded) Wanted(protection.Account, payment.CommandID, time.Time) bool { return false }

// free is a pass that nobody counts.
type free struct{}

func (free) Done(protection.Outcome, bool) {}
func (free) Drop()                         {}

// enter asks for leave to make call, at an account of the payment's merchant.
func (w *Worker) enter(ctx context.Context, call provider.Call, account string, p protection.Purpose) (protection.Pass, protection.Wait) {
	if account == "" {
		account = w.account(call.Command)
	}
	return w.guard.Enter(ctx, protection.Ask{
		Account: w.protected(call.Command, account), Purpose: p, Payment: call.Command.Payment, Command: call.Operation.ID, Now: call.Now,
	})
}

func (w *Worker) protected(cmd payment.Command, account string) protection.Account {
	return protection.Account{Provider: w.cap.Provider, Merchant: cmd.Merchant, Name: account}
}

// aside puts cmd off. A short wait for a token is the queue's; whatever waits for a
// provider or an operator has a timer instead, so that it burns no deliveries.
func (w *Worker) aside(ctx context.Context, cmd payment.Command, wait protection.Wait) error {
	if wait.Until == protection.ForToken {
		return w.later(ctx, cmd, wait.For)
	}
	return w.timer(ctx, cmd, max(wait.For, time.Second))
}

// early returns the operation of a command whose turn has not come, when the
// provider is to be asked about it all the same.
func (w *Worker) early(head payment.Head, cmd payment.Command, now time.Time) (payment.Operation, bool) {
	op, ok := head.Payment.Operation(cmd.ID)
	if !ok || (op.Status != payment.OpOpen && op.Status != payment.OpUnknown && op.Status != payment.OpPending) {
		return op, false
	}
	return op, w.guard.Wanted(w.protected(cmd, head.Payment.Account), cmd.ID, now)
}

// told gives a pass back with what its call gave.
func (w *Worker) told(pass protection.Pass, call provider.Call, err error) {
	o := health(err)
	class := w.cap.RecoveryOf(call.Operation.Kind, call.Payment.Terms.Method).Class
	askable := class == provider.T2 || class == provider.T3
	pass.Done(o, o == protection.Bad && askable && provider.FailureOf(err) == provider.Unknown)
}

// health returns what a call says about the provider, rather than about a payment.
func health(err error) protection.Outcome {
	switch e := provider.AsError(err); {
	case err == nil, errors.Is(err, provider.ErrNotFound):
		return protection.Good
	case errors.Is(err, provider.ErrConfiguration):
		return protection.Refused
	case errors.Is(err, provider.ErrUnsupported), errors.Is(err, context.Canceled), errors.Is(err, errWindow):
		return protection.Neutral
	case e.Failure == provider.Rejected:
		return protection.Good // it has read and understood
	case e.Failure == provider.NotSent && e.Answered:
		return protection.Neutral // it says when to come back
	}
	return protection.Bad
}
