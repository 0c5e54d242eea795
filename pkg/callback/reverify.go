package callback

import (
	"context"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// History reads stored callbacks.
type History interface {
	// ReadCallbacks hands over what was stored at or after since, oldest first, up
	// to the last there is when it begins. stored is broker time.
	ReadCallbacks(ctx context.Context, since time.Time, handle func(ctx context.Context, c wire.StoredCallback, stored time.Time) error) error
}

// Which names the callbacks that Reverify is about.
type Which string

// The choices.
const (
	// OnlyQuarantined looks at those that were not accepted when they came.
	OnlyQuarantined Which = "quarantined"
	// OnlyFailed looks at all and reports those that the payment had not learnt
	// from, whatever the cause.
	OnlyFailed Which = "failed"
	// Everything looks at all and reports all.
	Everything Which = "all"
)

// Line is what Reverify found out about one callback. It shows nothing of what
// the callback says.
type Line struct {
	ID       string            `json:"id"`
	Stored   time.Time         `json:"stored"`
	Provider payment.Provider  `json:"provider"`
	Merchant payment.Merchant  `json:"merchant"`
	Account  string            `json:"account"`
	Kind     wire.CallbackKind `json:"kind"`
	Payment  payment.ID        `json:"payment_id,omitempty"`
	Was      wire.Verdict      `json:"was"`
	Outcome  Outcome           `json:"outcome"`
	Events   int               `json:"events"`
	Why      string            `json:"why,omitempty"`
}

// Choice says which callbacks Reverify looks at, and how fast.
type Choice struct {
	Which Which
	Since time.Time
	Until time.Time                      // stored before; zero: to the last there is
	Wants func(wire.StoredCallback) bool // nil: all
	Pace  func(context.Context) error    // called before each one; nil: as fast as can be
}

func (o Choice) chooses(c wire.StoredCallback, stored time.Time) bool {
	if o.Which == OnlyQuarantined && c.Verdict == wire.Accepted {
		return false
	}
	return (o.Until.IsZero() || stored.Before(o.Until)) && (o.Wants == nil || o.Wants(c))
}

// Counts are how many callbacks came to which outcome.
type Counts map[Outcome]int

// Reverify interprets stored callbacks again with the keys and the parsers of
// now, oldest first, and calls report, which may be nil, for each. What a payment
// knows already it does not learn twice, so Reverify may be run again, and beside
// the service. Nothing is buried by it.
func Reverify(ctx context.Context, h History, i *Interpreter, o Choice, report func(Line)) (Counts, error) {
	counts := Counts{}
	err := h.ReadCallbacks(ctx, o.Since, func(ctx context.Context, c wire.StoredCallback, stored time.Time) error {
		if !o.chooses(c, stored) {
			return nil
		}
		if o.Pace != nil {
			if err := o.Pace(ctx); err != nil {
				return err
			}
		}
		l := i.again(ctx, c, stored)
		if o.Which == OnlyFailed && l.Outcome == Known {
			return nil
		}
		counts[l.Outcome]++
		if report != nil {
			report(l)
		}
		return ctx.Err()
	})
	return counts, err
}

// again interprets c and tells what came of it.
func (i *Interpreter) again(ctx context.Context, c wire.StoredCallback, stored time.Time) Line {
	l := Line{
		ID: c.ID, Stored: stored, Provider: c.Provider, Merchant: c.Merchant, Account: c.Account,
		Kind: c.Kind, Payment: c.Payment, Was: c.Verdict,
	}
	id, n, err := i.Interpret(ctx, c)
	if id != "" {
		l.Payment = id
	}
	if now, nowErr := i.ledger.Now(ctx); nowErr == nil {
		err = i.verb(c, now.Sub(stored), err)
	}
	l.Events, l.Outcome = n, resultOf(n, err)
	if err != nil {
		l.Why = err.Error()
	}
	return l
}
