package worker

import (
	"context"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// replica is a ledger that refuses the append of an outcome once, and answers the
// next read as a replica would that has not heard of the payment.
type replica struct {
	Ledger
	appends int
	behind  bool
}

func (r *replica) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	r.appends++
	if r.appends == 2 { // the first one is the intent
		r.behind = true
		return payment.Head{}, payment.ErrConflict
	}
	return r.Ledger.Append(ctx, h, e)
}

func (r *replica) Load(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Head, error) {
	if r.behind {
		r.behind = false
		return payment.Head{}, nil
	}
	return r.Ledger.Load(ctx, m, id)
}

// TestHandle_OutcomeOutlivesAStaleRead: what was learnt from a call is stored, or the
// command comes again, however old the payment is that a replica shows.
func TestHandle_OutcomeOutlivesAStaleRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		script []providertest.Step
		want   payment.OpStatus
	}{
		"an outcome": {nil, payment.OpSucceeded},
		"a doubt":    {[]providertest.Step{lostAfter}, payment.OpUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, provider.T3)
			r.fake.Script(tc.script...)
			w := r.worker()
			w.ledger = &replica{Ledger: r.bus}
			cmd := r.command(payment.Authorize, "open", 500)
			r.deliver(w, cmd)
			op, _ := r.head().Payment.Operation(cmd.ID)
			checkStatus(t, op, tc.want)
			r.checkOnce(payment.Authorize, 1)
		})
	}
}
