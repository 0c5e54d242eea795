package demo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

const currency = "EUR"

// runner drives the payments of one run of a scenario.
type runner struct {
	env      Env
	patience time.Duration
	storm    bool // see Storm
	name     string
	desk     desk
	ids      []string
	requests int
	attempts map[string]int      // at opening a payment; see know
	faults   [][]int             // ids of the rules that were added, those of one fault together
	expected map[string][]effect // by payment
}

func money(value int64) *api.Money { return &api.Money{Value: value, Currency: currency} }

// newID names another payment of this run.
func (r *runner) newID() string {
	id := r.name
	if len(r.ids) > 0 {
		id += "-" + strconv.Itoa(len(r.ids)+1)
	}
	r.ids = append(r.ids, id)
	return id
}

// send stores one command.
func (r *runner) send(ctx context.Context, path string, body any) (string, error) {
	r.requests++
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	a, err := r.env.API.Send(ctx, path, fmt.Sprintf("%s/%d", r.name, r.requests), body)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrWrong, path, err)
	}
	return a.CommandID, nil
}

// open opens a checkout and waits until the buyer is asked to act.
func (r *runner) open(ctx context.Context, amount int64, mode string, more func(*api.Open)) (string, error) {
	body := api.Open{
		PaymentID: r.newID(), Provider: "computop", Method: "button", Capture: mode, Country: "EU",
		Amount: *money(amount), Reference: "demo",
		Return: &api.Return{Success: "https://shop.example/done", Failure: "https://shop.example/failed", Cancel: "https://shop.example/cancelled", Review: "https://shop.example/review"},
	}
	if more != nil {
		more(&body)
	}
	if _, err := r.send(ctx, "/v1/payments", body); err != nil {
		return "", err
	}
	return body.PaymentID, r.opened(ctx, body.PaymentID)
}

// opened waits until the buyer of a payment is asked to act.
func (r *runner) opened(ctx context.Context, id string) error {
	_, err := r.reach(ctx, id, "requires_action")
	return err
}

// know notes how many attempts to open a payment there were. Each has a key of its
// own at the provider, and the last is what the buyer saw.
func (r *runner) know(p api.Payment) {
	if len(p.Operations) == 0 {
		return
	}
	if r.attempts == nil {
		r.attempts = map[string]int{}
	}
	r.attempts[p.ID] = max(r.attempts[p.ID], p.Operations[0].Attempts)
}

// key returns what the provider knows a payment by.
func (r *runner) key(id string) string {
	return payment.AttemptKey(payment.ID(id), r.desk.separator, r.attempts[id])
}

// paid opens a checkout that the buyer confirms at once.
func (r *runner) paid(ctx context.Context, amount int64, mode, state string, more func(*api.Open)) (string, error) {
	id, err := r.open(ctx, amount, mode, more)
	if err != nil {
		return id, err
	}
	if err := r.decide(ctx, id, computopsim.Approve); err != nil {
		return id, err
	}
	r.expect(id, either(mode == automatic, kindCharge, kindAuthorize), amount)
	_, err = r.reach(ctx, id, state)
	return id, err
}

// The capture modes.
const (
	manual    = "manual"
	automatic = "automatic"
)

func (r *runner) decide(ctx context.Context, id string, d computopsim.Decision) error {
	if err := r.env.Computop.Decide(ctx, r.key(id), d); err != nil {
		return fmt.Errorf("%w: the buyer's %s: %w", ErrWrong, d, err)
	}
	return nil
}

// follow sends a command for an open payment and waits until it succeeded.
func (r *runner) follow(ctx context.Context, id, what string, body api.FollowUp) error {
	command, err := r.send(ctx, "/v1/payments/"+id+"/"+what, body)
	if err != nil {
		return err
	}
	return r.finished(ctx, id, command)
}

func (r *runner) capture(ctx context.Context, id string, amount int64) error {
	r.expect(id, kindCapture, amount)
	return r.follow(ctx, id, "captures", api.FollowUp{Amount: money(amount)})
}

