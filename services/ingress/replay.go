package main

import (
	"context"
	"errors"
	"slices"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/intake"
)

// A request that was accepted once is answered the same for as long as its key is
// kept, though accounts, limits or the merchant's default may have changed since, so
// that it would be refused today, or be another command. So whoever is refused for one
// of those is compared with what is stored.
//
// What is compared is what the caller said: the body by itself, which no setting
// changes. What it leaves out is taken from the stored command where the choice was
// ours: the provider, and with it that provider's default way of capture, which is
// part of the program. Everything else is the caller's own.

// spoken returns what q's body says by itself, before anything is filled in, and
// nothing when it is no request at all.
func spoken(q *intake.Request) payment.Command {
	if len(q.Faults.List) > 0 {
		return payment.Command{}
	}
	c := q.Command
	c.Provider = q.Named
	if c.Authorization != nil {
		own := *c.Authorization // defaults are filled in there
		c.Authorization = &own
	}
	return c
}

// again returns the stored command when what was said is what was accepted before,
// else why not: the refusal, when nothing is stored.
func (a *api) again(ctx context.Context, said payment.Command, refused *refusal) (payment.Command, bool, *refusal) {
	if said.ID == "" || !slices.Contains([]string{resultInvalid, resultReused, resultAbove}, refused.result) {
		return payment.Command{}, false, refused
	}
	stored, err := a.broker.Command(ctx, said.Merchant, said.ID)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return payment.Command{}, false, refused
	case err != nil:
		return payment.Command{}, false, a.fault(ctx, err)
	case !bus.SameRequest(stored, a.complete(said, stored.Provider)):
		return payment.Command{}, false, reused()
	}
	return stored, true, nil
}

// complete fills in what said leaves to us, as if it were for provider p.
func (a *api) complete(said payment.Command, p payment.Provider) payment.Command {
	if said.Provider == "" {
		said.Provider = p
	}
	if said.Authorization != nil && said.Authorization.Capture == "" {
		said.Authorization.Capture = intake.DefaultCapture(a.can[said.Provider])
	}
	return said
}
