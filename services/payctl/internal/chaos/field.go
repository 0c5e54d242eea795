package chaos

import (
	"context"
	"sync"

	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// field is what faults strike at.
type field struct {
	stack    *stack.Stack
	net      *Net
	hands    hands
	computop *api.Computop
	axerve   *api.Axerve
	ecommpay *api.ECommPay
	// database has one fault at a time: a server that is down cannot be set back.
	database sync.Mutex
	// streams, too: a stream that is full already would be remembered as small.
	streams sync.Mutex
}

// clear ends every fault that providers play, whoever began it.
func (f *field) clear(ctx context.Context) error {
	for _, end := range []func(context.Context) error{
		f.computop.ClearRules, f.axerve.ClearRules, f.ecommpay.ClearRules,
		func(ctx context.Context) error { return f.computop.Outage(ctx, 0) },
		func(ctx context.Context) error { return f.axerve.Outage(ctx, 0) },
		func(ctx context.Context) error { return f.ecommpay.Outage(ctx, 0) },
	} {
		if err := end(ctx); err != nil {
			return err
		}
	}
	return nil
}
