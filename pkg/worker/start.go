package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
)

// start stores the intent, calls the provider and stores the outcome. The window
// to send counts from began, which is before the ledger was asked for the time of
// the intent: whoever recovers the attempt counts from that.
func (w *Worker) start(ctx context.Context, head payment.Head, cmd payment.Command, intent payment.Event, began time.Time) error {
	data, ok := intent.Data.(payment.AttemptStarted)
	if !ok {
		return fmt.Errorf("worker: %s is no intent", intent.Data.Type())
	}
	if err := w.admit(cmd, data); err != nil {
		intent.Data = payment.OperationRejected{Kind: cmd.Kind, Reason: payment.ReasonInvalid, Detail: err.Error()}
		return w.reject(ctx, head, cmd, intent)
	}
	// What was started stays at its account; whoever opens may choose.
	if _, started := head.Payment.Operation(cmd.ID); started || !data.Kind.Opens() {
		data.Account = head.Payment.Account
	} else {
		data.Account = w.account(cmd)
	}
	intent.Data = data
	// No intent is stored for a call that will not be made.
	pass, wait := w.enter(ctx, provider.Call{Operation: payment.Operation{ID: cmd.ID}, Command: cmd, Now: intent.At}, data.Account, purpose(data))
	if wait.For > 0 {
		return w.aside(ctx, cmd, wait)
	}
	defer pass.Drop()
	head, err := w.ledger.Append(ctx, head, intent)
	if err != nil {
		return err
	}
	w.probe(IntentStored)
	op, _ := head.Payment.Operation(cmd.ID)
	call := provider.Call{Payment: head.Payment, Operation: op, Command: cmd, Now: intent.At}
	result, err := w.submit(ctx, call, began.Add(w.limits.SendWindow))
	w.probe(Answered)
	stored := w.record(ctx, head, call, result, err)
	w.told(pass, call, err) // after it: what others are told must not hold up an outcome
	return stored
}

// purpose tells whether an attempt begins its operation.
func purpose(a payment.AttemptStarted) protection.Purpose {
	if a.Attempt == 1 {
		return protection.Begin
	}
	return protection.Continue
}

// errClosed means that a command is not as it was asked for any more.
var errClosed = errors.New("its personal data was erased")

// admit returns why a command must not be started. Only its first attempt is
// asked about: what was started is finished, unless half of it is gone.
func (w *Worker) admit(cmd payment.Command, a payment.AttemptStarted) error {
	if cmd.Closed {
		return errClosed
	}
	if a.Attempt > 1 {
		return nil
	}
	return w.validate(cmd)
}

// record stores what a call gave: a result, or what is known without one.
func (w *Worker) record(ctx context.Context, head payment.Head, call provider.Call, r payment.Result, callErr error) error {
	// A shutdown must not lose an outcome that is at hand.
	ctx, cancel := w.within(context.WithoutCancel(ctx), w.limits.StoreReserve)
	defer cancel()
	var events facts = func(p payment.Payment, now time.Time) ([]payment.Event, error) {
		return payment.Observe(p, payment.Observation{
			Source: payment.FromAnswer, Command: call.Command.ID, Attempt: call.Operation.Attempt.Number,
			Ref: r.Ref, RetryAt: now.Add(w.cap.PollAfter), Result: r,
		}, now)
	}
	if callErr != nil {
		events = w.failed(call, provider.AsError(callErr))
	}
	head, err := w.settle(ctx, head, call.Command.ID, events)
	if err != nil {
		return err
	}
	w.probe(OutcomeStored)
	w.done(head, call.Command)
	return w.next(ctx, head, call.Command)
}

// failed returns the events for a call without a result. An attempt that got its
// outcome from elsewhere meanwhile, a callback say, is left alone; so is one that
// was not sent from here, once it is in doubt: somebody else may have sent it.
func (w *Worker) failed(call provider.Call, e *provider.Error) facts {
	a := call.Operation.Attempt
	return func(p payment.Payment, now time.Time) ([]payment.Event, error) {
		op, ok := p.Operation(call.Command.ID)
		if !ok || op.Attempt.Number != a.Number || (op.Status != payment.OpOpen && op.Status != payment.OpUnknown) {
			return nil, nil
		}
		if e.Failure == provider.NotSent && op.Status != payment.OpOpen {
			return nil, nil
		}
		data := w.failure(op, w.cap.RecoveryOf(op.Kind, p.Terms.Method), e, now)
		return []payment.Event{event(p, op.ID, now, payment.FromAnswer, data)}, nil
	}
}

