package e2e

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// recovery is longer than the minute that the broker waits before it hands what a
// dead worker had in hand to another, and the minute that "never heard of it" is
// not believed.
const recovery = 150 * time.Second

// till is one shop at the till: it drives payments for one test.
type till struct {
	*testing.T
	*api.Client
	computop *api.Computop
	stack    *stack.Stack
	mu       sync.Mutex
	requests int
}

func newTill(t *testing.T, s *stack.Stack) *till {
	t.Helper()
	client, computop := clients(s)
	return &till{T: t, Client: client, computop: computop, stack: s}
}

func (x *till) mustSend(path string, body any) string {
	x.Helper()
	x.mu.Lock()
	x.requests++
	key := fmt.Sprintf("%s-%d", path, x.requests)
	x.mu.Unlock()
	a, err := x.Send(x.Context(), path, key, body)
	if err != nil {
		x.Fatalf("%s: %v", path, err)
	}
	return a.CommandID
}

func opening(id, mode string) api.Open {
	return api.Open{
		PaymentID: id, Provider: "computop", Method: "button", Capture: mode, Country: "EU",
		Amount: api.Money{Value: 5000, Currency: "EUR"}, Return: &api.Return{Success: "https://shop.example/done"},
	}
}

func (x *till) mustDecide(id string, d computopsim.Decision) {
	x.Helper()
	if err := x.computop.Decide(x.Context(), id, d); err != nil {
		x.Fatalf("%s %s: %v", d, id, err)
	}
}

func (x *till) mustReach(id, state string) api.Payment {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.Context(), recovery)
	defer cancel()
	p, err := x.Await(ctx, id, func(p api.Payment) (bool, error) { return p.State == state, nil })
	if err != nil {
		x.Fatalf("payment %s is %q with %+v, want %q: %v", id, p.State, p.Operations, state, err)
	}
	return p
}

// mustOpen brings a payment to a state that the next step begins from.
func (x *till) mustOpen(id, mode, state string, more func(*api.Open)) api.Payment {
	x.Helper()
	body := opening(id, mode)
	if more != nil {
		more(&body)
	}
	x.mustSend("/v1/payments", body)
	x.mustReach(id, "requires_action")
	x.mustDecide(id, computopsim.Approve)
	return x.mustReach(id, state)
}

// mustEnd waits until a command's operation has a status.
func (x *till) mustEnd(id, command, status string) {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.Context(), recovery)
	defer cancel()
	p, err := x.Await(ctx, id, func(p api.Payment) (bool, error) {
		op, ok := p.Operation(command)
		return ok && op.Status == status, nil
	})
	if err != nil {
		x.Fatalf("payment %s has %+v, want %s %s: %v", id, p.Operations, command, status, err)
	}
}

func (x *till) mustFault(id string, op computopsim.Op, f computopsim.Fault, delay time.Duration) {
	x.Helper()
	if _, err := x.computop.AddRule(x.Context(), computopsim.Rule{TransID: id, Operation: op, Fault: f, Delay: delay, Times: 1}); err != nil {
		x.Fatal(err)
	}
}

