package storm

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Streams is what a storm needs of the bus.
type Streams interface {
	EventStreams() []string
	StreamState(ctx context.Context, stream string) (bus.State, error)
	OpenCallback(ctx context.Context, data []byte) (wire.StoredCallback, error)
	Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error
}

// stand is how far the streams are.
type stand struct {
	callbacks uint64
	events    map[string]uint64 // by stream
}

func standOf(ctx context.Context, s Streams) (stand, error) {
	at := stand{events: map[string]uint64{}}
	state, err := s.StreamState(ctx, bus.CallbackStream)
	if err != nil {
		return at, err
	}
	at.callbacks = state.LastSeq
	for _, stream := range s.EventStreams() {
		if state, err = s.StreamState(ctx, stream); err != nil {
			return at, err
		}
		at.events[stream] = state.LastSeq
	}
	return at, nil
}

func (s stand) equal(o stand) bool {
	same := s.callbacks == o.callbacks
	for stream, seq := range s.events {
		same = same && o.events[stream] == seq
	}
	return same
}

const (
	defaultQuiet  = 3 * time.Second
	quietTick     = 20 * time.Millisecond
	quietPatience = 3 * time.Minute
)

// rest returns when nothing was stored for a while, and how far the streams are
// then.
func (to Target) rest(ctx context.Context) (stand, error) {
	s, quietFor := to.Streams, cmp.Or(to.Quiet, defaultQuiet)
	ctx, cancel := context.WithTimeoutCause(ctx, quietPatience, fmt.Errorf("storm: streams did not come to rest within %s", quietPatience))
	defer cancel()
	last, err := standOf(ctx, s)
	since := time.Now()
	for err == nil && time.Since(since) < quietFor {
		select {
		case <-time.After(quietTick):
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
		var now stand
		if now, err = standOf(ctx, s); err == nil && !now.equal(last) {
			last, since = now, time.Now()
		}
	}
	return last, err
}

// storedAfter calls f with the callbacks that were stored after a stand.
func storedAfter(ctx context.Context, s Streams, after stand, f func(wire.StoredCallback)) error {
	return s.Follow(ctx, bus.CallbackStream, bus.FollowOptions{From: after.callbacks + 1, ToEnd: true}, func(ctx context.Context, batch []bus.Message) error {
		for _, m := range batch {
			c, err := s.OpenCallback(ctx, m.Data)
			if err != nil {
				return err
			}
			f(c)
		}
		return nil
	})
}

// grown counts the events that were stored between two stands.
func grown(from, to stand) int {
	n := 0
	for stream, seq := range to.events {
		n += int(seq - from.events[stream])
	}
	return n
}

// transition is an operation's final outcome.
type transition struct {
	merchant payment.Merchant
	payment  payment.ID
	command  payment.CommandID
}

// told is what callbacks led to.
type told struct {
	events  int // whose writer had them from a callback
	doubled int // final outcomes beyond the first of an operation
}

// tellings reads all events.
func tellings(ctx context.Context, s Streams) (told, error) {
	var t told
	outcomes := map[transition]int{}
	for _, stream := range s.EventStreams() {
		err := s.Follow(ctx, stream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
			for _, m := range batch {
				rec, err := wire.UnmarshalRecord(m.Data)
				if err != nil {
					return err
				}
				e := rec.Event
				if e.Source == payment.FromCallback {
					t.events++
				}
				if final(e.Data) {
					outcomes[transition{e.Merchant, e.Payment, e.Command}]++
				}
			}
			return nil
		})
		if err != nil {
			return t, err
		}
	}
	for _, n := range outcomes {
		t.doubled += n - 1
	}
	return t, nil
}

// final tells whether an operation ends with data.
func final(data payment.EventData) bool {
	switch data.(type) {
	case payment.OperationSucceeded, payment.OperationDeclined, payment.OperationFailed, payment.OperationRejected:
		return true
	}
	return false
}
