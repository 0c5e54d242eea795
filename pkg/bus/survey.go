package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Survey is what a broker looks like, beside what it should look like.
type Survey struct {
	Version string        // of the server that answered
	TooOld  error         // why that version will not do, if it will not
	Offset  time.Duration // how far our clock is ahead of the broker's
	Within  time.Duration // the offset may be wrong by so much
	// Topology is what the broker's first stream was made with.
	Topology  Topology
	Streams   []StreamReport
	Consumers []ConsumerReport
}

// StreamReport is what a stream looks like.
type StreamReport struct {
	Name     string
	Missing  bool
	Differs  []string // the settings that are not as provisioning would make them
	Bytes    uint64
	MaxBytes int64
	State    State
	Gaps     int // messages that are missing inside a stream that forbids to delete
	Leader   string
	Behind   []string // replicas that are offline or not up to date
}

// ConsumerReport is what a consumer looks like.
type ConsumerReport struct {
	Stream         string
	Name           string
	Missing        bool
	Differs        []string
	Pending        uint64        // not handed out yet
	Unacknowledged int           // handed out
	Redelivered    int           // of these, not for the first time
	Deliveries     uint64        // ever made, repeated ones included
	Oldest         time.Duration // age of the oldest that is not done with; 0: none
}

// Survey looks at every stream and consumer that provisioning makes. A stream that is
// missing is part of the report; it returns an error when the broker does not answer,
// or was never provisioned.
func (b *Bus) Survey(ctx context.Context) (Survey, error) {
	before := time.Now()
	first, err := b.js.Stream(ctx, commandStream(0))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return Survey{}, fmt.Errorf("%w: stream %s is missing", ErrNotProvisioned, commandStream(0))
	}
	if err != nil {
		return Survey{}, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, commandStream(0), err)
	}
	took := time.Since(before)
	info := first.CachedInfo()
	t, err := topologyOf(info.Config)
	if err != nil {
		return Survey{}, err
	}
	s := Survey{
		Version: b.nc.ConnectedServerVersion(), TooOld: newEnough(b.nc.ConnectedServerVersion()), Topology: t,
		Offset: before.Add(took / 2).Sub(info.TimeStamp), Within: took / 2,
	}
	for _, want := range t.streams() {
		r, err := b.surveyStream(ctx, want)
		if err != nil {
			return s, err
		}
		s.Streams = append(s.Streams, r)
	}
	for _, want := range t.consumers() {
		r, err := b.surveyConsumer(ctx, want)
		if err != nil {
			return s, err
		}
		s.Consumers = append(s.Consumers, r)
	}
	return s, nil
}

// topologyOf returns what a stream was made with. How many may be in hand at once
// stands on consumers, and may differ.
func topologyOf(cfg jetstream.StreamConfig) (Topology, error) {
	n, err := shardsOf(cfg)
	return Topology{Shards: n, Replicas: cfg.Replicas, MaxBytes: cfg.MaxBytes}.withDefaults(), err
}

func (b *Bus) surveyStream(ctx context.Context, want jetstream.StreamConfig) (StreamReport, error) {
	r := StreamReport{Name: want.Name, MaxBytes: want.MaxBytes}
	s, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		r.Missing = true
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, want.Name, err)
	}
	i := s.CachedInfo()
	r.Differs, r.Bytes, r.MaxBytes = differences(i.Config, want), i.State.Bytes, i.Config.MaxBytes
	if want.DenyDelete && want.DenyPurge {
		r.Gaps = i.State.NumDeleted
	}
	r.State = State{Messages: i.State.Msgs, FirstSeq: i.State.FirstSeq, LastSeq: i.State.LastSeq, Now: i.TimeStamp.UTC()}
	if c := i.Cluster; c != nil {
		r.Leader = c.Leader
		for _, p := range c.Replicas {
			if p.Offline || !p.Current {
				r.Behind = append(r.Behind, p.Name)
			}
		}
	}
	return r, nil
}

func (b *Bus) surveyConsumer(ctx context.Context, want durable) (ConsumerReport, error) {
	r := ConsumerReport{Stream: want.stream, Name: want.config.Durable}
	c, err := b.js.Consumer(ctx, want.stream, want.config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		r.Missing = true
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("%w: consumer %s of %s: %w", ErrUnavailable, r.Name, r.Stream, err)
	}
	i := c.CachedInfo()
	r.Differs = consumerDifferences(i.Config, want.config)
	r.Pending, r.Unacknowledged, r.Redelivered, r.Deliveries = i.NumPending, i.NumAckPending, i.NumRedelivered, i.Delivered.Consumer
	if r.Pending == 0 && r.Unacknowledged == 0 {
		return r, nil
	}
	s, err := b.js.Stream(ctx, want.stream)
	if err != nil {
		return r, fmt.Errorf("%w: stream %s: %w", ErrUnavailable, want.stream, err)
	}
	oldest, err := s.GetMsg(ctx, i.AckFloor.Stream+1, jetstream.WithGetMsgSubject(want.config.FilterSubject))
	if err == nil {
		r.Oldest = max(i.TimeStamp.Sub(oldest.Time), time.Nanosecond)
	}
	return r, nil // one that is gone meanwhile is done with
}

func consumerDifferences(have, want jetstream.ConsumerConfig) []string {
	return unequal([]setting{
		{"filter", have.FilterSubject == want.FilterSubject},
		{"ack policy", have.AckPolicy == want.AckPolicy},
		{"ack wait", have.AckWait == want.AckWait},
		{"max deliver", have.MaxDeliver == want.MaxDeliver},
		{"backoff", len(have.BackOff) == 0},
	})
}
