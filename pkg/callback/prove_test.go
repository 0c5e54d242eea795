package callback_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// vouching answers every question of a receiver with the same.
func vouching(id payment.ID, err error) func(*callback.Options) {
	return func(o *callback.Options) {
		o.Parsers = failing(provider.ErrUnverified)
		o.Verify = func(context.Context, *account.Account, http.Header, []byte) (provider.Callback, error) {
			return provider.Callback{Payment: id, Dedup: "of the provider"}, err
		}
	}
}

// TestReceive_AsksWhomItCanAsk: what only the provider can vouch for is judged by
// the provider before it is stored.
func TestReceive_AsksWhomItCanAsk(t *testing.T) {
	t.Parallel()
	down := &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonUnavailable}
	for name, c := range map[string]struct {
		id      payment.ID
		err     error
		status  int
		result  string
		verdict wire.Verdict
	}{
		"the provider vouches for it":          {id: "order-1", status: 200, result: "stored", verdict: wire.Accepted},
		"the provider did not make it":         {err: provider.ErrForged, status: 401, result: "forged"},
		"the provider made it for others":      {err: provider.ErrUnreadable, status: 200, result: "quarantined", verdict: wire.Quarantined},
		"it names no payment of ours":          {id: "order>*", status: 200, result: "quarantined", verdict: wire.Quarantined},
		"the provider is away":                 {err: down, status: 200, result: "unverified", verdict: wire.Unverified},
		"the provider does not know it yet":    {err: provider.ErrNotFound, status: 200, result: "unverified", verdict: wire.Unverified},
		"the provider cannot be asked of that": {err: provider.ErrUnverified, status: 200, result: "unverified", verdict: wire.Unverified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vouching(c.id, c.err))
			if got := w.do("POST", callbackPath, "a=shop&b=x"); got.status != c.status {
				t.Errorf("status %d, want %d", got.status, c.status)
			}
			w.checkCounted("computop", c.result)
			w.checkStored(c.verdict)
		})
	}
}

// A message that is stored unproven and comes again when the provider can be asked
// is the same message.
func TestReceive_ARepeatIsTheSameProvenOrNot(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	answer := error(&provider.Error{Failure: provider.NotSent})
	w := newWorld(t, func(o *callback.Options) {
		o.Parsers = failing(provider.ErrUnverified)
		o.Verify = func(context.Context, *account.Account, http.Header, []byte) (provider.Callback, error) {
			mu.Lock()
			defer mu.Unlock()
			return provider.Callback{Payment: "order-1", Dedup: "of the provider"}, answer
		}
	})
	w.mustNotify("a=shop&b=x")
	mu.Lock()
	answer = nil
	mu.Unlock()
	w.mustNotify("a=shop&b=x")
	if n := len(w.stored()); n != 1 {
		t.Errorf("%d are stored, want 1", n)
	}
}

// Strangers must not have us ask without end, nor keep honest senders waiting: who
// finds every place taken is stored unproven.
func TestReceive_AsksWithinABudget(t *testing.T) {
	t.Parallel()
	const places, more = 16, 8 // as many questions are under way at once, and then some
	begun, release := make(chan struct{}, places+more), make(chan struct{})
	w := newWorld(t, func(o *callback.Options) {
		o.Parsers = failing(provider.ErrUnverified)
		o.Verify = func(ctx context.Context, _ *account.Account, _ http.Header, _ []byte) (provider.Callback, error) {
			begun <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return provider.Callback{}, provider.ErrForged
		}
	})
	var waiting sync.WaitGroup
	for i := range places {
		waiting.Go(func() { w.do("POST", callbackPath, "a=shop&b="+strconv.Itoa(i)) })
	}
	for range places {
		<-begun
	}
	for i := range more {
		w.mustNotify("a=shop&b=" + strings.Repeat("x", i+1))
	}
	close(release)
	waiting.Wait()
	if n := len(w.stored()); n != more || len(begun) != 0 {
		t.Errorf("%d are stored, want %d; %d more questions", n, more, len(begun))
	}
}
