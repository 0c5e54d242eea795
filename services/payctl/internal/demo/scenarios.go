package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// scenario is one way in which payments go.
type scenario struct {
	name     string
	provider payment.Provider
	payments int // how many payments one run drives
	run      func(ctx context.Context, r *runner) error
}

// plain lists the scenarios in which nothing goes wrong.
func plain() []scenario {
	return slices.Concat(plainComputop(), plainAxerve(), plainECommPay())
}

// troubled lists those with faults, the longest first.
func troubled() []scenario {
	return slices.Concat(troubledComputop(), troubledAxerve(), troubledECommPay())
}

func plainComputop() []scenario {
	return []scenario{
		{"authorise and capture", payment.Computop, 1, authorizeAndCapture},
		{"direct sale", payment.Computop, 1, sale},
		{"partial capture", payment.Computop, 1, partialCapture},
		{"two partial refunds", payment.Computop, 1, twoRefunds},
		{"full refund", payment.Computop, 1, fullRefund},
		{"reverse", payment.Computop, 1, reverse},
		{"decline", payment.Computop, 1, decline},
		{"abandon", payment.Computop, 1, abandon},
		{"amount change", payment.Computop, 1, amountChange},
		{"recurring, first and next", payment.Computop, 2, recurring},
	}
}

// troubledComputop: where the notify of the outcome vanishes too, only an inquiry
// can tell what became of the money.
func troubledComputop() []scenario {
	capture, credit := computopsim.OpCapture, computopsim.OpCredit
	captured, refunded, authorized := computopsim.OpNotifyCapture, computopsim.OpNotifyCredit, computopsim.OpNotifyAuth
	silent := atComputop(computopsim.Rule{Operation: captured, Fault: computopsim.FaultVanish})
	return []scenario{
		{"capture, no answer, no notify", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: capture, Fault: computopsim.FaultTimeoutAfter}), silent)},
		{"capture, no answer", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: capture, Fault: computopsim.FaultTimeoutAfter}))},
		{"capture, reset after effect", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: capture, Fault: computopsim.FaultResetAfter}), silent)},
		{"capture, 500 after effect", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: capture, Fault: computopsim.FaultHTTP500After}), silent)},
		{"capture, garbage after effect", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: capture, Fault: computopsim.FaultGarbageAfter}), silent)},
		{"refund, reset after effect", payment.Computop, 1, refundUnder(
			atComputop(computopsim.Rule{Operation: credit, Fault: computopsim.FaultResetAfter}), atComputop(computopsim.Rule{Operation: refunded, Fault: computopsim.FaultVanish}))},
		{"capture, throttled", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: capture, Fault: computopsim.FaultThrottled, Delay: time.Second}))},
		{"notify three times", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: authorized, Fault: computopsim.FaultDuplicate, Count: 2}))},
		{"notify late", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: authorized, Fault: computopsim.FaultLate, Delay: 3 * time.Second}))},
		{"notify after a forged one", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: authorized, Fault: computopsim.FaultForged}))},
		{"notify of the capture, forged first", payment.Computop, 1, captureUnder(atComputop(computopsim.Rule{Operation: captured, Fault: computopsim.FaultForged}))},
	}
}

func authorizeAndCapture(ctx context.Context, r *runner) error {
	id, err := r.paid(ctx, 4999, manual, "authorized", nil)
	if err != nil {
		return err
	}
	if err := r.capture(ctx, id, 4999); err != nil {
		return err
	}
	return r.sums(ctx, id, "captured", 4999, 4999, 0)
}

func sale(ctx context.Context, r *runner) error {
	id, err := r.paid(ctx, 1250, automatic, "captured", nil)
	if err != nil {
		return err
	}
	return r.sums(ctx, id, "captured", 1250, 1250, 0)
}

func partialCapture(ctx context.Context, r *runner) error {
	id, err := r.paid(ctx, 10000, manual, "authorized", nil)
	if err != nil {
		return err
	}
	if err := r.capture(ctx, id, 6000); err != nil {
		return err
	}
	return r.sums(ctx, id, "partially_captured", 10000, 6000, 0)
}

func twoRefunds(ctx context.Context, r *runner) error {
	id, err := r.paid(ctx, 8000, automatic, "captured", nil)
	if err != nil {
		return err
	}
	for _, amount := range []int64{3000, 2000} {
		if err := r.refund(ctx, id, amount); err != nil {
			return err
		}
	}
	return r.sums(ctx, id, "partially_refunded", 8000, 8000, 5000)
}

func fullRefund(ctx context.Context, r *runner) error {
	id, err := r.paid(ctx, 2500, automatic, "captured", nil)
	if err != nil {
		return err
	}
	if err := r.refund(ctx, id, 2500); err != nil {
		return err
	}
	return r.sums(ctx, id, "refunded", 2500, 2500, 2500)
}

func reverse(ctx context.Context, r *runner) error {
	id, err := r.paid(ctx, 7000, manual, "authorized", nil)
	if err != nil {
		return err
	}
	r.expect(id, kindReverse, 7000)
	if err := r.follow(ctx, id, "cancel", api.FollowUp{}); err != nil {
		return err
	}
	return r.sums(ctx, id, "cancelled", 7000, 0, 0)
}

