package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// What the provider does with a call.
var (
	decline     = providertest.Step{Act: providertest.DoDecline}
	pend        = providertest.Step{Act: providertest.DoPend}
	lostBefore  = providertest.Step{Act: providertest.DoUnknownBefore}
	lostAfter   = providertest.Step{Act: providertest.DoUnknownAfter}
	unreachable = providertest.Step{Act: providertest.DoNotSent}
	refuse      = providertest.Step{Act: providertest.DoRefuse, After: 10 * time.Millisecond}
	reject      = providertest.Step{Act: providertest.DoReject}
	panicky     = providertest.Step{Act: providertest.DoPanicky}
)

type script = []providertest.Step

func TestHandle_Outcomes(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	cases := map[string]struct {
		class   provider.Class
		script  script
		lag     time.Duration // before an inquiry finds anything
		want    payment.OpStatus
		effects int
		calls   int
	}{
		"approved":                       {provider.T3, nil, 0, payment.OpSucceeded, 1, 1},
		"declined":                       {provider.T3, script{decline}, 0, payment.OpDeclined, 0, 1},
		"rejected":                       {provider.T3, script{reject}, 0, payment.OpRejected, 0, 1},
		"unreachable, then approved":     {provider.T3, script{unreachable, unreachable}, 0, payment.OpSucceeded, 1, 3},
		"refused for now, then approved": {provider.T3, script{refuse}, 0, payment.OpSucceeded, 1, 2},
		"T3: acted, answer lost: found, not sent again": {provider.T3, script{lostAfter}, 0, payment.OpSucceeded, 1, 1},
		"T3: acted, shows late: found, not sent again":  {provider.T3, script{lostAfter}, settle / 4, payment.OpSucceeded, 1, 1},
		"T3: request lost: sent again when sure":        {provider.T3, script{lostBefore}, 0, payment.OpSucceeded, 1, 2},
		"T3: an error of no kind is doubt":              {provider.T3, script{panicky}, 0, payment.OpSucceeded, 1, 2},
		"T1: answer lost: sent again under the key":     {provider.T1, script{lostAfter}, never, payment.OpSucceeded, 1, 2},
		"T1: a resend that is refused settles nothing":  {provider.T1, script{lostAfter, refuse, unreachable}, never, payment.OpSucceeded, 1, 4},
		"T2: answer lost: found":                        {provider.T2, script{lostAfter}, 0, payment.OpSucceeded, 1, 1},
		"T2: request lost: sent again under the key":    {provider.T2, script{lostBefore}, 0, payment.OpSucceeded, 1, 2},
		"T4: answer lost: a person must look":           {provider.T4, script{lostAfter}, 0, payment.OpParked, 1, 1},
		"T4: request lost: a person must look":          {provider.T4, script{lostBefore}, 0, payment.OpParked, 0, 1},
	}
	broker := bustest.New(t, bus.Topology{Shards: 2})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigOn(t, broker, tc.class)
			r.authorized(1000, tc.script...)
			r.fake.Lag(tc.lag)
			op := r.bring(r.worker(), r.command(payment.Capture, "cap", 400))
			checkStatus(t, op, tc.want)
			r.checkOnce(payment.Capture, tc.effects)
			if r.calls() != tc.calls {
				t.Errorf("%d calls, want %d", r.calls(), tc.calls)
			}
			if keyed := tc.class == provider.T1 || tc.class == provider.T2; keyed && op.Attempt.Number != 1 {
				t.Errorf("attempt %d has another key", op.Attempt.Number)
			}
			if tc.want == payment.OpSucceeded && r.head().Payment.Captured != 400 {
				t.Errorf("captured %d, want 400", r.head().Payment.Captured)
			}
		})
	}
}

// TestHandle_RefusedRepeatSettlesNothing: a provider that shows an operation later
// than anybody expected is sent it again under the same key, and refuses it.
func TestHandle_RefusedRepeatSettlesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T2)
	r.authorized(1000, lostAfter)
	r.fake.Lag(settle + 200*time.Millisecond)
	op := r.bring(r.worker(), r.command(payment.Capture, "cap", 400))
	checkStatus(t, op, payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
	if r.calls() < 2 || op.Attempt.Number != 1 {
		t.Errorf("%d calls, attempt %d; want repeats of the first", r.calls(), op.Attempt.Number)
	}
}

func TestHandle_PendingIsAskedAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000, pend)
	cmd := r.command(payment.Capture, "cap", 1000)
	w := r.worker()
	_ = w.Handle(t.Context(), cmd)
	op, _ := r.head().Payment.Operation(cmd.ID)
	checkStatus(t, op, payment.OpPending)
	if err := r.fake.Finish(cmd.ID, true); err != nil {
		t.Fatal(err)
	}
	checkStatus(t, r.bring(w, cmd), payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
}

