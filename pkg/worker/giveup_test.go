package worker

import (
	"context"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// ahead is a ledger whose time is later.
type ahead struct {
	Ledger
	by time.Duration
}

func (a *ahead) Now(ctx context.Context) (time.Time, error) {
	now, err := a.Ledger.Now(ctx)
	return now.Add(a.by), err
}

// TestHandle_GivesUpInTheEnd: nothing that the provider says settles the operation.
// It is asked about for days, then a person is; and it still takes its final word.
func TestHandle_GivesUpInTheEnd(t *testing.T) {
	t.Parallel()
	unclear := &provider.Error{Failure: provider.Unknown, Answered: true, Code: "E42"}
	bare := &provider.Error{Failure: provider.Unknown, Answered: true, Bare: true, Code: "503"}
	away := &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonUnavailable}
	nothing := &provider.Error{Failure: provider.NotSent, Answered: true, Err: provider.ErrNotFound}
	for name, tc := range map[string]struct {
		step  providertest.Step
		found payment.OpStatus
		says  *oracle
	}{
		"accepted, and no answer makes sense":     {pend, payment.OpPending, &oracle{err: unclear}},
		"accepted, and never found":               {pend, payment.OpPending, &oracle{err: nothing}},
		"accepted, and pending for ever":          {pend, payment.OpPending, &oracle{result: payment.Result{Status: payment.Pending}}},
		"unknown, and the provider only fails":    {lostAfter, payment.OpUnknown, &oracle{err: bare}},
		"unknown, and the provider stays away":    {lostAfter, payment.OpUnknown, &oracle{err: away}},
		"unknown, and under way, whatever it was": {lostAfter, payment.OpUnknown, &oracle{result: payment.Result{Status: payment.NeedBuyer}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, o := newRig(t, provider.T3), tc.says
			w := r.asking(o)
			cmd := r.unsettled(w, tc.step, tc.found)
			l := &ahead{Ledger: r.bus}
			w.ledger = l
			for _, l.by = range []time.Duration{w.limits.GiveUp - time.Hour, w.limits.GiveUp + time.Hour} {
				op, _ := r.head().Payment.Operation(cmd.ID)
				checkStatus(t, op, tc.found)
				r.deliver(w, cmd)
			}
			p := r.head().Payment
			op, _ := p.Operation(cmd.ID)
			checkStatus(t, op, payment.OpParked)
			if !p.NeedsAttention() || p.Reserved(payment.Capture) != 1000 {
				t.Errorf("attention %v, %d reserved; want a person, and the money kept", p.NeedsAttention(), p.Reserved(payment.Capture))
			}
			found := payment.Resolution{Finding: payment.FoundSucceeded, Ref: "x1", Amount: 1000}
			if _, err := payment.Resolve(p, cmd.ID, found, time.Now()); err != nil {
				t.Errorf("a person cannot end it: %v", err)
			}
			events, err := payment.Observe(p, payment.Observation{
				Source: payment.FromCallback, Command: cmd.ID, Result: payment.Result{Status: payment.Approved, Ref: "x1", Amount: 1000},
			}, time.Now())
			if err != nil || len(events) != 1 || events[0].Data.Type() != payment.TypeOperationSucceeded {
				t.Errorf("the final word makes %d events, %v", len(events), err)
			}
		})
	}
}

// TestHandle_SyncGivesUp: who asked is told that there is no answer.
func TestHandle_SyncGivesUp(t *testing.T) {
	t.Parallel()
	r, o := newRig(t, provider.T3), &oracle{err: &provider.Error{Failure: provider.Unknown, Answered: true, Code: "E42"}}
	r.authorized(1000)
	w := r.asking(o)
	sync := r.command(payment.Sync, "sync", 0)
	sync.At = sync.At.Add(-w.limits.GiveUp - time.Hour)
	r.deliver(w, sync)
	if p := r.head().Payment; !p.Answered(sync.ID) || p.Synced == sync.ID {
		t.Errorf("after %s: answered %v, synced by %q", w.limits.GiveUp, p.Answered(sync.ID), p.Synced)
	}
}
