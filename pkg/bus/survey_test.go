package bus

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// survey looks at a broker, and finds one stream and one consumer in the report.
func survey(t *testing.T, b *Bus, stream, consumer string) (Survey, StreamReport, ConsumerReport) {
	t.Helper()
	s, err := b.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Streams, func(r StreamReport) bool { return r.Name == stream })
	j := slices.IndexFunc(s.Consumers, func(r ConsumerReport) bool { return r.Stream == stream && r.Name == consumer })
	if i < 0 || j < 0 {
		t.Fatalf("%s or %s of it is not in the survey", stream, consumer)
	}
	return s, s.Streams[i], s.Consumers[j]
}

const surveyed = "worker-computop"

func TestSurvey_AsProvisioned(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	s, _, _ := survey(t, b, "COMMANDS_0", surveyed)
	for _, r := range s.Streams {
		if r.Missing || len(r.Differs) > 0 || r.Gaps > 0 || len(r.Behind) > 0 {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range s.Consumers {
		if r.Missing || len(r.Differs) > 0 || r.Oldest > 0 {
			t.Errorf("%+v", r)
		}
	}
	if s.TooOld != nil {
		t.Error(s.TooOld)
	}
	if s.Version == "" || s.Offset.Abs() > time.Minute || s.Topology.Shards != 1 {
		t.Errorf("%+v", s)
	}
}

func TestSurvey_FindsWhatDiffers(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	ctx := t.Context()
	if err := b.js.DeleteStream(ctx, TimerStream); err != nil {
		t.Fatal(err)
	}
	if err := b.js.DeleteConsumer(ctx, "COMMANDS_0", "worker-axerve"); err != nil {
		t.Fatal(err)
	}
	c, err := b.js.Consumer(ctx, "COMMANDS_0", surveyed)
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.CachedInfo().Config
	cfg.MaxDeliver = 3
	if _, err := b.js.UpdateConsumer(ctx, "COMMANDS_0", cfg); err != nil {
		t.Fatal(err)
	}
	// A stream that somebody made by hand, and deleted from.
	if err := b.js.DeleteStream(ctx, DeadStream); err != nil {
		t.Fatal(err)
	}
	dead, err := b.js.CreateStream(ctx, jetstream.StreamConfig{Name: DeadStream, Subjects: []string{"pay.dead.*"}, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustPublish(t, b, "pay.dead.x", []byte("x"))
	}
	if err := dead.DeleteMsg(ctx, 2); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, b, "pay.cmd.0.computop.demo.x", []byte("poison"))
	mustPublish(t, b, "pay.cmd.0.axerve.demo.x", []byte("poison"))

	_, commands, worker := survey(t, b, "COMMANDS_0", surveyed)
	if commands.Missing || !slices.Equal(worker.Differs, []string{"max deliver"}) || worker.Pending != 1 || worker.Oldest <= 0 {
		t.Errorf("%+v, %+v", commands, worker)
	}
	s, _, gone := survey(t, b, "COMMANDS_0", "worker-axerve")
	if !gone.Missing {
		t.Errorf("%+v", gone)
	}
	for _, r := range s.Streams {
		switch r.Name {
		case TimerStream:
			if !r.Missing {
				t.Errorf("%+v", r)
			}
		case DeadStream:
			if r.Gaps != 1 || !strings.Contains(strings.Join(r.Differs, " "), "deny delete") {
				t.Errorf("%+v", r)
			}
		}
	}
	for _, r := range s.Consumers {
		if r.Stream == TimerStream && !r.Missing {
			t.Errorf("%+v", r)
		}
	}
}
