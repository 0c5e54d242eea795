package worker

import (
	"context"
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
)

// recover finds out what became of an attempt whose outcome is missing, unknown
// or pending, the way the provider's class for it prescribes.
func (w *Worker) recover(ctx context.Context, head payment.Head, cmd payment.Command, op payment.Operation, now time.Time) error {
	r := w.cap.RecoveryOf(op.Kind, head.Payment.Terms.Method)
	age := now.Sub(op.Attempt.Started)
	call := provider.Call{Payment: head.Payment, Operation: op, Command: cmd, Now: now}
	switch {
	case op.Status == payment.OpPending:
		return w.inquire(ctx, head, call, r, age)
	case r.Class == provider.T0:
		return w.void(ctx, head, cmd, op)
	case r.Class == provider.T1 && age < r.Horizon/2:
		return w.resend(ctx, head, call)
	case r.Class == provider.T4:
		return w.park(ctx, head, call, payment.ReasonNothingToInquire)
	}
	return w.inquire(ctx, head, call, r, age)
}

// resend calls again under the same key; the provider suppresses the repeat.
// Half a command is another one: then a person finds out. The worker that began
// the attempt may be at it still: once doubt is on record, its word that nothing
// was sent settles nothing, as there are two now who send.
func (w *Worker) resend(ctx context.Context, head payment.Head, call provider.Call) error {
	if call.Command.Closed {
		return w.park(ctx, head, call, payment.ReasonNothingToInquire)
	}
	if call.Operation.Status == payment.OpOpen {
		return w.doubt(ctx, head, call)
	}
	pass, wait := w.enter(ctx, call, head.Payment.Account, protection.Continue)
	if wait.For > 0 {
		return w.aside(ctx, call.Command, wait)
	}
	defer pass.Drop()
	result, err := w.submit(ctx, call, w.clock.Now().Add(w.limits.SendWindow))
	w.probe(Answered)
	known := err
	if e := provider.AsError(err); err != nil && e.Failure == provider.NotSent {
		// That this call was not executed says nothing of the one before it.
		known = &provider.Error{Failure: provider.Unknown, Reason: e.Reason, Code: e.Code, After: e.After, Err: e}
	}
	stored := w.record(ctx, head, call, result, known)
	w.told(pass, call, err)
	return stored
}

// doubt records that nobody knows the outcome of an open attempt.
func (w *Worker) doubt(ctx context.Context, head payment.Head, call provider.Call) error {
	unknown := event(head.Payment, call.Operation.ID, call.Now, payment.FromWorker, payment.OutcomeUnknown{
		Attempt: call.Operation.Attempt.Number, Reason: payment.ReasonNoAnswer,
	})
	if _, err := w.ledger.Append(ctx, head, unknown); err != nil {
		return err
	}
	return errAgain
}

// inquire asks the provider. What it does not find is believed only after the
// time that a request may still be under way.
func (w *Worker) inquire(ctx context.Context, head payment.Head, call provider.Call, r provider.Recovery, age time.Duration) error {
	pass, wait := w.enter(ctx, call, head.Payment.Account, protection.Inquire)
	if wait.For > 0 {
		return w.aside(ctx, call.Command, wait)
	}
	defer pass.Drop()
	result, err := w.ask(ctx, call)
	w.probe(Answered)
	if r.Class == provider.T2 && gone(call, r, err, age) && w.ledger.Steady() >= r.Settle {
		w.told(pass, call, err)          // there is nothing in hand
		return w.resend(ctx, head, call) // the key is good for one operation, for ever
	}
	stored := w.inquired(ctx, head, call, r, age, result, err)
	w.told(pass, call, err) // after it, as everywhere
	return stored
}

// gone tells whether the attempt has not come to anything, and will not.
func gone(call provider.Call, r provider.Recovery, err error, age time.Duration) bool {
	return errors.Is(err, provider.ErrNotFound) && call.Operation.Status != payment.OpPending && age >= r.Settle
}

