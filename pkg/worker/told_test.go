package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/testkit"
)

// observer is a guard that lets every call through, and looks when it is told what a
// call gave.
type observer struct{ told func() }

func (o observer) Enter(context.Context, protection.Ask) (protection.Pass, protection.Wait) {
	return o, protection.Wait{}
}

func (observer) Wanted(protection.Account, payment.CommandID, time.Time) bool { return false }
func (o observer) Done(protection.Outcome, bool)                              { o.told() }
func (observer) Drop()                                                        {}

// TestHandle_OutcomeIsStoredBeforeOthersAreTold: telling the breaker may take as long
// as its store is away, and an outcome in hand must not wait for that.
func TestHandle_OutcomeIsStoredBeforeOthersAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	cmd, w, seen := r.command(payment.Capture, "cap", 400), r.worker(), 0
	w.guard = observer{func() {
		seen++
		if op, _ := r.head().Payment.Operation(cmd.ID); op.Status != payment.OpSucceeded {
			t.Errorf("others are told while the operation is %q", op.Status)
		}
	}}
	checkStatus(t, r.bring(w, cmd), payment.OpSucceeded)
	if seen != 1 {
		t.Errorf("told %d times", seen)
	}
}

// watched returns w with a guard that looks at the payment whenever it is told what a
// call gave, and how often it was told.
func (r *rig) watched(w *Worker, look func(payment.Payment)) (*Worker, *int) {
	seen := new(int)
	w.guard = observer{func() { *seen++; look(r.head().Payment) }}
	return w, seen
}

// until has w handle cmd, once at a time, until a call was made and told of.
func (r *rig) until(told *int, w *Worker, cmd payment.Command) {
	r.t.Helper()
	testkit.Eventually(r.t, 20*time.Second, func() error {
		err := w.once(r.t.Context(), cmd)
		if *told == 0 {
			return errors.Join(errors.New("nobody is told of a call"), err)
		}
		return nil
	})
	if *told != 1 {
		r.t.Errorf("told %d times of one call", *told)
	}
}

// old waits until the attempt of an operation is of that age by the broker's clock.
func (r *rig) old(op payment.Operation, age time.Duration) {
	r.t.Helper()
	testkit.Eventually(r.t, 20*time.Second, func() error {
		now, err := r.bus.Now(r.t.Context())
		if err == nil && now.Sub(op.Attempt.Started) < age {
			err = errors.New("the attempt is too young")
		}
		return err
	})
}

// TestHandle_WhatAnInquiryFindsIsStoredBeforeOthersAreTold: those who ask wait no more
// for the breaker's store than those who send.
func TestHandle_WhatAnInquiryFindsIsStoredBeforeOthersAreTold(t *testing.T) {
	t.Parallel()
	broker := bustest.New(t, bus.Topology{Shards: 2})
	for name, tc := range map[string]struct {
		result payment.Result
		err    error
		want   payment.OpStatus // when others are told
	}{
		"it was done":               {payment.Result{Status: payment.Approved, Ref: "x1", Amount: 400}, nil, payment.OpSucceeded},
		"it was declined":           {payment.Result{Status: payment.Declined, Code: "51"}, nil, payment.OpDeclined},
		"it is not there, for good": {payment.Result{}, provider.ErrNotFound, payment.OpWaiting},
		"it is for a person":        {payment.Result{}, &provider.Error{Failure: provider.Unknown, Answered: true, Person: true, Reason: payment.ReasonUnclear}, payment.OpParked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigOn(t, broker, provider.T3)
			r.authorized(1000, lostBefore)
			cmd := r.command(payment.Capture, "cap", 400)
			r.deliver(r.worker(), cmd)
			op, _ := r.head().Payment.Operation(cmd.ID)
			checkStatus(t, op, payment.OpUnknown)
			r.old(op, settle)
			w, told := r.watched(r.asking(&oracle{result: tc.result, err: tc.err}), func(p payment.Payment) {
				op, _ := p.Operation(cmd.ID)
				checkStatus(t, op, tc.want)
			})
			r.until(told, w, cmd)
		})
	}
}

// TestHandle_WhatASyncFindsIsStoredBeforeOthersAreTold: as above, where a command asks.
func TestHandle_WhatASyncFindsIsStoredBeforeOthersAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.bring(r.worker(), r.checkout(500))
	if err := r.fake.Buyer(r.id, true); err != nil {
		t.Fatal(err)
	}
	cmd := r.command(payment.Sync, "sync", 0)
	w, told := r.watched(r.worker(), func(p payment.Payment) {
		if p.State != payment.StateAuthorized || p.Synced != cmd.ID {
			t.Errorf("others are told while the payment is %q, synced by %q", p.State, p.Synced)
		}
	})
	r.until(told, w, cmd)
}

// TestReconcile_BreaksAreStoredBeforeOthersAreTold: as above, where books are compared.
func TestReconcile_BreaksAreStoredBeforeOthersAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.captured(1000)
	r.byHand(250)
	cmd := r.turn("1")
	w, told := r.watched(r.worker(), func(p payment.Payment) {
		if len(p.Breaks) != 1 || p.Synced != cmd.ID {
			t.Errorf("others are told while the payment has breaks %+v, synced by %q", p.Breaks, p.Synced)
		}
	})
	r.until(told, w, cmd)
}