func TestHandle_BuyerIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	checkStatus(t, r.bring(r.worker(), r.checkout(500)), payment.OpAction)
	if p := r.head().Payment; p.State != payment.StateRequiresAction || p.Action == nil {
		t.Errorf("state %q, action %v", p.State, p.Action)
	}
	time.Sleep(60 * time.Millisecond) // the provider's session time
	sync := r.command(payment.Sync, "sync", 0)
	r.bring(r.worker(), sync)
	if p := r.head().Payment; p.State != payment.StateExpired || p.Synced != sync.ID {
		t.Errorf("an abandoned checkout is %q after a sync, want expired", p.State)
	}
}

func TestHandle_SyncFindsWhatNobodyTold(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.bring(r.worker(), r.checkout(500))
	if err := r.fake.Buyer(r.id, true); err != nil {
		t.Fatal(err)
	}
	r.bring(r.worker(), r.command(payment.Sync, "sync", 0))
	if p := r.head().Payment; p.State != payment.StateAuthorized || p.Authorized != 500 {
		t.Errorf("state %q, authorised %d", p.State, p.Authorized)
	}
}

func TestHandle_InquiryDownWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000, lostAfter)
	r.fake.Down(true)
	cmd, w := r.command(payment.Capture, "cap", 10), r.worker()
	for range 3 {
		if err := w.Handle(t.Context(), cmd); err != nil && !errors.As(err, new(laterError)) {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Millisecond)
	}
	op, _ := r.head().Payment.Operation(cmd.ID)
	checkStatus(t, op, payment.OpUnknown)
	r.fake.Down(false)
	checkStatus(t, r.bring(w, cmd), payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
}

// TestHandle_UnderWayIsNotSentAgain: while one worker's request is under way,
// others find nothing, and wait.
func TestHandle_UnderWayIsNotSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	cmd := r.command(payment.Capture, "cap", 400)
	first := true
	r.hold = func() {
		if !first {
			return
		}
		first = false
		for range 3 {
			if err := r.worker().Handle(t.Context(), cmd); err != nil && !errors.As(err, new(laterError)) {
				t.Error(err)
			}
		}
	}
	checkStatus(t, r.bring(r.worker(), cmd), payment.OpSucceeded)
	r.checkOnce(payment.Capture, 1)
	if _, asked := r.fake.Calls(); r.calls() != 1 || asked == 0 {
		t.Errorf("%d calls and %d inquiries, want one call and some inquiries", r.calls(), asked)
	}
}

func TestHandle_InvalidCommandIsRejected(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	w := r.worker()
	w.validate = func(payment.Command) error { return errors.New("amount.value: must be positive") }
	if err := w.Handle(t.Context(), r.command(payment.Authorize, "open", 1)); err != nil {
		t.Fatal(err)
	}
	if p := r.head().Payment; p.State != payment.StateRejected || len(p.Rejected) != 1 || r.calls() != 0 {
		t.Errorf("state %q, %d rejections, %d calls", p.State, len(p.Rejected), r.calls())
	}
}

