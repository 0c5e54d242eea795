package bus

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrWouldLose means that provisioning was refused because it would lose data or
// change what cannot be changed.
var ErrWouldLose = errors.New("bus: refused, it would lose data")

// Provision makes or updates all streams and consumers and returns one line for
// each that it changed: none on a second run. It refuses with ErrWouldLose to
// change the number of shards, to keep less, or to take a promise back.
func (b *Bus) Provision(ctx context.Context, t Topology) ([]string, error) {
	t = t.withDefaults()
	var done []string
	for _, cfg := range t.streams() {
		line, err := b.provisionStream(ctx, cfg)
		if err != nil {
			return done, fmt.Errorf("stream %s: %w", cfg.Name, err)
		}
		done = appendLine(done, line)
	}
	for _, c := range t.consumers() {
		line, err := b.provisionConsumer(ctx, c)
		if err != nil {
			return done, fmt.Errorf("consumer %s of %s: %w", c.config.Durable, c.stream, err)
		}
		done = appendLine(done, line)
	}
	b.shards = t.Shards
	return done, nil
}

func appendLine(lines []string, line string) []string {
	if line == "" {
		return lines
	}
	return append(lines, line)
}

func (b *Bus) provisionStream(ctx context.Context, want jetstream.StreamConfig) (string, error) {
	s, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = b.js.CreateStream(ctx, want)
		return "created stream " + want.Name, err
	}
	if err != nil {
		return "", err
	}
	have := s.CachedInfo().Config
	if len(differences(have, want)) == 0 {
		return "", nil
	}
	if err := loses(have, want); err != nil {
		return "", err
	}
	_, err = b.js.UpdateStream(ctx, want)
	return "updated stream " + want.Name, err
}

// setting is one that is compared.
type setting struct {
	name string
	same bool
}

func unequal(all []setting) []string {
	var out []string
	for _, s := range all {
		if !s.same {
			out = append(out, s.name)
		}
	}
	return out
}

// differences compares what provisioning sets, and ignores what the server adds.
func differences(have, want jetstream.StreamConfig) []string {
	return unequal([]setting{
		{"subjects", reflect.DeepEqual(have.Subjects, want.Subjects)},
		{"replicas", have.Replicas == want.Replicas},
		{"max age", have.MaxAge == want.MaxAge},
		{"max bytes", have.MaxBytes == want.MaxBytes},
		{"messages per subject", max(have.MaxMsgsPerSubject, 0) == max(want.MaxMsgsPerSubject, 0)},
		{"max message size", have.MaxMsgSize == want.MaxMsgSize},
		{"discard", have.Discard == want.Discard},
		{"deny delete", have.DenyDelete == want.DenyDelete},
		{"deny purge", have.DenyPurge == want.DenyPurge},
		{"duplicate window", have.Duplicates == want.Duplicates},
		{"direct get", have.AllowDirect == want.AllowDirect},
		{"schedules", have.AllowMsgSchedules == want.AllowMsgSchedules},
		{"persist mode", have.PersistMode == want.PersistMode},
		{"shards", have.Metadata[metaShards] == want.Metadata[metaShards]},
	})
}

func loses(have, want jetstream.StreamConfig) error {
	switch {
	case have.Metadata[metaShards] != want.Metadata[metaShards]:
		return fmt.Errorf("%w: it is laid out for %s shard(s), not %s", ErrWouldLose, have.Metadata[metaShards], want.Metadata[metaShards])
	case want.MaxAge < have.MaxAge:
		return fmt.Errorf("%w: it keeps %s, not %s", ErrWouldLose, have.MaxAge, want.MaxAge)
	case want.MaxBytes < have.MaxBytes:
		return fmt.Errorf("%w: it holds %d bytes, not %d", ErrWouldLose, have.MaxBytes, want.MaxBytes)
	case want.MaxMsgsPerSubject > 0 && (have.MaxMsgsPerSubject <= 0 || want.MaxMsgsPerSubject < have.MaxMsgsPerSubject):
		return fmt.Errorf("%w: it keeps %d message(s) of a subject, not %d", ErrWouldLose, have.MaxMsgsPerSubject, want.MaxMsgsPerSubject)
	case want.Replicas < have.Replicas:
		return fmt.Errorf("%w: it has %d replicas, not %d", ErrWouldLose, have.Replicas, want.Replicas)
	case !reflect.DeepEqual(have.Subjects, want.Subjects):
		return fmt.Errorf("%w: it listens to %v", ErrWouldLose, have.Subjects)
	case have.PersistMode == jetstream.AsyncPersistMode:
		return fmt.Errorf("%w: it acknowledges before it writes (persist_mode async) and must be made anew", ErrWouldLose)
	}
	return nil
}

func (b *Bus) provisionConsumer(ctx context.Context, want durable) (string, error) {
	c, err := b.js.Consumer(ctx, want.stream, want.config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		_, err = b.js.CreateConsumer(ctx, want.stream, want.config)
		return "created consumer " + want.config.Durable + " of " + want.stream, err
	}
	if err != nil {
		return "", err
	}
	have := c.CachedInfo().Config
	if have.FilterSubject == want.config.FilterSubject && have.AckWait == want.config.AckWait &&
		have.MaxDeliver == want.config.MaxDeliver && have.MaxAckPending == want.config.MaxAckPending {
		return "", nil
	}
	if have.FilterSubject != want.config.FilterSubject {
		return "", fmt.Errorf("%w: it reads %s", ErrWouldLose, have.FilterSubject)
	}
	_, err = b.js.UpdateConsumer(ctx, want.stream, want.config)
	return "updated consumer " + want.config.Durable + " of " + want.stream, err
}