func decline(ctx context.Context, r *runner) error {
	return r.refused(ctx, computopsim.Decline, "declined")
}

func abandon(ctx context.Context, r *runner) error {
	return r.refused(ctx, computopsim.Abandon, "failed")
}

// refused drives a payment that comes to nothing.
func (r *runner) refused(ctx context.Context, d computopsim.Decision, state string) error {
	id, err := r.open(ctx, 3300, manual, nil)
	if err != nil {
		return err
	}
	if err := r.decide(ctx, id, d); err != nil {
		return err
	}
	return r.sums(ctx, id, state, 0, 0, 0)
}

func amountChange(ctx context.Context, r *runner) error {
	id, err := r.open(ctx, 5000, manual, nil)
	if err != nil {
		return err
	}
	if err := r.decide(ctx, id, computopsim.Review); err != nil {
		return err
	}
	if err := r.follow(ctx, id, "amount", api.FollowUp{Amount: money(5800)}); err != nil {
		return err
	}
	if err := r.decide(ctx, id, computopsim.Approve); err != nil {
		return err
	}
	r.expect(id, kindAuthorize, 5800)
	if _, err := r.reach(ctx, id, "authorized"); err != nil {
		return err
	}
	if err := r.capture(ctx, id, 5800); err != nil {
		return err
	}
	return r.sums(ctx, id, "captured", 5800, 5800, 0)
}

func recurring(ctx context.Context, r *runner) error {
	mandate, err := r.mandate(ctx)
	if err != nil {
		return err
	}
	next := r.newID()
	r.expect(next, kindCharge, 999)
	if _, err := r.send(ctx, "/v1/payments", Charge(next, mandate, 999)); err != nil {
		return err
	}
	return r.sums(ctx, next, "captured", 999, 999, 0)
}

// mandate drives the first payment of a series and returns the right to charge
// again.
func (r *runner) mandate(ctx context.Context) (string, error) {
	id, err := r.paid(ctx, 999, automatic, "captured", series)
	if err != nil {
		return "", err
	}
	p, err := r.await(ctx, id, "its mandate", func(p api.Payment) (bool, error) { return p.Mandate != nil, nil })
	if err != nil {
		return "", err
	}
	if p.Mandate.ID == "" {
		return "", fmt.Errorf("%w: payment %s has a mandate without id", ErrWrong, id)
	}
	return p.Mandate.ID, nil
}

// series has a payment begin one.
func series(o *api.Open) {
	o.Recurring = &api.Recurring{Cycle: "month", Interval: 1, Amount: money(999)}
}

// Charge returns the body of a further payment of a series.
func Charge(id, mandate string, amount int64) api.Open {
	return api.Open{
		PaymentID: id, Provider: "computop", Method: "mandate", Capture: automatic, Country: "EU",
		Amount: *money(amount), Mandate: mandate, Reference: "demo",
	}
}

// Mandate drives the first payment of a series and returns the right to charge
// again. id names the payment.
func Mandate(ctx context.Context, env Env, id string) (string, error) {
	return (&runner{env: env, patience: defaultPatience, name: id, desk: env.desk(payment.Computop)}).mandate(ctx)
}

// captureUnder authorises and captures while something goes wrong.
func captureUnder(faults ...fault) func(context.Context, *runner) error {
	return under(authorizeAndCapture, faults...)
}

// refundUnder sells and refunds while something goes wrong.
func refundUnder(faults ...fault) func(context.Context, *runner) error {
	return under(fullRefund, faults...)
}

// under runs a scenario of one payment, which has the run's name, with faults that
// are there before it is.
func under(run func(context.Context, *runner) error, faults ...fault) func(context.Context, *runner) error {
	return func(ctx context.Context, r *runner) error {
		for _, f := range faults {
			if err := r.fault(ctx, r.name, f); err != nil {
				return err
			}
		}
		return run(ctx, r)
	}
}

// killed captures while the worker is killed between intent and outcome: the money
// has moved, nobody was left to hear of it, and no notify tells.
func killed() scenario {
	return scenario{"capture, worker killed before the outcome", payment.Computop, 1, func(ctx context.Context, r *runner) error {
		for _, rule := range []computopsim.Rule{
			{Operation: computopsim.OpCapture, Fault: computopsim.FaultTimeoutAfter}, {Operation: computopsim.OpNotifyCapture, Fault: computopsim.FaultVanish},
		} {
			if err := r.fault(ctx, r.name, atComputop(rule)); err != nil {
				return err
			}
		}
		id, err := r.paid(ctx, 4999, manual, "authorized", nil)
		if err != nil {
			return err
		}
		r.expect(id, kindCapture, 4999)
		if _, err := r.send(ctx, "/v1/payments/"+id+"/captures", api.FollowUp{Amount: money(4999)}); err != nil {
			return err
		}
		if err := r.effect(ctx, id, kindCapture); err != nil {
			return err
		}
		if err := r.env.KillWorker(); err != nil {
			return fmt.Errorf("%w: kill the worker: %w", ErrWrong, err)
		}
		return r.sums(ctx, id, "captured", 4999, 4999, 0)
	}}
}