// TestHandle_ForeignPaymentIsRejected: the worker that a command was for hands it
// to the payment's own, who alone may write to the payment's ledger.
func TestHandle_ForeignPaymentIsRejected(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(10)
	cmd := r.command(payment.Capture, "cap", 1)
	cmd.Provider = payment.Axerve
	before := r.head().Seq
	if err := r.workerOf(payment.Axerve).Handle(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	woken := r.wake.commands[len(r.wake.commands)-1]
	if r.head().Seq != before || woken.ID != cmd.ID || woken.Provider != payment.Computop {
		t.Fatalf("ledger at %d after %d, woken %s at %s; want an untouched ledger and a wake-up at computop", r.head().Seq, before, woken.ID, woken.Provider)
	}
	for range 2 {
		if err := r.worker().Handle(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	if p := r.head().Payment; len(p.Rejected) != 1 || p.Provider != payment.Computop {
		t.Errorf("%d rejections at %s, want one at computop", len(p.Rejected), p.Provider)
	}
}

// TestHandle_AStrangersCommandIsLeftAlone: a worker that is woken for another
// provider's command starts nothing, whoever woke it.
func TestHandle_AStrangersCommandIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	cmd := r.command(payment.Authorize, "open", 500)
	cmd.Provider = payment.Axerve
	if err := r.worker().Handle(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	if r.head().Seq != 0 || r.calls() != 0 || r.wake.count() != 0 {
		t.Errorf("ledger at %d, %d calls, %d wake-ups; want nothing", r.head().Seq, r.calls(), r.wake.count())
	}
}

// TestHandle_KilledAnywhere kills a worker at every point of a capture whose
// request or answer gets lost or not, and lets another finish.
func TestHandle_KilledAnywhere(t *testing.T) {
	t.Parallel()
	reached := map[Point]bool{}
	var mu sync.Mutex
	broker := bustest.New(t, bus.Topology{Shards: 2})
	t.Run("points", func(t *testing.T) {
		for _, class := range []provider.Class{provider.T1, provider.T2, provider.T3} {
			for name, steps := range map[string]script{"answered": nil, "answer lost": {lostAfter}, "request lost": {lostBefore}, "refused": {refuse}} {
				for _, p := range Points() {
					t.Run(fmt.Sprintf("%s, %s, killed at %s", class, name, p), func(t *testing.T) {
						t.Parallel()
						r := rigOn(t, broker, class)
						r.authorized(1000, steps...)
						cmd := r.command(payment.Capture, "cap", 400)
						killed := false
						// The point may lie in a later delivery.
						for began := time.Now(); !killed && !r.answered(cmd) && time.Since(began) < 2*settle; time.Sleep(20 * time.Millisecond) {
							killed = r.killedAt(r.worker(), p, cmd)
						}
						mu.Lock()
						reached[p] = reached[p] || killed
						mu.Unlock()
						checkStatus(t, r.bring(r.worker(), cmd), payment.OpSucceeded)
						r.checkOnce(payment.Capture, 1)
						if p := r.head().Payment; p.Captured != 400 || p.State != payment.StatePartiallyCaptured {
							t.Errorf("captured %d, state %q", p.Captured, p.State)
						}
					})
				}
			}
		}
	})
	for _, p := range Points() {
		if !reached[p] {
			t.Errorf("no worker was ever killed at %q", p)
		}
	}
}

// TestHandle_TwoAtOnce hands every command to several workers at the same time.
func TestHandle_TwoAtOnce(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]script{"answered": nil, "answer lost": {lostAfter}, "request lost": {lostBefore}, "two answers lost": {lostAfter, lostAfter}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, provider.T3)
			r.authorized(1000, steps...)
			cmd := r.command(payment.Capture, "cap", 400)
			var wg sync.WaitGroup
			for range 4 {
				w := r.worker()
				wg.Go(func() { _ = w.Handle(t.Context(), cmd) })
			}
			wg.Wait()
			checkStatus(t, r.bring(r.worker(), cmd), payment.OpSucceeded)
			r.checkOnce(payment.Capture, 1)
		})
	}
}

// TestHandle_FiftyRefundsAtOnce: reservations keep the sum below the capture.
func TestHandle_FiftyRefundsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	r.bring(r.worker(), r.command(payment.Capture, "cap", 1000))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { r.bring(r.worker(), r.command(payment.Refund, fmt.Sprint("refund-", i), 90)) })
	}
	wg.Wait()
	p := r.head().Payment
	if p.Refunded != 990 {
		t.Errorf("refunded %d, want 990: eleven of ninety", p.Refunded)
	}
	r.checkOnce(payment.Refund, 11)
}

// TestHandle_CallbackOvertakesTheAnswer: the outcome is known before the call
// returns; the answer changes nothing.
func TestHandle_CallbackOvertakesTheAnswer(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]script{"an answer": nil, "none": {lostAfter}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, provider.T3)
			r.authorized(1000, late...)
			cmd := r.command(payment.Capture, "cap", 400)
			r.told = r.learn
			checkStatus(t, r.bring(r.worker(), cmd), payment.OpSucceeded)
			p := r.head().Payment
			if p.Captured != 400 || p.Frozen != "" {
				t.Errorf("captured %d, frozen %q", p.Captured, p.Frozen)
			}
			r.checkOnce(payment.Capture, 1)
		})
	}
}

// TestHandle_ZombieDoesNotSend: a worker that slept past its window after it
// stored the intent must not call.
func TestHandle_ZombieDoesNotSend(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.authorized(1000)
	cmd := r.command(payment.Capture, "cap", 400)
	w := r.worker()
	slept := false
	w.probe = func(p Point) {
		if p == IntentStored && !slept {
			slept = true
			time.Sleep(w.limits.SendWindow + 50*time.Millisecond)
			if op := r.bring(r.worker(), cmd); op.Status != payment.OpSucceeded {
				t.Errorf("the successor ended with %s", op.Status)
			}
		}
	}
	if err := w.Handle(t.Context(), cmd); err != nil && !errors.As(err, new(laterError)) {
		t.Fatal(err)
	}
	r.checkOnce(payment.Capture, 1)
}

// dropping is a ledger whose answers get lost.
type dropping struct {
	Ledger
	mu    sync.Mutex
	lose  map[payment.EventType]bool // once each
	after bool                       // after storing
}