// ledger returns the effects of a payment, those of a second attempt to open it
// included.
func (x *till) ledger(id string) []computopsim.Kind {
	x.Helper()
	kinds := []computopsim.Kind{}
	for _, transID := range []string{id, id + ".2"} {
		entries, err := x.computop.Ledger(x.Context(), transID)
		if err != nil {
			x.Fatal(err)
		}
		for _, e := range entries {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func (x *till) checkLedger(id string, want ...computopsim.Kind) {
	x.Helper()
	if got := x.ledger(id); !slices.Equal(got, want) {
		x.Errorf("the ledger of %s has %v, want %v", id, got, want)
	}
}

// awaitOpen waits until the command's intent is stored.
func (x *till) awaitOpen(id, command string) {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.Context(), 20*time.Second)
	defer cancel()
	_, err := x.Await(ctx, id, func(p api.Payment) (bool, error) {
		op, ok := p.Operation(command)
		return ok && op.Status == "open", nil
	})
	if err != nil {
		x.Fatalf("the intent of %s is not seen: %v", id, err)
	}
}

func (x *till) awaitEffect(id string, kind computopsim.Kind) {
	x.Helper()
	testkit.Eventually(x, 20*time.Second, func() error {
		if got := x.ledger(id); !slices.Contains(got, kind) {
			return fmt.Errorf("the ledger of %s has %v, no %s", id, got, kind)
		}
		return nil
	})
}

// step is a command during which the worker dies.
type step struct {
	name    string
	op      computopsim.Op
	notify  computopsim.Op // whose notify is kept back: recovery must do without
	prepare func(x *till, id string)
	send    func(x *till, id string) string
	effect  computopsim.Kind // "" when the call moves no money
	status  string           // of the operation at the end; "": succeeded
	state   string
	ledger  []computopsim.Kind
}

func amount(value int64) *api.Money { return &api.Money{Value: value, Currency: "EUR"} }

func steps(mandate func(x *till) string) []step {
	authorized := func(x *till, id string) { x.mustOpen(id, "manual", "authorized", nil) }
	sold := func(x *till, id string) { x.mustOpen(id, "automatic", "captured", nil) }
	return []step{
		{
			name: "capture", op: computopsim.OpCapture, notify: computopsim.OpNotifyCapture, prepare: authorized,
			send: func(x *till, id string) string {
				return x.mustSend("/v1/payments/"+id+"/captures", api.FollowUp{Amount: amount(5000)})
			},
			effect: computopsim.KindCapture, state: "captured", ledger: []computopsim.Kind{computopsim.KindAuthorize, computopsim.KindCapture},
		},
		{
			name: "refund", op: computopsim.OpCredit, notify: computopsim.OpNotifyCredit, prepare: sold,
			send: func(x *till, id string) string {
				return x.mustSend("/v1/payments/"+id+"/refunds", api.FollowUp{Amount: amount(5000)})
			},
			effect: computopsim.KindRefund, state: "refunded", ledger: []computopsim.Kind{computopsim.KindCharge, computopsim.KindRefund},
		},
		{
			name: "charge", op: computopsim.OpCharge, notify: computopsim.OpNotifyAuth, prepare: func(*till, string) {},
			send: func(x *till, id string) string {
				body := opening(id, "automatic")
				body.Method, body.Return, body.Mandate = "mandate", nil, mandate(x)
				return x.mustSend("/v1/payments", body)
			},
			effect: computopsim.KindCharge, state: "captured", ledger: []computopsim.Kind{computopsim.KindCharge},
		},
		{
			name: "cancel", op: computopsim.OpReverse, prepare: authorized,
			send:   func(x *till, id string) string { return x.mustSend("/v1/payments/"+id+"/cancel", api.FollowUp{}) },
			effect: computopsim.KindReverse, state: "cancelled", ledger: []computopsim.Kind{computopsim.KindAuthorize, computopsim.KindReverse},
		},
		{
			name: "amount", op: computopsim.OpUpdate, prepare: func(x *till, id string) {
				x.mustSend("/v1/payments", opening(id, "manual"))
				x.mustReach(id, "requires_action")
				x.mustDecide(id, computopsim.Review)
			},
			send: func(x *till, id string) string {
				return x.mustSend("/v1/payments/"+id+"/amount", api.FollowUp{Amount: amount(5600)})
			},
			status: "succeeded", state: "requires_action", ledger: []computopsim.Kind{},
		},
		{
			name: "open", op: computopsim.OpInit, prepare: func(*till, string) {},
			send: func(x *till, id string) string { return x.mustSend("/v1/payments", opening(id, "manual")) },
			// What was opened before nobody can confirm: a second attempt takes its place.
			status: "action_required", state: "requires_action", ledger: []computopsim.Kind{},
		},
	}
}

// TestWorkerKilled_OneEffect kills the worker while calls of every kind are held at
// the provider: before their effect, after it, and such that the effect comes when
// the worker is long dead. No notify tells how they ended.
func TestWorkerKilled_OneEffect(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	x := newTill(t, s)
	first := x.mustOpen("first", "automatic", "captured", func(o *api.Open) {
		o.Recurring = &api.Recurring{Cycle: "month", Interval: 1}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	first, err := x.Await(ctx, first.ID, func(p api.Payment) (bool, error) { return p.Mandate != nil, nil })
	if err != nil {
		t.Fatalf("no mandate: %v", err)
	}
	held := []struct {
		name  string
		fault computopsim.Fault
		delay time.Duration
	}{
		{"before", computopsim.FaultTimeoutBefore, 0},
		{"after", computopsim.FaultTimeoutAfter, 0},
		{"late", computopsim.FaultTimeoutLate, 3 * time.Second},
	}
	type attempt struct {
		step
		id, command string
		after       bool
	}
	var all []attempt
	for _, st := range steps(func(*till) string { return first.Mandate.ID }) {
		for _, h := range held {
			id := st.name + "-" + h.name
			st.prepare(x, id)
			x.mustFault(id, st.op, h.fault, h.delay)
			if st.notify != "" && h.fault != computopsim.FaultTimeoutBefore {
				x.mustFault(id, st.notify, computopsim.FaultVanish, 0)
			}
			all = append(all, attempt{step: st, id: id, after: h.fault == computopsim.FaultTimeoutAfter})
		}
	}
	for i := range all {
		all[i].command = all[i].send(x, all[i].id)
	}
	for _, a := range all {
		x.awaitOpen(a.id, a.command)
		if a.after && a.effect != "" {
			x.awaitEffect(a.id, a.effect)
		}
	}
	if err := s.Kill9(stack.Computop); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		x.mustEnd(a.id, a.command, cmp.Or(a.status, "succeeded"))
		x.mustReach(a.id, a.state)
		x.checkLedger(a.id, a.ledger...)
	}
	// A checkout that is left open waits for its buyer, and stuck is another thing.
	checkVerified(t, s)
}

// TestWorkerKilled_AtAnyMoment kills the worker again and again while payments go
// through, wherever it is at that moment.
func TestWorkerKilled_AtAnyMoment(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	x := newTill(t, s)
	const payments = 10
	var ids []string
	for i := range payments {
		ids = append(ids, fmt.Sprintf("any-%d", i))
		x.mustOpen(ids[i], "manual", "authorized", nil)
	}
	for i, id := range ids {
		before := s.Services()
		x.mustSend("/v1/payments/"+id+"/captures", api.FollowUp{Provider: "computop", Amount: amount(5000)})
		// From before the intent to after the outcome, in steps of milliseconds.
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		if err := s.Kill9(stack.Computop); err != nil {
			t.Fatal(err)
		}
		if err := s.WaitService(t.Context(), stack.Computop, pidOf(before, stack.Computop)); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		x.mustReach(id, "captured")
		x.checkLedger(id, computopsim.KindAuthorize, computopsim.KindCapture)
	}
	checkVerified(t, s)
}

func pidOf(all []stack.Service, name string) int {
	for _, s := range all {
		if s.Name == name {
			return s.PID
		}
	}
	return 0
}
