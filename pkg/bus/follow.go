package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Message is a stored message as a reader sees it.
type Message struct {
	Stream  string
	Seq     uint64
	Time    time.Time // broker time
	Subject string
	Header  http.Header
	Data    []byte
}

// FollowOptions are how a stream is read.
type FollowOptions struct {
	From    uint64        // first sequence wanted; 0 or 1: the first there is
	Batch   int           // most messages handed over at once; 0: 500
	Wait    time.Duration // longest wait for a batch to fill; 0: 10 ms
	ToEnd   bool          // stop after the message that is the last one at the start
	Subject string        // only this subject; empty: all, so that gaps can be seen
	Last    bool          // the last message of every subject; a reconnect may bring others

	subjects []string // as Subject, several
}

// Follow hands the messages of a stream to handle in order, in batches, without
// leaving anything in the broker, until ctx ends or handle fails. The broker
// itself does not say when a message is missing: handle must compare sequences.
// While one batch is handled the next is read.
func (b *Bus) Follow(ctx context.Context, stream string, o FollowOptions, handle func(context.Context, []Message) error) error {
	o = o.withDefaults()
	info, err := b.StreamState(ctx, stream)
	if err != nil {
		return err
	}
	last := info.LastSeq
	if o.ToEnd && o.Subject != "" {
		of, err := b.last(ctx, stream, o.Subject)
		if err != nil {
			return err
		}
		last = of.Seq
	}
	if o.ToEnd && (info.Messages == 0 || last < o.From) {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, err := b.read(ctx, stream, o)
	if err != nil {
		return err
	}
	f := follower{o: o, in: in, last: last, handle: handle}
	return f.run(ctx)
}

func (o FollowOptions) withDefaults() FollowOptions {
	if o.Batch <= 0 {
		o.Batch = 500
	}
	if o.Wait <= 0 {
		o.Wait = 10 * time.Millisecond
	}
	if o.From == 0 {
		o.From = 1
	}
	return o
}

// read starts an ordered consumer that fills the returned channel.
func (b *Bus) read(ctx context.Context, stream string, o FollowOptions) (<-chan Message, error) {
	cfg := jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: o.From,
		InactiveThreshold: time.Minute,
	}
	if o.Subject != "" {
		o.subjects = []string{o.Subject}
	}
	if o.Last {
		cfg.DeliverPolicy, cfg.OptStartSeq, o.subjects = jetstream.DeliverLastPerSubjectPolicy, 0, []string{">"}
	}
	cfg.FilterSubjects = o.subjects
	cons, err := b.js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", stream, err)
	}
	in := make(chan Message, 2*o.Batch)
	cc, err := cons.Consume(func(m jetstream.Msg) {
		d, err := delivery(m)
		if err != nil {
			return
		}
		select {
		case in <- Message{Stream: d.Stream, Seq: d.Seq, Time: d.Stored, Subject: d.Subject, Header: d.Header, Data: d.Data}:
		case <-ctx.Done():
		}
	}, jetstream.PullMaxMessages(2*o.Batch))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", stream, err)
	}
	context.AfterFunc(ctx, cc.Stop)
	return in, nil
}

type follower struct {
	o      FollowOptions
	in     <-chan Message
	last   uint64
	handle func(context.Context, []Message) error
}

func (f follower) run(ctx context.Context) error {
	batch := make([]Message, 0, f.o.Batch)
	for {
		batch = f.fill(ctx, batch[:0])
		if len(batch) == 0 {
			return nil // ctx ended
		}
		if err := f.handle(ctx, batch); err != nil {
			return err
		}
		if f.o.ToEnd && batch[len(batch)-1].Seq >= f.last {
			return nil
		}
	}
}

// fill waits for a first message, then takes what comes until the batch is full
// or the wait is over.
func (f follower) fill(ctx context.Context, batch []Message) []Message {
	select {
	case m := <-f.in:
		batch = append(batch, m)
	case <-ctx.Done():
		return batch
	}
	if f.o.ToEnd && batch[0].Seq >= f.last {
		return batch
	}
	full := time.NewTimer(f.o.Wait)
	defer full.Stop()
	for len(batch) < f.o.Batch {
		select {
		case m := <-f.in:
			batch = append(batch, m)
		case <-full.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// State is how far a stream goes.
type State struct {
	Messages uint64
	FirstSeq uint64
	LastSeq  uint64
	Now      time.Time // the broker's
	Expires  time.Time // when the stream may begin to forget
}

// StreamState returns how far a stream goes.
func (b *Bus) StreamState(ctx context.Context, stream string) (State, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return State{}, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, stream, err)
	}
	i := s.CachedInfo()
	return State{Messages: i.State.Msgs, FirstSeq: i.State.FirstSeq, LastSeq: i.State.LastSeq, Now: i.TimeStamp.UTC(), Expires: i.Created.Add(i.Config.MaxAge).UTC()}, nil
}

// MessageAt returns the message at seq. The error wraps ErrNotFound when the broker
// says that there is none, and ErrUnavailable when it says nothing.
func (b *Bus) MessageAt(ctx context.Context, stream string, seq uint64) (Message, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return Message{}, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, stream, err)
	}
	m, err := s.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Message{}, fmt.Errorf("%w: %s/%d: %w", ErrNotFound, stream, seq, err)
	}
	if err != nil {
		return Message{}, fmt.Errorf("%w: %s/%d: %w", ErrUnavailable, stream, seq, err)
	}
	return Message{Stream: stream, Seq: m.Sequence, Time: m.Time.UTC(), Subject: m.Subject, Header: http.Header(m.Header), Data: m.Data}, nil
}
