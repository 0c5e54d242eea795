package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// oracle is a provider whose inquiries say what a test wants.
type oracle struct {
	*providertest.Fake
	result payment.Result
	err    error
	asked  atomic.Int64
}

func (o *oracle) Inquire(context.Context, provider.Call) (payment.Result, error) {
	o.asked.Add(1)
	return o.result, o.err
}

// asking returns a worker of r whose inquiries o answers.
func (r *rig) asking(o *oracle) *Worker {
	o.Fake = r.fake
	w := r.worker()
	w.provider = o
	return w
}

// deliver hands cmd to w once.
func (r *rig) deliver(w *Worker, cmd payment.Command) {
	r.t.Helper()
	if err := w.Handle(r.t.Context(), cmd); err != nil && !errors.As(err, new(laterError)) {
		r.t.Fatal(err)
	}
}

// unsettled brings a capture to where only inquiries can help, and lets it age
// until a worker may call a person.
func (r *rig) unsettled(w *Worker, s providertest.Step, want payment.OpStatus) payment.Command {
	r.t.Helper()
	r.authorized(1000, s)
	cmd := r.command(payment.Capture, "cap", 1000)
	r.deliver(w, cmd)
	op, _ := r.head().Payment.Operation(cmd.ID)
	checkStatus(r.t, op, want)
	time.Sleep(w.limits.ParkAfter + 50*time.Millisecond)
	return cmd
}

// TestHandle_WhoCallsAPerson: inquiries answer, but settle nothing.
func TestHandle_WhoCallsAPerson(t *testing.T) {
	t.Parallel()
	bare := &provider.Error{Failure: provider.Unknown, Answered: true, Bare: true, Code: "503"}
	unclear := &provider.Error{Failure: provider.Unknown, Answered: true, Code: "E42"}
	person := &provider.Error{Failure: provider.Unknown, Answered: true, Code: "E43", Person: true}
	cases := map[string]struct {
		step  providertest.Step
		found payment.OpStatus
		err   error
		want  payment.OpStatus
	}{
		"a failing status alone may pass":              {lostAfter, payment.OpUnknown, bare, payment.OpUnknown},
		"an answer that makes no sense calls a person": {lostAfter, payment.OpUnknown, unclear, payment.OpParked},
		"where only a person can tell, one is called":  {lostAfter, payment.OpUnknown, person, payment.OpParked},
		"also of what was accepted":                    {pend, payment.OpPending, person, payment.OpParked},
		"what was accepted is waited for":              {pend, payment.OpPending, unclear, payment.OpPending},
		"what was accepted outlives a failing status":  {pend, payment.OpPending, bare, payment.OpPending},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, o := newRig(t, provider.T3), &oracle{err: tc.err}
			w := r.asking(o)
			cmd := r.unsettled(w, tc.step, tc.found)
			r.deliver(w, cmd)
			op, _ := r.head().Payment.Operation(cmd.ID)
			checkStatus(t, op, tc.want)
			if o.asked.Load() == 0 {
				t.Error("nobody asked")
			}
		})
	}
}

// TestHandle_AsksWithPauses: an inquiry says that the operation is under way, in
// words that change nothing.
func TestHandle_AsksWithPauses(t *testing.T) {
	t.Parallel()
	r, o := newRig(t, provider.T3), &oracle{result: payment.Result{Status: payment.NeedBuyer}}
	w := r.asking(o)
	w.limits.Pause, w.limits.LongestNak = 200*time.Millisecond, time.Second
	r.authorized(1000, lostAfter)
	cmd := r.command(payment.Capture, "cap", 1000)
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		var l laterError
		if err := w.Handle(t.Context(), cmd); !errors.As(err, &l) {
			t.Fatalf("error %v, want another delivery soon", err)
		}
		time.Sleep(l.after)
	}
	// The pauses are never shorter than Pause.
	if n := o.asked.Load(); n == 0 || n > 5 {
		t.Errorf("asked %d times in a second, want at most 5", n)
	}
}

// TestHandle_UnderWayIsNotExpired: the buyer has agreed after all, and the bank
// takes its time.
func TestHandle_UnderWayIsNotExpired(t *testing.T) {
	t.Parallel()
	r, o := newRig(t, provider.T3), &oracle{result: payment.Result{Status: payment.Pending}}
	w := r.asking(o)
	checkStatus(t, r.bring(w, r.checkout(500)), payment.OpAction)
	time.Sleep(2 * w.cap.SessionTTL)
	sync := r.command(payment.Sync, "sync", 0)
	r.bring(w, sync)
	if p := r.head().Payment; p.State != payment.StateRequiresAction || p.Synced != sync.ID {
		t.Errorf("state %q, synced by %q; want a payment that still waits", p.State, p.Synced)
	}
}

