package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// deed is what a bank does with one call.
type deed string

const (
	approve     deed = "approve"
	decline     deed = "decline"
	accept      deed = "accept, and tell later"
	lostBefore  deed = "lose the request"
	lostAfter   deed = "act, and lose the answer"
	unreachable deed = "be unreachable"
	refuse      deed = "answer that it did not act"
	reject      deed = "reject what is written"
	panicky     deed = "return an error of no kind"
	needBuyer   deed = "ask for the buyer"
)

// bank is a provider with a ledger of effects, which nobody else writes.
type bank struct {
	mu       sync.Mutex
	cap      provider.Capability
	script   []deed // for the next calls of Submit; approve when it is empty
	effects  map[payment.CommandID]int
	accepted map[payment.CommandID]bool
	down     bool // inquiries fail
	blind    bool // inquiries find nothing yet
	calls    int
	asked    int
	hold     func() // called inside Submit, before anything is done
}

func newBank(class provider.Class, script ...deed) *bank {
	r := provider.Recovery{Class: class, Horizon: time.Hour, Settle: 150 * time.Millisecond}
	recovery := map[payment.Kind]provider.Recovery{}
	for _, k := range payment.Kinds() {
		recovery[k] = r
	}
	return &bank{
		cap: provider.Capability{
			Provider: payment.Computop, Direct: r, Recovery: recovery,
			Rules:      payment.Rules{Kinds: payment.Kinds(), Patience: time.Minute, KeySeparator: "."},
			SessionTTL: 50 * time.Millisecond, PollAfter: 50 * time.Millisecond,
		},
		script: script, effects: map[payment.CommandID]int{}, accepted: map[payment.CommandID]bool{},
		hold: func() {},
	}
}

func (b *bank) Capability() provider.Capability { return b.cap }

func (b *bank) next() deed {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if len(b.script) == 0 {
		return approve
	}
	d := b.script[0]
	b.script = b.script[1:]
	return d
}

// act does what was asked, once for a key where the class promises so.
func (b *bank) act(c provider.Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	class := b.cap.RecoveryOf(c.Operation.Kind, "").Class
	if (class == provider.T1 || class == provider.T2) && b.effects[c.Command.ID] > 0 {
		return
	}
	b.effects[c.Command.ID]++
}

func (b *bank) Submit(_ context.Context, c provider.Call) (payment.Result, error) {
	d := b.next()
	b.hold()
	lost := &provider.Error{Failure: provider.Unknown, Reason: payment.ReasonNoAnswer}
	switch d {
	case approve:
		b.act(c)
		return b.approved(c), nil
	case lostAfter:
		b.act(c)
		return payment.Result{}, lost
	case lostBefore:
		return payment.Result{}, lost
	case decline:
		return payment.Result{Status: payment.Declined, Ref: "r", Reason: payment.ReasonDeclined}, nil
	case accept:
		b.mu.Lock()
		b.accepted[c.Command.ID] = true
		b.mu.Unlock()
		return payment.Result{Status: payment.Pending, Ref: "r-" + string(c.Command.ID)}, nil
	case unreachable:
		return payment.Result{}, &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonUnavailable}
	case refuse:
		return payment.Result{}, &provider.Error{Failure: provider.NotSent, Answered: true, Reason: payment.ReasonThrottled, After: 10 * time.Millisecond}
	case reject:
		return payment.Result{}, provider.Reject(payment.ReasonInvalid, "amount")
	case needBuyer:
		return payment.Result{Status: payment.NeedBuyer, Ref: "s", Action: &payment.Action{Type: payment.ActionRedirect, URL: "https://p.example"}}, nil
	case panicky:
	}
	return payment.Result{}, errors.New("something nobody thought of")
}

func (b *bank) approved(c provider.Call) payment.Result {
	return payment.Result{Status: payment.Approved, Ref: "r-" + string(c.Command.ID), Amount: c.Operation.Amount.Minor, Code: "00000000"}
}

func (b *bank) Inquire(_ context.Context, c provider.Call) (payment.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	switch {
	case b.down:
		return payment.Result{}, &provider.Error{Failure: provider.Unknown, Reason: payment.ReasonNoAnswer}
	case b.blind:
		return payment.Result{}, provider.ErrNotFound
	case b.effects[c.Operation.ID] > 0:
		r := b.approved(c)
		r.Ref = "r-" + string(c.Operation.ID)
		return r, nil
	case b.accepted[c.Operation.ID]:
		return payment.Result{Status: payment.Pending, Ref: "r-" + string(c.Operation.ID)}, nil
	}
	return payment.Result{}, provider.ErrNotFound
}

// total returns how many effects there are, and the most that one command has.
func (b *bank) total() (all, most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := slices.Collect(maps.Values(b.effects))
	for _, n := range counts {
		all += n
		most = max(most, n)
	}
	return all, most
}

// finish turns what was accepted into an effect.
func (b *bank) finish(c payment.CommandID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.effects[c]++
}

func (b *bank) set(f func(*bank)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}
