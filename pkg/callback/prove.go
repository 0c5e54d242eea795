package callback

import (
	"context"
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/provider"
)

const (
	// proofPatience is how long a provider's server waits for our answer while the
	// provider is asked what it says. They wait for five seconds at least, and the
	// broker needs its part of them.
	proofPatience = 2 * time.Second
	// proofsAtOnce bounds the questions under way: strangers can cause them.
	proofsAtOnce = 16
)

// errTooMany means that an account has had more callbacks that are not believed than
// it may.
var errTooMany = errors.New("callback: too many that are not believed")

// judge reads what a provider's server is said to have sent. Of what only the
// provider can vouch for it asks the provider at once, within a small budget, so
// that forgeries are not stored. Who cannot be asked now leaves ErrUnverified. That
// and what makes no sense is stored without being believed, and so only at a rate:
// a stranger may be able to make it, if only out of a genuine one.
func (rc *Receiver) judge(ctx context.Context, in incoming) (provider.Callback, error) {
	cb, err := rc.parsers.read(in.account, in.StoredCallback)
	proven := !errors.Is(err, provider.ErrUnverified)
	if (!proven || errors.Is(err, provider.ErrUnreadable)) && !rc.unproven.allow(in.Endpoint) {
		return cb, errTooMany
	}
	if proven {
		return cb, err
	}
	told, asked := rc.ask(ctx, in)
	switch {
	case asked == nil:
		cb.Payment = told.Payment // the mark stays: it is the same message, proven or not
		return cb, nil
	case errors.Is(asked, provider.ErrForged), errors.Is(asked, provider.ErrUnreadable):
		return cb, asked
	}
	return cb, err
}

// ask has the provider vouch for in.
func (rc *Receiver) ask(ctx context.Context, in incoming) (provider.Callback, error) {
	if rc.verify == nil {
		return provider.Callback{}, errNoTime
	}
	select {
	case rc.proofs <- struct{}{}:
		defer func() { <-rc.proofs }()
	default:
		return provider.Callback{}, errNoTime
	}
	ctx, cancel := context.WithTimeout(ctx, proofPatience)
	defer cancel()
	cb, err := rc.verify(ctx, in.account, in.Header, payload(in.StoredCallback))
	if err == nil && known(cb.Payment) == "" {
		return cb, errForeign
	}
	return cb, err
}