func (w *Worker) failure(op payment.Operation, r provider.Recovery, e *provider.Error, now time.Time) payment.EventData {
	switch e.Failure {
	case provider.Rejected:
		return payment.OperationRejected{Kind: op.Kind, Code: e.Code, Reason: e.Reason, Detail: e.Error()}
	case provider.NotSent:
		return payment.AttemptNotSent{
			Attempt: op.Attempt.Number, Refused: e.Answered, Code: e.Code, Reason: e.Reason,
			RetryAt: now.Add(max(e.After, w.retryAfter(op.Attempt.Number))),
		}
	case provider.Unknown:
		if e.Person {
			return payment.Parked{Attempt: op.Attempt.Number, Reason: e.Reason, Detail: "the provider's answer is for a person to read"}
		}
	}
	wait := w.inquireAfter(now.Sub(op.Attempt.Started))
	if r.Class == provider.T0 {
		wait = w.retryAfter(op.Attempt.Number) // it will be made anew, not asked about
	}
	return payment.OutcomeUnknown{Attempt: op.Attempt.Number, Code: e.Code, Reason: e.Reason, RetryAt: now.Add(max(e.After, wait))}
}

// facts returns what a payment, as it has become, learns now.
type facts func(p payment.Payment, now time.Time) ([]payment.Event, error)

// settle appends what fs says, and asks it again when somebody else appended
// first: an outcome that loses a race is not dropped. While the ledger is away it
// tries until ctx ends.
func (w *Worker) settle(ctx context.Context, head payment.Head, cmd payment.CommandID, fs facts) (payment.Head, error) {
	for try := 0; ; try++ {
		next, err := w.appendAll(ctx, head, fs)
		if err == nil {
			return next, nil
		}
		switch {
		case ctx.Err() != nil, errors.Is(err, payment.ErrUnmatched):
			return head, err
		case errors.Is(err, payment.ErrTooLarge):
			fs = w.tooLarge(cmd) // what cannot be stored must at least be known
		}
		w.clock.Sleep(ctx, min(20*time.Millisecond<<min(try, 6), time.Second))
		// Whatever was appended or not, the ledger knows. A replica that lags has not
		// heard yet of what is known here.
		fresh, loadErr := w.ledger.Load(ctx, head.Payment.Merchant, head.Payment.ID)
		if loadErr == nil && fresh.Seq >= head.Seq {
			head = fresh
		}
	}
}

// tooLarge gives an operation to a person whose outcome the ledger does not take.
func (w *Worker) tooLarge(cmd payment.CommandID) facts {
	return func(p payment.Payment, now time.Time) ([]payment.Event, error) {
		op, ok := p.Operation(cmd)
		if !ok || op.Status.Terminal() {
			return nil, nil
		}
		return []payment.Event{event(p, cmd, now, payment.FromWorker, payment.Parked{
			Attempt: op.Attempt.Number, Reason: payment.ReasonUnclear, Detail: "the outcome is too large to be stored",
		})}, nil
	}
}

func (w *Worker) appendAll(ctx context.Context, head payment.Head, fs facts) (payment.Head, error) {
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return head, err
	}
	events, err := fs(head.Payment, now)
	if err != nil {
		return head, err
	}
	for _, e := range events {
		if head, err = w.ledger.Append(ctx, head, e); err != nil {
			return head, err
		}
	}
	return head, nil
}

// next sees to it that an unfinished operation is looked at again.
func (w *Worker) next(ctx context.Context, head payment.Head, cmd payment.Command) error {
	op, ok := head.Payment.Operation(cmd.ID)
	if !ok || op.Status.Terminal() || op.Status == payment.OpAction {
		return nil
	}
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	wait := op.RetryAt.Sub(now)
	if wait <= 0 {
		wait = w.inquireAfter(now.Sub(op.Attempt.Started))
	}
	return w.later(ctx, cmd, wait)
}

func event(p payment.Payment, c payment.CommandID, now time.Time, from payment.Source, data payment.EventData) payment.Event {
	return payment.Event{
		Payment: p.ID, Merchant: p.Merchant, Provider: p.Provider, Command: c, At: now, Source: from, Data: data,
	}
}
