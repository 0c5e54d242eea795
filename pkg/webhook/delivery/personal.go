package delivery

import (
	"context"
	"errors"

	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/webhook"
	"github.com/payloom/payloom/pkg/wire"
)

// whole returns the body of j with the personal data that is kept sealed beside it.
// What was erased meanwhile is left out: the message is about the payment. The error
// means that the key cannot be had now.
func (d *Dispatcher) whole(ctx context.Context, j job) ([]byte, error) {
	if j.personal == nil || d.opts.Keys == nil {
		return j.body, nil
	}
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	buyer, err := wire.OpenPersonal(j.personal, j.Merchant, j.payment, j.version, d.opts.Keys(ctx, j.Merchant, j.payment))
	if errors.Is(err, seal.ErrDestroyed) || (err == nil && buyer == nil) {
		return j.body, nil
	}
	if err != nil {
		return nil, err
	}
	return webhook.WithBuyer(j.body, buyer)
}
