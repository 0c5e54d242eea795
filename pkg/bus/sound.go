package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/payloom/payloom/pkg/payment"
)

// A broker whose disk has garbled an event does not say so: it takes the event for
// one that never was, tells the one before it or none, and accepts an append that
// was decided from that. Whoever decided so would send a second time. See
// docs/adr/0019.

// ErrDamaged means that events are lost, so that nothing may be decided from what is
// left. Trying again helps only after somebody has brought them back.
var ErrDamaged = errors.New("bus: the ledger has lost events")

const (
	// soundFor is how long it is believed that a stream is whole, within one connection.
	soundFor = 10 * time.Second
	// secondLooks is how often, and secondPause how far apart, a stream is looked at
	// again before it is called damaged: a new leader may have to catch up first.
	secondLooks = 5
	secondPause = 200 * time.Millisecond
)

// witness remembers how far the event streams went. It may be used concurrently.
type witness struct {
	looks singleflight.Group // one look at a stream for all who wait

	mu    sync.Mutex
	seen  map[int]uint64 // the last event that is known of, by shard
	whole map[int]looked
	torn  map[int]bool // found damaged when last looked at
}

// looked says when a stream was found to be whole.
type looked struct {
	at         time.Time
	connection uint64 // of the connections that this program had, which one
}

func newWitness() *witness {
	return &witness{seen: map[int]uint64{}, whole: map[int]looked{}, torn: map[int]bool{}}
}

// saw notes that an event is there.
func (w *witness) saw(shard int, seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[shard] = max(w.seen[shard], seq)
}

// last returns the last event that is known of.
func (w *witness) last(shard int) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[shard]
}

func (w *witness) fresh(shard int, connection uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	l, ok := w.whole[shard]
	return ok && l.connection == connection && time.Since(l.at) < soundFor
}

// doubt has the stream looked at again.
func (w *witness) doubt(shard int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.whole, shard)
}

func (w *witness) found(shard int, l looked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole[shard] = l
}

// tear notes whether a shard was found damaged.
func (w *witness) tear(shard int, damaged bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.torn[shard] = damaged
}

func (w *witness) isTorn(shard int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.torn[shard]
}

// sound returns ErrDamaged when events of a shard are missing. What was read before
// the call is as sound as what it says. After every loss of the connection it looks
// anew: the broker may have been started on a disk that is not what it was.
func (b *Bus) sound(ctx context.Context, shard int) error {
	connection := b.nc.Stats().Reconnects
	if b.witness.fresh(shard, connection) {
		return nil
	}
	key := fmt.Sprint(shard, " ", connection)
	done := b.witness.looks.DoChan(key, func() (any, error) { return nil, b.look(shard, connection) }) //nolint:contextcheck // see look
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: look at %s: %w", ErrUnavailable, eventStream(shard), ctx.Err())
	}
}

// look is for all who ask at the same time, and so bound to none of them.
func (b *Bus) look(shard int, connection uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout+secondLooks*secondPause)
	defer cancel()
	began := time.Now()
	err := b.wholeSoon(ctx, shard)
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	b.witness.tear(shard, err != nil)
	b.stats.damage(eventStream(shard), err != nil)
	switch {
	case err == nil:
	case slices.Contains(b.knownLoss, eventStream(shard)):
		b.log.Error("events are lost, and PAYLOOM_KNOWN_LOSS says that somebody has seen to it", zap.Error(err))
	default:
		b.log.Error("ledger damaged: nothing is decided from it", zap.Error(err))
		return err
	}
	b.witness.found(shard, looked{began, connection})
	return nil
}

// wholeSoon looks until the stream is whole, a few times.
func (b *Bus) wholeSoon(ctx context.Context, shard int) error {
	for try := 1; ; try++ {
		last := b.witness.last(shard)
		state, err := b.StreamState(ctx, eventStream(shard))
		if err != nil {
			return err
		}
		if err = state.whole(eventStream(shard), last); err == nil || try == secondLooks || b.witness.isTorn(shard) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, secondPause)
	}
}

// whole returns ErrDamaged when messages are missing between the first and the last or
// before the first, or the stream ends before a message that was there.
func (s State) whole(stream string, last uint64) error {
	if s.LastSeq < last {
		return fmt.Errorf("%w: %s ends at %d and had event %d", ErrDamaged, stream, s.LastSeq, last)
	}
	if s.FirstSeq > 1 && s.Now.Before(s.Expires) {
		return fmt.Errorf("%w: %s begins at %d and is too young to have forgotten any", ErrDamaged, stream, s.FirstSeq)
	}
	if s.Messages > 0 && s.LastSeq-s.FirstSeq+1 != s.Messages {
		return fmt.Errorf("%w: %s goes from %d to %d and holds only %d", ErrDamaged, stream, s.FirstSeq, s.LastSeq, s.Messages)
	}
	return nil
}

// nothing returns the last event of a payment for which none was found: an empty raw
// when there never was one, ErrDamaged when there was, and it cannot be read. The
// broker's index of subjects tells, which it keeps apart from the messages.
func (b *Bus) nothing(ctx context.Context, m payment.Merchant, id payment.ID) (raw, error) {
	stream, filter := b.shardStream(eventStream, string(id)), b.eventFilter(m, id)
	n, err := b.count(ctx, stream, filter)
	if err != nil || n == 0 {
		return raw{}, err
	}
	for range secondLooks {
		// It is there, and a replica may only not have had it yet.
		if last, err := b.last(ctx, stream, filter); err != nil || last.Seq > 0 {
			return last, err
		}
		sleep(ctx, secondPause)
	}
	b.stats.unread(stream)
	return raw{}, fmt.Errorf("%w: %s has %d events of payment %s and cannot read the last", ErrDamaged, stream, n, id)
}

// count returns how many messages a stream has, by its index, that match filter.
func (b *Bus) count(ctx context.Context, stream, filter string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"subjects_filter": filter})
	if err != nil {
		return 0, err
	}
	m, err := b.nc.RequestWithContext(ctx, api+"STREAM.INFO."+stream, body)
	if err != nil {
		return 0, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, stream, err)
	}
	var info struct {
		Error *jetstream.APIError   `json:"error"`
		State jetstream.StreamState `json:"state"`
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return 0, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, stream, err)
	}
	if info.Error != nil {
		return 0, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, stream, info.Error)
	}
	var n uint64
	for _, of := range info.State.Subjects {
		n += of
	}
	return n, nil
}