// inquired records what an inquiry gave: a result, or what is known without one.
func (w *Worker) inquired(ctx context.Context, head payment.Head, call provider.Call, r provider.Recovery, age time.Duration, result payment.Result, err error) error {
	switch {
	case err == nil:
		return w.found(ctx, head, call, result, age)
	case !errors.Is(err, provider.ErrNotFound):
		return w.unclear(ctx, head, call, provider.AsError(err), age)
	case call.Operation.Status == payment.OpPending:
		return w.patiently(ctx, head, call, payment.ReasonNotFound, age) // accepted, so it will show up
	case !gone(call, r, err, age):
		// What takes long to be believed may show long before.
		return w.later(ctx, call.Command, min(w.inquireAfter(age), r.Settle-age))
	case r.Class == provider.T2 || w.ledger.Steady() < r.Settle:
		// It may be younger than it looks. What has one key for ever is never voided:
		// if the clock is steady by now, the next inquiry sends it again.
		return w.later(ctx, call.Command, max(r.Settle-w.ledger.Steady(), time.Second))
	}
	return w.void(ctx, head, call.Command, call.Operation)
}

func (w *Worker) ask(ctx context.Context, call provider.Call) (payment.Result, error) {
	ctx, cancel := w.within(ctx, w.limits.CallTimeout)
	defer cancel()
	start := w.clock.Now()
	r, err := w.provider.Inquire(ctx, call)
	w.stats.call(call.Command, "inquire", w.clock.Now().Sub(start), err)
	return r, err
}

// found records what the provider knows of the attempt.
func (w *Worker) found(ctx context.Context, head payment.Head, call provider.Call, r payment.Result, age time.Duration) error {
	known := r.Status == payment.Pending && call.Operation.Status == payment.OpPending
	if known || (!r.Status.Final() && age > w.limits.GiveUp) {
		return w.patiently(ctx, head, call, payment.ReasonNoAnswer, age)
	}
	ctx, cancel := w.within(context.WithoutCancel(ctx), w.limits.StoreReserve)
	defer cancel()
	head, err := w.settle(ctx, head, call.Command.ID, func(p payment.Payment, now time.Time) ([]payment.Event, error) {
		return payment.Observe(p, payment.Observation{
			Source: payment.FromInquiry, Command: call.Command.ID, Attempt: call.Operation.Attempt.Number,
			Ref: r.Ref, RetryAt: now.Add(w.inquireAfter(age)), Result: r,
		}, now)
	})
	if err != nil {
		return err
	}
	w.probe(OutcomeStored)
	w.done(head, call.Command)
	return w.next(ctx, head, call.Command)
}

// patiently asks again later, until the attempt is so old that nothing will settle
// it any more: then a person finds out. Should the provider's final word come after
// all, it still counts.
func (w *Worker) patiently(ctx context.Context, head payment.Head, call provider.Call, why payment.Reason, age time.Duration) error {
	if age > w.limits.GiveUp {
		return w.park(ctx, head, call, why)
	}
	return w.later(ctx, call.Command, w.inquireAfter(age))
}

// unclear keeps asking while the provider cannot be reached, and calls a person
// when the provider says that one is needed, or answers for long without settling
// anything. What it has accepted it is given the time for. After GiveUp a person is
// called in any case.
func (w *Worker) unclear(ctx context.Context, head payment.Head, call provider.Call, e *provider.Error, age time.Duration) error {
	puzzling := e.Answered && !e.Bare && e.Failure != provider.NotSent && call.Operation.Status != payment.OpPending
	if e.Person || errors.Is(e, provider.ErrUnsupported) || (puzzling && age > w.limits.ParkAfter) || age > w.limits.GiveUp {
		return w.park(ctx, head, call, e.Reason)
	}
	return w.later(ctx, call.Command, max(e.After, w.inquireAfter(age)))
}

// void records that the attempt came to nothing, so that another may follow.
func (w *Worker) void(ctx context.Context, head payment.Head, cmd payment.Command, op payment.Operation) error {
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	void := event(head.Payment, cmd.ID, now, payment.FromInquiry, payment.AttemptVoided{Attempt: op.Attempt.Number})
	if _, err := w.ledger.Append(ctx, head, void); err != nil {
		return err
	}
	w.probe(Voided)
	return errAgain
}

// park gives the operation to a person.
func (w *Worker) park(ctx context.Context, head payment.Head, call provider.Call, why payment.Reason) error {
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	head, err = w.ledger.Append(ctx, head, event(head.Payment, call.Operation.ID, now, payment.FromWorker, payment.Parked{
		Attempt: call.Operation.Attempt.Number, Reason: why,
		Detail: "neither a resend nor an inquiry can tell whether it was executed",
	}))
	if err != nil {
		return err
	}
	w.stats.parked.WithLabelValues(string(call.Command.Provider), string(call.Operation.Kind)).Inc()
	w.done(head, call.Command)
	return nil
}
