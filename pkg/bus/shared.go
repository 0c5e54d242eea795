package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// SharedBucket is the key-value bucket of what the replicas of a service share
// about providers: see package protection. Nothing in it decides about money.
const SharedBucket = "payloom_protection"

const (
	sharedStream  = "KV_" + SharedBucket
	sharedSubject = "$KV." + SharedBucket + "."
	// sharedTimeout is how long one look or one change may take: calls wait for it.
	sharedTimeout = time.Second
)

// shared returns the stream of the bucket. It is laid out as every client of NATS
// has buckets, so that their tools can show it.
func (t Topology) shared() jetstream.StreamConfig {
	s := t.ledger(sharedStream, sharedSubject+">", 0)
	s.MaxMsgsPerSubject, s.MaxBytes, s.MaxMsgSize = 1, 64<<20, 64<<10
	return s
}

// Shared is the bucket of what replicas share. It may be used concurrently.
type Shared struct{ bus *Bus }

// Shared returns the bucket, or ErrNotProvisioned.
func (b *Bus) Shared(ctx context.Context) (*Shared, error) {
	_, err := b.js.Stream(ctx, sharedStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%w: bucket %s is missing", ErrNotProvisioned, SharedBucket)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: bucket %s: %w", ErrUnavailable, SharedBucket, err)
	}
	return &Shared{b}, nil
}

// Get returns the value at key and its revision, which is 0 when there is none.
// It may be stale: who changes a stale value is refused.
func (s *Shared) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	m, err := s.bus.last(ctx, sharedStream, sharedSubject+key)
	return m.Data, m.Seq, err
}

// CompareAndSet stores value at key, provided that its revision is still rev, and
// returns the new one. It returns ErrConflict when it is not, and ErrUnavailable
// when it could not find out.
func (s *Shared) CompareAndSet(ctx context.Context, key string, value []byte, rev uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	own := NewEventID()
	msg := &nats.Msg{Subject: sharedSubject + key, Header: nats.Header{"ce-id": []string{own}}, Data: value}
	next, _, err := s.bus.store(ctx, put{
		stream: sharedStream, filter: msg.Subject, expect: rev, msg: msg,
		mine: func(r raw) bool { return r.Header.Get("ce-id") == own },
	})
	return next, err
}

// Watch hands each the values that match one of the filters, and then each change,
// until ctx ends; caughtUp is called when all that was there has been handed over.
// When the broker was away it begins again with what is there by then.
func (s *Shared) Watch(ctx context.Context, filters []string, each func(key string, value []byte, rev uint64), caughtUp func()) {
	for try := 0; ctx.Err() == nil; try++ {
		began := time.Now()
		if err := s.watch(ctx, filters, each, caughtUp); err != nil && ctx.Err() == nil {
			s.bus.log.Warn("watch of "+SharedBucket+" begins again", zap.Error(err))
		}
		if time.Since(began) > time.Minute {
			try = 0
		}
		sleep(ctx, pause(try))
	}
}

func (s *Shared) watch(ctx context.Context, filters []string, each func(string, []byte, uint64), caughtUp func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	back := s.bus.nc.StatusChanged(nats.CONNECTED)
	defer s.bus.nc.RemoveStatusListener(back)
	go func() {
		select {
		case <-back:
			cancel(errBack)
		case <-ctx.Done():
		}
	}()
	last, err := s.scan(ctx, filters, each)
	if err != nil {
		return err
	}
	caughtUp()
	o := FollowOptions{From: last + 1, subjects: subjectsOf(filters)}
	err = s.bus.Follow(ctx, sharedStream, o, func(_ context.Context, batch []Message) error {
		for _, m := range batch {
			each(strings.TrimPrefix(m.Subject, sharedSubject), m.Data, m.Seq)
		}
		return nil
	})
	return cmp.Or(err, context.Cause(ctx))
}

// errBack ends a watch whose broker was away.
var errBack = errors.New("bus: the broker is back")

// scan hands each what is there and returns the sequence up to which that is all.
func (s *Shared) scan(ctx context.Context, filters []string, each func(string, []byte, uint64)) (last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stream, err := s.bus.js.Stream(ctx, sharedStream)
	if err != nil {
		return 0, fmt.Errorf("%w: bucket %s: %w", ErrUnavailable, SharedBucket, err)
	}
	last = stream.CachedInfo().State.LastSeq
	for _, filter := range subjectsOf(filters) {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
		if err != nil {
			return 0, fmt.Errorf("%w: bucket %s: %w", ErrUnavailable, SharedBucket, err)
		}
		for subj := range info.State.Subjects {
			m, err := s.bus.last(ctx, sharedStream, subj)
			if err != nil {
				return 0, err
			}
			each(strings.TrimPrefix(subj, sharedSubject), m.Data, m.Seq)
		}
	}
	return last, nil
}

func subjectsOf(filters []string) []string {
	var all []string
	for _, f := range filters {
		all = append(all, sharedSubject+f)
	}
	return all
}

// All returns every value whose key matches one of the filters.
func (s *Shared) All(ctx context.Context, filters []string) (map[string][]byte, error) {
	all := map[string][]byte{}
	_, err := s.scan(ctx, filters, func(key string, value []byte, _ uint64) { all[key] = value })
	return all, err
}
