package worker

import (
	"context"
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
)

// reconcile carries out a sync command that compares the payment with its provider's
// books. While something of the payment is open there is nothing to compare: then it
// asks as every sync does, and an open attempt may get its outcome that way.
//
// What it found counts only for the payment as it was before the provider was asked:
// when anything was appended meanwhile, the provider is asked again.
func (w *Worker) reconcile(ctx context.Context, head payment.Head, cmd payment.Command, op payment.Operation, now time.Time) error {
	if !payment.Comparable(head.Payment) {
		return w.sync(ctx, head, cmd, op, now)
	}
	opening, _ := head.Payment.Opening()
	call := provider.Call{Payment: head.Payment, Operation: opening, Command: cmd, Now: now}
	pass, wait := w.enter(ctx, call, head.Payment.Account, protection.Inquire)
	if wait.For > 0 {
		return w.aside(ctx, cmd, wait)
	}
	defer pass.Drop()
	says, err := w.books(ctx, call)
	stored := w.compared(ctx, head, call, says, err)
	w.told(pass, call, err) // after it, as everywhere
	return stored
}

// compared records in what a payment and its provider's books differ, and that they
// were compared.
func (w *Worker) compared(ctx context.Context, head payment.Head, call provider.Call, says payment.Statement, err error) error {
	cmd := call.Command
	if err != nil {
		return w.unread(ctx, head, cmd, provider.AsError(err), call.Now)
	}
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	breaks := payment.Compare(head.Payment, says, cmd.ID, now)
	told := payment.Synced{Found: says.Found, Totals: &says.Totals}
	for _, e := range append(breaks, event(head.Payment, cmd.ID, now, payment.FromInquiry, told)) {
		if head, err = w.ledger.Append(ctx, head, e); err != nil {
			return err
		}
	}
	w.done(head, cmd)
	return nil
}

func (w *Worker) books(ctx context.Context, call provider.Call) (payment.Statement, error) {
	ctx, cancel := w.within(ctx, w.limits.CallTimeout)
	defer cancel()
	start := w.clock.Now()
	s, err := provider.BooksOf(ctx, w.provider, call)
	w.stats.call(call.Command, "books", w.clock.Now().Sub(start), err)
	return s, err
}

// unread puts a comparison off that the provider did not let come about, and gives
// it up when it has waited long enough: the next turn makes another.
func (w *Worker) unread(ctx context.Context, head payment.Head, cmd payment.Command, e *provider.Error, now time.Time) error {
	waited := now.Sub(cmd.At)
	never := e.Person || e.Failure == provider.Rejected || errors.Is(e, provider.ErrUnsupported)
	if !never && waited < w.limits.ParkAfter {
		return w.later(ctx, cmd, max(e.After, w.inquireAfter(waited)))
	}
	return w.reject(ctx, head, cmd, event(head.Payment, cmd.ID, now, payment.FromWorker, payment.OperationRejected{
		Kind: cmd.Kind, Code: e.Code, Reason: e.Reason, Detail: "the provider's books could not be read",
	}))
}