func (d *dropping) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	d.mu.Lock()
	lose := d.lose[e.Data.Type()]
	delete(d.lose, e.Data.Type())
	d.mu.Unlock()
	if lose && !d.after {
		return payment.Head{}, payment.ErrUnavailable
	}
	next, err := d.Ledger.Append(ctx, h, e)
	if lose && err == nil {
		return payment.Head{}, payment.ErrUnavailable
	}
	return next, err
}

// TestHandle_LedgerAway: the broker does not say whether it stored an event.
func TestHandle_LedgerAway(t *testing.T) {
	t.Parallel()
	broker := bustest.New(t, bus.Topology{Shards: 2})
	for _, typ := range []payment.EventType{payment.TypeAttemptStarted, payment.TypeOperationSucceeded, payment.TypeOutcomeUnknown, payment.TypeAttemptVoided} {
		for _, after := range []bool{false, true} {
			for name, steps := range map[string]script{"answered": nil, "answer lost": {lostAfter}, "request lost": {lostBefore}} {
				t.Run(fmt.Sprintf("%s stored=%v %s", typ, after, name), func(t *testing.T) {
					t.Parallel()
					r := rigOn(t, broker, provider.T3)
					r.authorized(1000, steps...)
					w := r.worker()
					w.ledger = &dropping{Ledger: r.bus, lose: map[payment.EventType]bool{typ: true}, after: after}
					cmd := r.command(payment.Capture, "cap", 400)
					err := w.Handle(t.Context(), cmd)
					if err != nil && !errors.As(err, new(laterError)) && !errors.Is(err, payment.ErrUnavailable) {
						t.Fatal(err)
					}
					checkStatus(t, r.bring(r.worker(), cmd), payment.OpSucceeded)
					r.checkOnce(payment.Capture, 1)
				})
			}
		}
	}
}

func TestHandle_AttemptsAreNamedBeforeUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	cmd := r.command(payment.Authorize, "open", 100)
	r.hold = func() {
		op, ok := r.head().Payment.Operation(cmd.ID)
		if !ok || op.Attempt.Key != string(r.id) || op.Attempt.Idem != string(cmd.ID) {
			t.Errorf("during the call the ledger holds %+v", op.Attempt)
		}
	}
	r.bring(r.worker(), cmd)
	if r.calls() != 1 {
		t.Errorf("%d calls, want 1", r.calls())
	}
}

func TestHandle_RemembersTheAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.fake.Script(lostBefore)
	w := r.worker()
	w.account = func(payment.Command) string { return "eu" }
	r.bring(w, r.command(payment.Authorize, "open", 100))
	w.account = func(payment.Command) string { return "us" } // the default has changed
	r.bring(w, r.command(payment.Capture, "cap", 100))
	if got := r.head().Payment.Account; got != "eu" {
		t.Errorf("the payment is at account %q, want eu", got)
	}
}

func TestLater_SaysWhen(t *testing.T) {
	t.Parallel()
	if l, ok := Later(0).(interface{ RetryAfter() time.Duration }); !ok || l.RetryAfter() <= 0 {
		t.Error("later does not say when")
	}
}

// TestHandle_NobodyWaitsAnyMore: a checkout that could not be opened in its buyer's
// time is not opened, and ends; what needs no buyer is carried out however late.
func TestHandle_NobodyWaitsAnyMore(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	late := r.checkout(1000)
	late.At = time.Now().Add(-time.Minute)
	r.bring(r.worker(), late)
	before := r.head()
	r.bring(r.worker(), late)
	if n, _ := r.fake.Calls(); n != 0 || before.Payment.State != payment.StateRejected || r.head().Seq != before.Seq {
		t.Errorf("%d calls, the payment is %s, and has another event: %v", n, before.Payment.State, r.head().Seq != before.Seq)
	}
	charge := rigOn(t, r.bus, provider.T3)
	cmd := charge.command(payment.Authorize, "open", 1000)
	cmd.At = late.At
	checkStatus(t, charge.bring(charge.worker(), cmd), payment.OpSucceeded)
}

// TestHandle_NeverReachedEnds: while the provider cannot be reached, a checkout is
// tried again until its buyer's time is over.
func TestHandle_NeverReachedEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	r.fake.Script(slices.Repeat([]providertest.Step{{Act: providertest.DoNotSent}}, 1000)...)
	w := r.worker()
	w.cap.SessionTTL = 500 * time.Millisecond
	op := r.bring(w, r.checkout(1000))
	if n, _ := r.fake.Calls(); n == 0 || op.Status != payment.OpRejected || op.Reason != payment.ReasonExpired {
		t.Errorf("%d calls, %s for %s", n, op.Status, op.Reason)
	}
	if len(r.fake.Effects()) != 0 {
		t.Error("it took effect")
	}
}
