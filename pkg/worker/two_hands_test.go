package worker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// TestHandle_StoppedBeforeTheIntent: a worker is stopped after it has learnt the
// ledger's time. Its intent bears that time, and whoever recovers the attempt
// counts from it, so it must not send any more.
func TestHandle_StoppedBeforeTheIntent(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	cmd, w := r.command(payment.Capture, "cap", 400), r.worker()
	stopped := sync.OnceFunc(func() { time.Sleep(window + 50*time.Millisecond) })
	w.probe = func(p Point) {
		if p == Loaded {
			stopped()
		}
	}
	r.deliver(w, cmd)
	if r.calls() != 0 {
		t.Errorf("%d calls after the window", r.calls())
	}
	checkStatus(t, r.bring(w, cmd), payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
}

// TestHandle_WhatAnotherHandMayHaveSent: while a worker waits for the answer to its
// call, another one takes the attempt over and sends it again. What the first one
// is told then, that it was refused, does not settle the attempt.
func TestHandle_WhatAnotherHandMayHaveSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T1)
	r.authorized(1000, refuse, lostAfter)
	cmd := r.command(payment.Capture, "cap", 400)
	var once sync.Once
	first := r.worker()
	first.provider = slow{r.fake, func() { once.Do(func() { r.deliver(r.worker(), cmd) }) }}
	r.deliver(first, cmd)
	op, _ := r.head().Payment.Operation(cmd.ID)
	if op.Attempt.Number != 1 || op.Refused != 0 || op.Status == payment.OpWaiting {
		t.Errorf("attempt %d, refused %d times, %s; the second hand's call is still in doubt", op.Attempt.Number, op.Refused, op.Status)
	}
	checkStatus(t, r.bring(r.worker(), cmd), payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
}

// slow is a provider whose answers to Submit come after something else.
type slow struct {
	*providertest.Fake
	before func()
}

func (s slow) Submit(ctx context.Context, c provider.Call) (payment.Result, error) {
	result, err := s.Fake.Submit(ctx, c)
	s.before()
	return result, err
}

// TestHandle_AnOpeningInDoubtWaitsLonger: what moves nothing is given up and made
// anew, after a pause that doubles.
func TestHandle_AnOpeningInDoubtWaitsLonger(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.fake.ScriptKind(payment.Authorize, lostAfter, lostAfter, lostAfter, lostAfter, lostAfter)
	cmd, w := r.checkout(500), r.worker()
	w.cap.SessionTTL = time.Hour
	var waits []time.Duration
	for len(waits) < 5 {
		r.deliver(w, cmd)
		op, _ := r.head().Payment.Operation(cmd.ID)
		if op.Status != payment.OpUnknown {
			t.Fatalf("attempt %d is %s", op.Attempt.Number, op.Status)
		}
		if op.Attempt.Number > len(waits) {
			waits = append(waits, op.RetryAt.Sub(op.At))
		}
		time.Sleep(10 * time.Millisecond)
	}
	for i, wait := range waits {
		if want := w.limits.Pause << i; wait != want {
			t.Errorf("wait %d is %s, want %s", i+1, wait, want)
		}
	}
}

// TestHandle_SyncThatCannotBeAnswered: where the provider never will, the command
// comes to an end.
func TestHandle_SyncThatCannotBeAnswered(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]*provider.Error{
		"cannot be asked":  provider.Reject("", "%w: no inquiry", provider.ErrUnsupported),
		"a person must":    {Failure: provider.Unknown, Answered: true, Person: true, Code: "E43"},
		"refused for good": {Failure: provider.Rejected, Answered: true, Reason: payment.ReasonInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, o := newRig(t, provider.T3), &oracle{err: err}
			r.authorized(1000)
			sync := r.command(payment.Sync, "sync", 0)
			w := r.asking(o)
			r.bring(w, sync)
			r.bring(w, sync) // and is known to have
			if p := r.head().Payment; !p.Answered(sync.ID) || p.Synced == sync.ID || len(p.Rejected) != 0 || o.asked.Load() != 1 {
				t.Errorf("rejected %v after %d inquiries", p.Rejected, o.asked.Load())
			}
		})
	}
}

// TestHandle_SyncWaitsLonger: the longer a sync has waited for the provider, the
// longer its next pause, however young the payment was when it last changed.
func TestHandle_SyncWaitsLonger(t *testing.T) {
	t.Parallel()
	r, o := newRig(t, provider.T3), &oracle{err: &provider.Error{Failure: provider.Unknown}}
	r.authorized(1000)
	sync := r.command(payment.Sync, "sync", 0)
	sync.At = sync.At.Add(-time.Hour)
	w := r.asking(o)
	w.limits.LongestNak = time.Hour
	var l laterError
	if err := w.Handle(t.Context(), sync); !errors.As(err, &l) || l.after < 14*time.Minute {
		t.Errorf("after an hour: %v", l.after)
	}
}
