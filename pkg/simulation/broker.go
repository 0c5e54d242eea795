package simulation

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

const (
	// publishTimeout, askTimeout and ackWait are those of pkg/bus, as is handlerDeadline.
	publishTimeout  = 2 * time.Second
	ackWait         = 60 * time.Second
	heartbeat       = ackWait / 3
	handlerDeadline = 45 * time.Second
)

// broker keeps a compare-and-set log per payment, and messages that it hands out
// until they are acknowledged. It implements worker.Ledger, worker.Timers and
// callback.Ledger the way pkg/bus does: what it does not know after a lost answer,
// it looks up.
type broker struct {
	*world
	seq      uint64
	serial   int // of events
	logs     map[payment.ID]*log
	order    []payment.ID
	messages []*message
	timers   map[payment.CommandID]int
}

// log is what happened to a payment.
type log struct {
	heads  []payment.Head
	events []payment.Event
	times  []time.Duration // when each was stored
}

func newBroker(w *world) *broker {
	return &broker{world: w, logs: map[payment.ID]*log{}, timers: map[payment.CommandID]int{}}
}

func (b *broker) log(id payment.ID) *log {
	l, ok := b.logs[id]
	if !ok {
		l = &log{}
		b.logs[id] = l
		b.order = append(b.order, id)
	}
	return l
}

func (l *log) head() payment.Head {
	if len(l.heads) == 0 {
		return payment.Head{}
	}
	return l.heads[len(l.heads)-1]
}

// up returns when the broker can be reached again: now, mostly.
func (b *broker) up() time.Duration {
	at := b.now
	if b.healed {
		return at
	}
	for _, s := range b.weather.brokerDown {
		if s.holds(at) {
			at = max(at, s.to)
		}
	}
	return at
}

// travel is one way to the broker or back. It tells whether the message arrived;
// whoever waits for an answer waits for patience.
func (b *broker) travel(patience time.Duration) bool {
	t := b.current
	t.host.risk("on the way")
	if b.up() > b.now || b.chance(b.weather.lostRequest) {
		t.pause(patience)
		return false
	}
	t.pause(between(b.rng, 50*time.Microsecond, 20*time.Millisecond))
	return true
}

var errAway = fmt.Errorf("%w: the broker did not answer", payment.ErrUnavailable)

// Load implements worker.Ledger.
func (b *broker) Load(_ context.Context, _ payment.Merchant, id payment.ID) (payment.Head, error) {
	if !b.travel(publishTimeout) {
		return payment.Head{}, errAway
	}
	h := b.read(id)
	if !b.travel(publishTimeout) {
		return payment.Head{}, errAway
	}
	return h, nil
}

// read returns a payment's head, or the one before from a replica that lags.
func (b *broker) read(id payment.ID) payment.Head {
	l := b.log(id)
	n := len(l.heads)
	if n == 0 || !b.chance(b.weather.stale) || b.now-l.times[n-1] > time.Second {
		return l.head()
	}
	b.count("stale read")
	b.trace("reads a replica that lags")
	if n == 1 {
		return payment.Head{}
	}
	return l.heads[n-2]
}

// Now implements worker.Ledger.
func (b *broker) Now(context.Context) (time.Time, error) {
	if !b.travel(publishTimeout) {
		return time.Time{}, errAway
	}
	now := b.time()
	if !b.travel(publishTimeout) {
		return time.Time{}, errAway
	}
	return now, nil
}

// Steady implements worker.Ledger: there is one clock, which goes as time does.
func (b *broker) Steady() time.Duration { return math.MaxInt64 }

// Append implements worker.Ledger. It looks and tries again until it knows.
func (b *broker) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	b.serial++
	e.ID = fmt.Sprintf("e%d", b.serial)
	e = h.Payment.Next(e)
	next := payment.Head{Payment: payment.Fold(h.Payment, e)}
	for try := 0; ; try++ {
		if b.publish(h, e, &next) { //nolint:contextcheck // what begins later has no caller
			return next, nil
		}
		last, err := b.Load(ctx, e.Merchant, e.Payment)
		switch {
		case err == nil && last.Payment.Version == e.Version && b.holds(e):
			next.Seq = last.Seq
			return next, nil
		case err == nil && last.Seq > h.Seq:
			b.count("conflict")
			b.trace("finds that another event came before %s", e.Data.Type())
			return payment.Head{}, payment.ErrConflict
		}
		if ctx.Err() != nil {
			return payment.Head{}, errAway
		}
		b.current.host.clock.Sleep(ctx, min(10*time.Millisecond<<min(try, 7), time.Second))
	}
}

// publish makes one try, and tells whether it was acknowledged.
func (b *broker) publish(h payment.Head, e payment.Event, next *payment.Head) bool {
	if b.chance(b.weather.late) {
		b.count("late publish")
		b.after(between(b.rng, publishTimeout, 10*time.Second), func() { b.store(h, e, *next) })
		b.current.pause(publishTimeout)
		return false
	}
	if !b.travel(publishTimeout) {
		return false
	}
	seq := b.store(h, e, *next)
	if b.chance(b.weather.lostAck) {
		b.count("lost PubAck")
		b.trace("does not get the answer")
		b.current.pause(publishTimeout)
		return false
	}
	if !b.travel(publishTimeout) {
		return false
	}
	next.Seq = seq
	return seq > 0
}

// store appends e if h is still the head, and returns its sequence, else 0.
func (b *broker) store(h payment.Head, e payment.Event, next payment.Head) uint64 {
	l := b.log(e.Payment)
	if l.head().Seq != h.Seq {
		return 0
	}
	b.seq++
	next.Seq = b.seq
	l.heads, l.events, l.times = append(l.heads, next), append(l.events, e), append(l.times, b.now)
	b.trace("stored %d: %s v%d %s %s: %+v", b.seq, e.Payment, e.Version, e.Command, e.Data.Type(), plain(e.Data))
	b.shop.sees(e)
	return b.seq
}

// plain returns data without pointers, which a trace would show as addresses.
func plain(data payment.EventData) payment.EventData {
	switch d := data.(type) {
	case payment.AttemptStarted:
		d.Terms = nil
		return d
	case payment.Synced:
		d.Totals = nil
		return d
	}
	return data
}

// holds tells whether e itself is stored.
func (b *broker) holds(e payment.Event) bool {
	l := b.log(e.Payment)
	n := int(e.Version)
	return n <= len(l.events) && l.events[n-1].ID == e.ID
}

// Wake implements worker.Timers: of several wake-ups of one command the last one
// set counts, and schedules have whole seconds.
func (b *broker) Wake(ctx context.Context, c payment.Command, at time.Time) error {
	for !b.travel(publishTimeout) {
		if ctx.Err() != nil {
			return errAway
		}
	}
	b.timers[c.ID]++
	mine := b.timers[c.ID]
	due := at.Add(time.Second-time.Nanosecond).Truncate(time.Second).Sub(epoch) - b.now
	b.trace("sets a timer in %s", due)
	b.after(due, func() { //nolint:contextcheck // what begins later has no caller
		if b.timers[c.ID] == mine {
			b.hand(&message{kind: "wake-up", command: c, stored: b.now})
		}
	})
	if !b.travel(publishTimeout) {
		return errAway
	}
	return nil
}