func (r *runner) refund(ctx context.Context, id string, amount int64) error {
	r.expect(id, kindRefund, amount)
	return r.follow(ctx, id, "refunds", api.FollowUp{Amount: money(amount), Description: "demo"})
}

// finished waits until a command's operation has succeeded.
func (r *runner) finished(ctx context.Context, id, command string) error {
	_, err := r.await(ctx, id, "operation "+command, func(p api.Payment) (bool, error) {
		op, ok := p.Operation(command)
		switch {
		case !ok:
			return false, nil
		case op.Status == "declined" || op.Status == "failed" || op.Status == "rejected":
			return false, fmt.Errorf("%w: payment %s: %s is %s (%s)", ErrWrong, id, op.Kind, op.Status, op.Reason)
		}
		return op.Status == "succeeded", nil
	})
	return err
}

// reach waits until a payment is in a state. Another state that nothing follows
// ends the wait.
func (r *runner) reach(ctx context.Context, id, state string) (api.Payment, error) {
	return r.await(ctx, id, "state "+state, func(p api.Payment) (bool, error) {
		if r.storm && state == "declined" && p.State == "failed" {
			return true, nil // an inquiry came before the callback, and cannot tell why nothing came of it
		}
		if p.State != state && slices.Contains(ends, p.State) {
			return false, fmt.Errorf("%w: payment %s is %s, must be %s", ErrWrong, id, p.State, state)
		}
		return p.State == state, nil
	})
}

// ends are the states that nothing follows.
var ends = []string{"rejected", "cancelled", "declined", "failed", "expired", "refunded", "reversed"}

func (r *runner) await(ctx context.Context, id, what string, enough func(api.Payment) (bool, error)) (api.Payment, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.patience, ErrStuck)
	defer cancel()
	p, err := r.env.API.Await(ctx, id, func(p api.Payment) (bool, error) {
		r.know(p)
		ok, err := enough(p)
		if i := slices.IndexFunc(p.Operations, func(op api.Operation) bool { return op.Status == "parked" }); !ok && i >= 0 {
			return false, fmt.Errorf("%w: payment %s: %s (%s)", ErrParked, id, p.Operations[i].Kind, p.Operations[i].Reason)
		}
		return ok, err
	})
	if err != nil && ctx.Err() != nil {
		return p, fmt.Errorf("%w: payment %s is %s and does not reach %s within %s", context.Cause(ctx), id, orWord(p.State, "unknown"), what, r.patience)
	}
	return p, err
}

func orWord(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// sums checks a payment's money, in the order authorised, captured, refunded.
func (r *runner) sums(ctx context.Context, id, state string, authorized, captured, refunded int64) error {
	p, err := r.reach(ctx, id, state)
	if err != nil {
		return err
	}
	same := func(p api.Payment) bool {
		return p.Authorized == authorized && p.Captured == captured && p.Refunded == refunded
	}
	if r.storm && !same(p) { // rows may have gone back in time since the last look
		return r.settled(ctx, id, same)
	}
	if !same(p) {
		return fmt.Errorf("%w: payment %s has %d/%d/%d authorised/captured/refunded, must have %d/%d/%d",
			ErrWrong, id, p.Authorized, p.Captured, p.Refunded, authorized, captured, refunded)
	}
	return nil
}

// settled waits until a payment's money is as it must be.
func (r *runner) settled(ctx context.Context, id string, same func(api.Payment) bool) error {
	_, err := r.await(ctx, id, "its sums", func(p api.Payment) (bool, error) { return same(p), nil })
	return err
}

// expect writes down an effect that the ledger must show.
func (r *runner) expect(id string, kind kind, amount int64) {
	if r.expected == nil {
		r.expected = map[string][]effect{}
	}
	r.expected[id] = append(r.expected[id], effect{kind, amount})
}

func either[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
