package bus

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/payment"
)

// The streams that are not sharded.
const (
	CallbackStream = "CALLBACKS"
	TimerStream    = "TIMERS"
	DeadStream     = "DEAD_LETTERS"
	AuditStream    = "AUDIT"
	AdvisoryStream = "ADVISORIES"
)

const (
	metaShards = "payloom_shards"
	day        = 24 * time.Hour

	// AckWait is how long a worker may be silent about a message.
	AckWait = 60 * time.Second
	// HandlerDeadline is how long a handler may work on a message.
	HandlerDeadline = 45 * time.Second
	// maxMessage is the largest message in bytes; a payment's snapshot with all
	// its operations stays below. What comes from outside is half of it at most,
	// so that a dead letter can hold it.
	maxMessage = 256 << 10
	maxOutside = maxMessage / 2
)

func commandStream(shard int) string { return "COMMANDS_" + strconv.Itoa(shard) }
func eventStream(shard int) string   { return "EVENTS_" + strconv.Itoa(shard) }

// CommandStreams returns the names of the command streams, by shard.
func (b *Bus) CommandStreams() []string { return names(commandStream, b.shards) }

// EventStreams returns the names of the event streams, by shard.
func (b *Bus) EventStreams() []string { return names(eventStream, b.shards) }

func names(name func(int) string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = name(i)
	}
	return out
}

// Topology is how streams are laid out.
type Topology struct {
	Shards   int   // of commands and of events; fixed once made
	Replicas int   // 3 in production, 1 on a laptop
	MaxBytes int64 // per stream; 0: 1 GiB
	Workers  int   // how many commands of a provider may be in hand at once; 0: 1024
}

func (t Topology) withDefaults() Topology {
	if t.Shards == 0 {
		t.Shards = 1
	}
	if t.Replicas == 0 {
		t.Replicas = 1
	}
	if t.MaxBytes == 0 {
		t.MaxBytes = 1 << 30
	}
	if t.Workers == 0 {
		t.Workers = 1024
	}
	return t
}

// streams returns the configuration of every stream. Ledgers forbid delete and
// purge, so that their sequences have no gaps, and refuse when full rather than
// forget. TIMERS cannot: message schedules exclude that.
func (t Topology) streams() []jetstream.StreamConfig {
	var out []jetstream.StreamConfig
	for k := range t.Shards {
		commands := t.ledger(commandStream(k), fmt.Sprintf("pay.cmd.%d.>", k), 40*day)
		commands.MaxMsgSize = maxOutside
		out = append(out, commands, t.ledger(eventStream(k), fmt.Sprintf("pay.evt.%d.>", k), 400*day))
	}
	timers := t.ledger(TimerStream, "pay.timer.>", 40*day)
	timers.DenyPurge, timers.Discard = false, jetstream.DiscardOld
	timers.AllowMsgSchedules, timers.AllowRollup = true, true
	dead := t.ledger(DeadStream, "pay.dead.*", 400*day)
	dead.Duplicates = day // a message that is buried and then redelivered is buried once
	callbacks := t.ledger(CallbackStream, "pay.hook.>", 35*day)
	callbacks.MaxMsgSize = maxOutside
	out = append(out, callbacks, timers, dead, t.ledger(AuditStream, "pay.audit.*", 400*day), t.advisories())
	return append(append(out, t.shared()), t.keyStreams()...)
}

// advisories returns the stream that keeps what the broker tells of messages that a
// consumer has given up. The broker tells it once and to whoever listens: this is for
// alarms, and no ledger.
func (t Topology) advisories() jetstream.StreamConfig {
	s := t.ledger(AdvisoryStream, "", 30*day)
	s.Subjects = []string{advisorySubject(maxDeliveries), advisorySubject(terminated)}
	s.Discard = jetstream.DiscardOld
	return s
}

// keyStreams returns the buckets of data keys. What is deleted there is meant to be
// gone, so single ones can be deleted, and nothing of the past is kept, but for the
// moment in which a mark stands over the key that is to be destroyed: what is not there
// any more cannot be overwritten. No message can clear a bucket: whoever may write one
// key could take all of them away.
func (t Topology) keyStreams() []jetstream.StreamConfig {
	bucket := func(name string, share int64) jetstream.StreamConfig {
		cfg := t.ledger(streamOf(name), "$KV."+name+".>", 0)
		cfg.MaxBytes = t.MaxBytes / share
		cfg.DenyDelete = false
		cfg.MaxMsgsPerSubject = 2
		return cfg
	}
	out := []jetstream.StreamConfig{bucket(dayBucket, 64)}
	for k := range t.Shards {
		out = append(out, bucket(subjectBucket(k), 4)) // a payment's events are far larger than its key
	}
	return out
}

func (t Topology) ledger(name, subj string, age time.Duration) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        name,
		Subjects:    []string{subj},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    t.Replicas,
		MaxAge:      age,
		MaxBytes:    t.MaxBytes,
		MaxMsgSize:  maxMessage,
		Discard:     jetstream.DiscardNew,
		DenyDelete:  true,
		DenyPurge:   true,
		Duplicates:  2 * time.Minute,
		AllowDirect: true,
		Metadata:    map[string]string{metaShards: strconv.Itoa(t.Shards)},
	}
}

// durable is a consumer of a stream.
type durable struct {
	stream string
	config jetstream.ConsumerConfig
}

// interpreter is the consumer of callbacks.
const interpreter = "interpreter"

func workerName(p payment.Provider) string { return "worker-" + string(p) }

// consumers returns every durable consumer. None has MaxDeliver: a message that
// was given up by the broker would be stranded silently. None has BackOff: it
// adds up with delayed naks.
func (t Topology) consumers() []durable {
	var out []durable
	for _, p := range payment.Providers() {
		for k := range t.Shards {
			out = append(out, durable{commandStream(k), t.consumer(workerName(p), fmt.Sprintf("pay.cmd.%d.%s.>", k, p))})
		}
		out = append(out, durable{TimerStream, t.consumer(workerName(p), fmt.Sprintf("pay.timer.due.%s.>", p))})
	}
	hooks := t.consumer(interpreter, "pay.hook.>")
	// A callback may wait a day for its payment; however many do, the others come through.
	hooks.MaxAckPending = -1
	return append(out, durable{CallbackStream, hooks})
}

func (t Topology) consumer(name, filter string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       name,
		FilterSubject: filter,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       AckWait,
		MaxDeliver:    -1,
		MaxAckPending: t.Workers,
		Replicas:      t.Replicas,
		DeliverPolicy: jetstream.DeliverAllPolicy,
	}
}

func shardsOf(cfg jetstream.StreamConfig) (int, error) {
	n, err := strconv.Atoi(cfg.Metadata[metaShards])
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: stream %s does not say how many shards there are", ErrNotProvisioned, cfg.Name)
	}
	return n, nil
}
