package worker

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
)

// sync carries out a sync command: it asks about op and records what is new, and
// then that it has asked. A question that the provider will never answer is
// rejected, and so is one that it has not answered until GiveUp.
func (w *Worker) sync(ctx context.Context, head payment.Head, cmd payment.Command, op payment.Operation, now time.Time) error {
	call := provider.Call{Payment: head.Payment, Operation: op, Command: cmd, Now: now}
	pass, wait := w.enter(ctx, call, head.Payment.Account, protection.Inquire)
	if wait.For > 0 {
		return w.aside(ctx, cmd, wait)
	}
	defer pass.Drop()
	result, err := w.ask(ctx, call)
	stored := w.answered(ctx, head, call, result, err)
	w.told(pass, call, err) // after it, as everywhere
	return stored
}

// answered records what a sync command was told, and that it has asked.
func (w *Worker) answered(ctx context.Context, head payment.Head, call provider.Call, result payment.Result, err error) error {
	cmd, op, now := call.Command, call.Operation, call.Now
	missing := errors.Is(err, provider.ErrNotFound)
	if err != nil && !missing {
		e := provider.AsError(err)
		waited := now.Sub(cmd.At)
		if e.Person || e.Failure == provider.Rejected || errors.Is(e, provider.ErrUnsupported) || waited > w.limits.GiveUp {
			return w.reject(ctx, head, cmd, event(head.Payment, cmd.ID, now, payment.FromInquiry, payment.OperationRejected{
				Kind: cmd.Kind, Code: e.Code, Reason: cmp.Or(e.Reason, payment.ReasonNothingToInquire), Detail: e.Error(),
			}))
		}
		return w.later(ctx, cmd, max(e.After, w.inquireAfter(waited)))
	}
	head, err = w.settle(ctx, head, op.ID, func(p payment.Payment, now time.Time) ([]payment.Event, error) {
		return w.synced(p, cmd, op, result, missing, now)
	})
	if err != nil {
		return err
	}
	w.done(head, cmd)
	return nil
}

func (w *Worker) synced(p payment.Payment, cmd payment.Command, op payment.Operation, r payment.Result, missing bool, now time.Time) ([]payment.Event, error) {
	if p.Answered(cmd.ID) {
		return nil, nil
	}
	var events []payment.Event
	if !missing {
		seen, err := payment.Observe(p, payment.Observation{
			Source: payment.FromInquiry, Command: op.ID, Attempt: op.Attempt.Number, Ref: r.Ref, Result: r,
		}, now)
		if err != nil {
			return nil, err
		}
		events = seen
	}
	if len(events) == 0 && w.abandoned(p, op, r, missing, now) {
		events = append(events, event(p, op.ID, now, payment.FromInquiry, payment.OperationFailed{
			Reason: payment.ReasonExpired, Code: r.Code,
		}))
	}
	return append(events, event(p, cmd.ID, now, payment.FromInquiry, payment.Synced{Found: !missing, Totals: r.Totals})), nil
}

// abandoned tells whether a buyer has let a checkout's time pass. Where the
// provider has anything under way, the buyer has not.
func (w *Worker) abandoned(p payment.Payment, op payment.Operation, r payment.Result, missing bool, now time.Time) bool {
	current, ok := p.Operation(op.ID)
	waiting := ok && current.Status == payment.OpAction && current.Attempt.Number == op.Attempt.Number
	return waiting && (missing || r.Status == payment.NeedBuyer) && now.Sub(current.At) >= w.cap.SessionTTL
}
