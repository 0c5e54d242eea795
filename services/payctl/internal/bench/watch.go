package bench

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// Streams is what a measurement needs of the bus.
type Streams interface {
	EventStreams() []string
	StreamState(ctx context.Context, stream string) (bus.State, error)
	Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error
}

// watch follows the events from now on until ctx ends. The channel then gives what
// went wrong.
func (r *run) watch(ctx context.Context) (<-chan error, error) {
	streams := r.env.Streams.EventStreams()
	errs := make(chan error, len(streams))
	for _, s := range streams {
		state, err := r.env.Streams.StreamState(ctx, s)
		if err != nil {
			return nil, err
		}
		o := bus.FollowOptions{From: state.LastSeq + 1, Wait: time.Millisecond}
		go func() { errs <- r.env.Streams.Follow(ctx, s, o, r.see) }()
	}
	all := make(chan error, 1)
	go func() {
		var joined []error
		for range streams {
			joined = append(joined, <-errs)
		}
		all <- errors.Join(joined...)
	}()
	return all, nil
}

// see notes which payments ended. What is not a success is an end, too: verification
// tells.
func (r *run) see(_ context.Context, batch []bus.Message) error {
	now := time.Now()
	for _, m := range batch {
		id := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
		if !strings.HasPrefix(id, r.series) || !final(m) {
			continue
		}
		r.mu.Lock()
		if _, known := r.ended[id]; !known && !r.began[id].IsZero() {
			r.ended[id], r.last = now, now
			r.o.Progress(len(r.accept), len(r.ended))
		}
		r.mu.Unlock()
	}
	return nil
}

// final tells by the event's type whether an operation ended with it.
func final(m bus.Message) bool {
	switch payment.EventType(m.Type()) {
	case payment.TypeOperationSucceeded, payment.TypeOperationDeclined, payment.TypeOperationFailed, payment.TypeOperationRejected, payment.TypeParked:
		return true
	default: // a step on the way
		return false
	}
}

func accepted(merchant, key string, a api.Accepted) verify.Accepted {
	return verify.Accepted{
		Merchant: payment.Merchant(merchant), ReqID: payment.ReqID(key),
		CommandID: payment.CommandID(a.CommandID), Payment: payment.ID(a.PaymentID),
	}
}