// TestHandle_ParkedOpeningIsSettledBySync: a sync finds what a person was called
// to find.
func TestHandle_ParkedOpeningIsSettledBySync(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T4)
	r.fake.Script(lostAfter)
	open := r.command(payment.Authorize, "open", 500)
	checkStatus(t, r.bring(r.worker(), open), payment.OpParked)
	o := &oracle{result: payment.Result{Status: payment.Approved, Ref: "x1", Amount: 500}}
	r.bring(r.asking(o), r.command(payment.Sync, "sync", 0))
	op, _ := r.head().Payment.Operation(open.ID)
	checkStatus(t, op, payment.OpSucceeded)
	if p := r.head().Payment; p.State != payment.StateAuthorized || p.Frozen != "" || p.NeedsAttention() {
		t.Errorf("state %q, frozen %q", p.State, p.Frozen)
	}
}

// TestHandle_EachOpeningHasItsAccount: what was refused at one account is opened
// at another.
func TestHandle_EachOpeningHasItsAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	var called []string
	fake := providertest.NewFake(capability(provider.T3), providertest.Hooks{
		Submit: func(c provider.Call) { called = append(called, c.Payment.Account) },
	})
	fake.Script(reject)
	w := r.worker()
	w.provider = fake
	for _, account := range []string{"eu", "us"} {
		cmd := r.command(payment.Authorize, "open-"+account, 500)
		cmd.Account = account
		r.bring(w, cmd)
	}
	if diff := cmp.Diff([]string{"eu", "us"}, called); diff != "" {
		t.Errorf("called at other accounts:\n%s", diff)
	}
	if p := r.head().Payment; p.Account != "us" || p.State != payment.StateAuthorized {
		t.Errorf("the payment is %q at account %q", p.State, p.Account)
	}
}

// TestHandle_AStrayCommandTakesNoPayment: what came first and did nothing leaves
// the payment to whoever opens it.
func TestHandle_AStrayCommandTakesNoPayment(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	stray := r.command(payment.Capture, "stray", 500)
	stray.Provider, stray.At = payment.Axerve, stray.At.Add(-time.Hour)
	r.deliver(r.workerOf(payment.Axerve), stray)
	if p := r.head().Payment; len(p.Rejected) != 1 {
		t.Fatalf("%d rejections, want 1", len(p.Rejected))
	}
	checkStatus(t, r.bring(r.worker(), r.command(payment.Authorize, "open", 500)), payment.OpSucceeded)
	if p := r.head().Payment; p.Provider != payment.Computop {
		t.Errorf("the payment is at %s, want computop", p.Provider)
	}
}

// narrow is a ledger that an outcome does not fit into.
type narrow struct{ Ledger }

func (n narrow) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	if e.Data.Type() == payment.TypeOperationSucceeded {
		return payment.Head{}, payment.ErrTooLarge
	}
	return n.Ledger.Append(ctx, h, e)
}

func TestHandle_OutcomeTooLargeIsParked(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	w := r.worker()
	w.ledger = narrow{r.bus}
	op := r.bring(w, r.command(payment.Capture, "cap", 400))
	checkStatus(t, op, payment.OpParked)
	if p := r.head().Payment; r.calls() != 1 || p.Reserved(payment.Capture) != 400 || !p.NeedsAttention() {
		t.Errorf("%d calls, %d reserved; want one call, its money kept, and a person", r.calls(), p.Reserved(payment.Capture))
	}
}

// baffled is a provider whose answers only a person can read.
type baffled struct{ *providertest.Fake }

func (baffled) Submit(context.Context, provider.Call) (payment.Result, error) {
	return payment.Result{}, &provider.Error{Failure: provider.Unknown, Answered: true, Reason: payment.ReasonUnclear, Person: true}
}

func TestHandle_AnAnswerForAPersonParksAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	w := r.worker()
	w.provider = baffled{r.fake}
	cmd := r.command(payment.Capture, "cap", 1000)
	r.deliver(w, cmd)
	op, _ := r.head().Payment.Operation(cmd.ID)
	checkStatus(t, op, payment.OpParked)
}
