package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/provider/simkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// often is how many of the calls, or callbacks, a fault at the providers concerns.
const often = 0.2

// calls has a part of the calls to every provider end in a fault.
func calls(fault simkit.Fault, delay time.Duration) strike { return rules(fault, 0, delay) }

// callbacks has a part of every provider's callbacks suffer a fault.
func callbacks(fault simkit.Fault, count int, delay time.Duration) strike {
	return rules(fault, count, delay)
}

func rules(fault simkit.Fault, count int, delay time.Duration) strike {
	return func(ctx context.Context, f *field, _ *rand.Rand) (injury, error) {
		planted := make([]planted, 3)
		var errs [3]error
		planted[0], errs[0] = plant(ctx, f.computop.Control, computopsim.Rule{Fault: fault, Count: count, Delay: delay, Probability: often},
			func(r computopsim.Rule) (int, int) { return r.ID, r.Hits })
		planted[1], errs[1] = plant(ctx, f.axerve.Control, axervesim.Rule{Fault: fault, Count: count, Delay: delay, Probability: often},
			func(r axervesim.Rule) (int, int) { return r.ID, r.Hits })
		planted[2], errs[2] = plant(ctx, f.ecommpay.Control, ecommpaysim.Rule{Fault: fault, Count: count, Delay: delay, Probability: often},
			func(r ecommpaysim.Rule) (int, int) { return r.ID, r.Hits })
		hits := 0
		heal := func(ctx context.Context) error {
			for i := range planted {
				n, err := planted[i].pull(ctx)
				if err != nil {
					return err
				}
				hits += n
			}
			return nil
		}
		return injury{what: "all providers", heal: heal, hits: func() int { return hits }}, errors.Join(errs[:]...)
	}
}

// planted is a rule at one provider. pull removes it and returns how often it was
// met; it may be called again.
type planted struct {
	pull func(ctx context.Context) (int, error)
}

func plant[R any](ctx context.Context, c api.Control[R], rule R, of func(R) (id, hits int)) (planted, error) {
	added, err := c.AddRule(ctx, rule)
	if err != nil {
		return planted{func(context.Context) (int, error) { return 0, nil }}, err
	}
	id, _ := of(added)
	pulled := false
	return planted{func(ctx context.Context) (int, error) {
		if pulled {
			return 0, nil
		}
		all, err := c.Rules(ctx)
		if err != nil {
			return 0, err
		}
		n := 0
		for _, r := range all {
			if i, hits := of(r); i == id {
				n = hits
			}
		}
		if err := c.RemoveRule(ctx, id); err != nil {
			return 0, err
		}
		pulled = true
		return n, nil
	}}, nil
}

const longestOutage = 10 * time.Second

// outage has one provider answer 503 to everything.
func outage(ctx context.Context, f *field, r *rand.Rand) (injury, error) {
	at := payment.Providers()[r.IntN(len(payment.Providers()))]
	set := f.computop.Outage
	switch at {
	case payment.Axerve:
		set = f.axerve.Outage
	case payment.ECommPay:
		set = f.ecommpay.Outage
	case payment.Computop:
	}
	// The provider says when to come back, so it must not say more than it lasts.
	heal := func(ctx context.Context) error { return set(ctx, 0) }
	return injury{what: string(at), heal: heal}, set(ctx, longestOutage)
}
