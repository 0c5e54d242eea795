package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/payment"
)

// The error codes of JetStream that a publisher meets.
const (
	codeWrongLast     = jetstream.ErrorCode(10071) // somebody appended: perhaps we
	codeWrongLastBusy = jetstream.ErrorCode(10164) // R3: a proposal is in flight and may still fail
	codeStreamFull    = jetstream.ErrorCode(10077)
	codeNoResources   = jetstream.ErrorCode(10023)
	codeTooLarge      = jetstream.ErrorCode(10054)
)

// publishTimeout is how long one try waits for its acknowledgement.
const publishTimeout = 2 * time.Second

// put is a message that is stored if, and only if, the last message that matches
// filter still has sequence expect (0: there is none).
type put struct {
	stream string
	filter string
	expect uint64
	msg    *nats.Msg
	// mine recognises the message as this put's own, after an answer got lost.
	mine func(raw) bool
	// deletable is set where messages can be deleted: then there may be less than was
	// expected. Elsewhere who reads less has read from a replica that lags.
	deletable bool
}

// lost tells whether last, which is not p's own, came before p.
func (p put) lost(last raw) bool {
	return last.Seq > p.expect || (p.deletable && last.Seq != p.expect)
}

// raw is a stored message.
type raw struct {
	Seq     uint64
	Time    time.Time
	Subject string
	Header  nats.Header
	Data    []byte
}

// store stores p, looking and trying again until it knows: nil and the sequence
// when it is stored, ErrConflict and the message that came first when another
// was, ErrUnavailable when the broker is full, or ctx ends with nothing known.
func (b *Bus) store(ctx context.Context, p put) (uint64, raw, error) {
	for try := 0; ; try++ {
		seq, dup, err := b.publish(ctx, p)
		if err == nil && !dup {
			b.stats.published(p.stream, "stored")
			return seq, raw{}, nil
		}
		code := codeOf(err)
		if code == codeStreamFull || code == codeNoResources {
			b.stats.published(p.stream, "full")
			return 0, raw{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if code == codeTooLarge || errors.Is(err, nats.ErrMaxPayload) {
			b.stats.published(p.stream, "too_large")
			return 0, raw{}, fmt.Errorf("%w: %w", payment.ErrTooLarge, err)
		}
		if code != 0 && code != codeWrongLast && code != codeWrongLastBusy {
			b.stats.published(p.stream, "refused")
			return 0, raw{}, fmt.Errorf("publish on %s: %w", p.stream, err)
		}
		if code == codeWrongLastBusy {
			// Ours is not stored, and neither may be the one that stood in its way.
			sleep(ctx, 5*time.Millisecond+rand.N(15*time.Millisecond))
		}
		last, lookErr := b.last(ctx, p.stream, p.filter)
		switch {
		case lookErr == nil && p.mine(last):
			b.stats.published(p.stream, "stored_before")
			return last.Seq, raw{}, nil
		case lookErr == nil && p.lost(last):
			b.stats.published(p.stream, "conflict")
			return 0, last, ErrConflict
		}
		// Nothing has changed on the subject as far as can be seen, or the replica
		// that was looked at has not even got what this decision was made from: try
		// again. If the lost message arrives after all, one of the two is refused.
		if ctx.Err() != nil {
			b.stats.published(p.stream, "unknown")
			return 0, raw{}, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(err, lookErr))
		}
		sleep(ctx, pause(try))
	}
}

// pause grows from 10 ms to a second, with jitter.
func pause(try int) time.Duration {
	d := min(10*time.Millisecond<<min(try, 7), time.Second)
	return d/2 + rand.N(d)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// publish makes one try.
func (b *Bus) publish(ctx context.Context, p put) (seq uint64, duplicate bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	ack, err := b.js.PublishMsg(ctx, p.msg,
		jetstream.WithRetryAttempts(0),
		jetstream.WithExpectStream(p.stream),
		jetstream.WithExpectLastSequenceForSubject(p.expect, p.filter))
	if err != nil {
		return 0, false, err
	}
	return ack.Sequence, ack.Duplicate, nil
}

func codeOf(err error) jetstream.ErrorCode {
	if e, ok := errors.AsType[*jetstream.APIError](err); ok {
		return e.ErrorCode
	}
	return 0
}

// last returns the last message of stream that matches filter, or ErrNotFound,
// which is an empty raw with sequence 0 as well. It may be stale; whoever decides
// from a stale message is refused when appending.
func (b *Bus) last(ctx context.Context, stream, filter string) (raw, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"last_by_subj": filter})
	if err != nil {
		return raw{}, err
	}
	m, err := b.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, body)
	if err != nil {
		return raw{}, fmt.Errorf("%w: read %s: %w", ErrUnavailable, stream, err)
	}
	return direct(m)
}

// direct reads the answer to a direct get.
func direct(m *nats.Msg) (raw, error) {
	switch m.Header.Get("Status") {
	case "":
	case "404":
		return raw{}, nil
	default:
		return raw{}, fmt.Errorf("%w: %s %s", ErrUnavailable, m.Header.Get("Status"), m.Header.Get("Description"))
	}
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return raw{}, fmt.Errorf("direct get: sequence: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return raw{}, fmt.Errorf("direct get: time: %w", err)
	}
	return raw{Seq: seq, Time: at.UTC(), Subject: m.Header.Get("Nats-Subject"), Header: m.Header, Data: m.Data}, nil
}

// send stores m, trying until it is acknowledged or ctx ends: for messages of
// which one too many does no harm, or that carry an id to be told by.
func (b *Bus) send(ctx context.Context, stream string, m *nats.Msg, opts ...jetstream.PublishOpt) error {
	opts = append(opts, jetstream.WithExpectStream(stream), jetstream.WithRetryAttempts(0))
	for try := 0; ; try++ {
		one, cancel := context.WithTimeout(ctx, publishTimeout)
		_, err := b.js.PublishMsg(one, m, opts...)
		cancel()
		if err == nil {
			b.stats.published(stream, "stored")
			return nil
		}
		if ctx.Err() != nil || codeOf(err) != 0 {
			return fmt.Errorf("%w: publish on %s: %w", ErrUnavailable, stream, err)
		}
		sleep(ctx, pause(try))
	}
}
