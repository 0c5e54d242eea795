package worker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/protection/guard"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// alarm remembers which commands have a timer.
type alarm struct {
	mu  sync.Mutex
	ids []payment.CommandID
	at  []time.Time
}

func (a *alarm) Wake(_ context.Context, c payment.Command, at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids, a.at = append(a.ids, c.ID), append(a.at, at)
	return nil
}

func (a *alarm) has(id payment.CommandID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.ids, id)
}

// quick are rules that open after three failures, for a second.
var quick = protection.Rules{
	MinCalls: 3, Ratio: 0.5, Window: time.Minute, Open: time.Second, MostOpen: time.Minute, Trial: 10 * time.Second,
}

// mustGuard runs a guard on b until the test ends.
func mustGuard(t *testing.T, b *bus.Bus, wake func(context.Context, payment.Command, time.Time) error, limit protection.Limit) *guard.Guard {
	t.Helper()
	shared, err := b.Shared(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g := guard.New(guard.Options{
		Provider: payment.Computop, Replica: "replica-" + strconv.FormatInt(rigs.Add(1), 10), Store: shared, Now: b.Now, Wake: wake,
		Limit: func(payment.Merchant, string) protection.Limit { return limit }, Rules: quick,
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	<-g.Ready()
	return g
}

// opening returns the command that opens a payment of its own.
func (r *rig) opening(n int) payment.Command {
	c := r.command(payment.Authorize, "open-"+strconv.Itoa(n), 1000)
	c.Payment = payment.ID(fmt.Sprintf("%s-%d", r.id, n))
	return c
}

// open makes the breaker open by losing the answers to three commands.
func (r *rig) open(w *Worker) []payment.Command {
	r.t.Helper()
	r.fake.Script(lostAfter, lostAfter, lostAfter)
	var lost []payment.Command
	for n := range quick.MinCalls {
		lost = append(lost, r.opening(n))
		r.deliver(w, lost[n])
	}
	return lost
}

// TestHandle_OpenBreakerStartsNothing: no intent is stored for a call that will
// not be made; an inquiry closes the breaker, not a payment.
func TestHandle_OpenBreakerStartsNothing(t *testing.T) {
	t.Parallel()
	r, timers := newRig(t, provider.T3), &alarm{}
	w := r.worker()
	w.timers, w.guard = timers, mustGuard(t, r.bus, timers.Wake, protection.Limit{})
	w.limits.Pause = 10 * time.Second // the attempts' own inquiries are not due for long
	lost := r.open(w)
	calls, asked := r.fake.Calls()

	next := r.opening(10)
	if err := w.Handle(t.Context(), next); err != nil || !timers.has(next.ID) {
		t.Fatalf("%v, timer %v; want a timer and the delivery done with", err, timers.has(next.ID))
	}
	if h, err := r.bus.Load(t.Context(), next.Merchant, next.Payment); err != nil || h.Seq != 0 {
		t.Errorf("something was stored of it: %+v, %v", h, err)
	}
	time.Sleep(quick.Open + 100*time.Millisecond)
	doubt := lost[len(lost)-1]
	if err := w.Handle(t.Context(), next); err != nil || !timers.has(doubt.ID) {
		t.Fatalf("%v; want attempt %s to be asked about", err, doubt.ID)
	}
	if now, again := r.fake.Calls(); now != calls || again != asked {
		t.Fatalf("the provider was called: %d calls and %d inquiries, want %d and %d", now, again, calls, asked)
	}
	r.deliver(w, doubt)
	if now, again := r.fake.Calls(); now != calls || again != asked+1 {
		t.Fatalf("%d calls and %d inquiries, want %d and %d", now, again, calls, asked+1)
	}
	checkStatus(t, r.bringTo(w, next), payment.OpSucceeded)
}

// bringTo delivers the opening cmd until it is answered.
func (r *rig) bringTo(w *Worker, cmd payment.Command) payment.Operation {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		r.deliver(w, cmd)
		h, err := r.bus.Load(r.t.Context(), cmd.Merchant, cmd.Payment)
		if err != nil {
			r.t.Fatal(err)
		}
		if op, ok := h.Payment.Operation(cmd.ID); ok && op.Status.Terminal() {
			return op
		}
	}
	r.t.Fatal("not answered after 20 s")
	return payment.Operation{}
}

// TestHandle_BadKeyStopsOneAccount: what one merchant's account is refused for is
// nobody else's trouble, and no second call is made with it.
func TestHandle_BadKeyStopsOneAccount(t *testing.T) {
	t.Parallel()
	r, timers := newRig(t, provider.T3), &alarm{}
	w := r.worker()
	w.timers, w.guard = timers, mustGuard(t, r.bus, timers.Wake, protection.Limit{})
	r.fake.Script(providertest.Step{Act: providertest.DoForbid})
	bad, after, other := r.opening(1), r.opening(2), r.opening(3)
	bad.Account, after.Account, other.Account = "eu", "eu", "us"
	r.deliver(w, bad)
	before, _ := r.fake.Calls()
	r.deliver(w, after)
	if now, _ := r.fake.Calls(); now != before {
		t.Error("it was tried again with the refused key")
	}
	checkStatus(t, r.bringTo(w, other), payment.OpSucceeded)
}

// TestHandle_LimitHoldsForAllCalls: of sixty commands at once no more are sent than
// the limit, and all of them get their turn.
func TestHandle_LimitHoldsForAllCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	limit := protection.Limit{Rate: 30, Burst: 5}
	var mu sync.Mutex
	var sent []time.Time
	r.hold = func() { mu.Lock(); sent = append(sent, time.Now()); mu.Unlock() }
	for replica := range 2 {
		w := r.worker()
		w.timers, w.limits = r.bus, DefaultLimits()
		w.guard = mustGuard(t, r.bus, r.bus.Wake, limit)
		stop := r.consume(w.Handle, nil)
		defer stop()
		for n := range 30 {
			cmd := r.opening(100*replica + n)
			if _, _, err := r.bus.Accept(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "sixty are sent", func() bool { mu.Lock(); defer mu.Unlock(); return len(sent) == 60 })
	took := sent[59].Sub(sent[0]).Seconds()
	if least := (60 - limit.Burst) / limit.Rate * 0.95; took < least {
		t.Errorf("60 calls in %.2f s, want at least %.2f s", took, least)
	}
	if took > 10 {
		t.Errorf("60 calls in %.2f s: the limit is not made use of", took)
	}
}

// consume hands the commands to handle until stopped.
func (r *rig) consume(handle func(context.Context, payment.Command) error, hold bus.Hold) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() {
		o := bus.ConsumeOptions{Concurrency: 16, Grace: 5 * time.Second, Held: hold}
		done <- r.bus.ConsumeCommands(ctx, payment.Computop, o, handle)
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after 40 s: %s", what)
		}
	}
}

// redelivered counts how often the queue was asked to deliver again.
func redelivered(t *testing.T, b *bus.Bus) (n float64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(b.Metrics())
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "payloom_bus_deliveries_total" && l.GetName() == "answer" && l.GetValue() != "ack" {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

// TestQueue_OpenBreakerBurnsNoDeliveries: commands that meet an open breaker wait
// on timers; when the provider is back, all of them are carried out, once.
func TestQueue_OpenBreakerBurnsNoDeliveries(t *testing.T) {
	t.Parallel()
	r := rigOn(t, bustest.New(t, bus.Topology{}), provider.T3)
	w := r.worker()
	w.timers, w.limits = r.bus, DefaultLimits()
	w.limits.Pause = 10 * time.Second // the attempts' own waits are timers, too
	w.guard = mustGuard(t, r.bus, r.bus.Wake, protection.Limit{})
	r.fake.Always(payment.Authorize, lostBefore)
	r.fake.Down(true)
	stop := r.consume(w.Handle, nil)
	defer stop()
	const commands = 28
	accept := func(from, to int) {
		for n := from; n < to; n++ {
			if _, _, err := r.bus.Accept(t.Context(), r.opening(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	accept(0, quick.MinCalls)
	eventually(t, "the breaker is open", func() bool {
		a := protection.Ask{Account: w.protected(r.opening(0), ""), Now: time.Now()}
		pass, wait := w.guard.Enter(t.Context(), a)
		if wait.For == 0 {
			pass.Drop()
		}
		return wait.For > 0
	})
	accept(quick.MinCalls, commands)
	time.Sleep(3 * time.Second) // of an outage
	if calls, _ := r.fake.Calls(); calls > quick.MinCalls {
		t.Errorf("%d calls while the breaker was open", calls-quick.MinCalls)
	}
	if n := redelivered(t, r.bus); n != 0 {
		t.Errorf("%v deliveries were burnt", n)
	}
	r.fake.Always(payment.Authorize, providertest.Step{Act: providertest.DoApprove})
	r.fake.Down(false)
	eventually(t, "all are carried out", func() bool { return len(r.fake.Effects()) >= commands })
	r.checkOnce(payment.Authorize, commands)
	if n := redelivered(t, r.bus); n != 0 {
		t.Errorf("%v deliveries were burnt by the time all were carried out", n)
	}
}

// percentile returns the value that a share of the durations does not exceed.
func percentile(all []time.Duration, share float64) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[int(share*float64(len(all)-1))]
}

// TestQueue_AHangingProviderSlowsNobodyElse: one provider never answers; payments at
// another take no longer than without it, give or take what a busy machine does.
func TestQueue_AHangingProviderSlowsNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, provider.T3)
	hanging := r.worker()
	hanging.timers, hanging.limits = r.bus, DefaultLimits()
	hanging.limits.CallTimeout = 2 * time.Second
	hanging.guard = mustGuard(t, r.bus, r.bus.Wake, protection.Limit{})
	r.fake.Always(payment.Authorize, providertest.Step{Act: providertest.DoUnknownBefore, Delay: time.Hour})
	r.fake.Down(true)
	stop := r.consume(hanging.Handle, nil)
	defer stop()

	c := capability(provider.T3)
	c.Provider = payment.Axerve
	other := providertest.NewFake(c, providertest.Hooks{})
	well := New(Options{Ledger: r.bus, Timers: r.bus, Provider: other})
	ended := make(chan payment.CommandID, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.bus.ConsumeCommands(ctx, payment.Axerve, bus.ConsumeOptions{}, func(ctx context.Context, cmd payment.Command) error {
			defer func() { ended <- cmd.ID }()
			return well.Handle(ctx, cmd)
		})
	}()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	measure := func(from int) []time.Duration {
		var took []time.Duration
		for n := range 200 {
			cmd := r.opening(from + n)
			cmd.Provider = payment.Axerve
			began := time.Now()
			if _, _, err := r.bus.Accept(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
			for id := <-ended; id != cmd.ID; id = <-ended {
			}
			took = append(took, time.Since(began))
		}
		return took
	}
	measure(1000) // for caches and connections
	alone := measure(2000)
	for n := range 100 {
		if _, _, err := r.bus.Accept(t.Context(), r.opening(n)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "calls hang", func() bool { calls, _ := r.fake.Calls(); return calls > 0 })
	beside := measure(3000)
	if n := len(other.Effects()); n != 600 {
		t.Fatalf("%d payments were made, want 600", n)
	}
	before, after := percentile(alone, 0.99), percentile(beside, 0.99)
	t.Logf("p50 %v and %v, p99 %v and %v", percentile(alone, 0.5), percentile(beside, 0.5), before, after)
	// Who waited for what hangs would wait for two seconds; a busy machine costs less.
	if most := max(before*11/10, hanging.limits.CallTimeout/2); after > most {
		t.Errorf("p99 is %v beside a provider that hangs, %v without it", after, before)
	}
	eventually(t, "the breaker of what hangs opens", func() bool {
		_, wait := hanging.guard.Enter(t.Context(), protection.Ask{Account: hanging.protected(r.opening(0), ""), Now: time.Now()})
		return wait.For > 0
	})
}
