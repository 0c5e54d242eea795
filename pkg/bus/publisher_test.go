package bus

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
)

// lossy plays what the broker or the network may answer to a publish.
type lossy struct {
	jetstream.JetStream
	before []error // instead of publishing, one by one
	after  []error // after publishing: the message is stored, the answer lost
	calls  int
}

func (l *lossy) PublishMsg(ctx context.Context, m *nats.Msg, o ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	l.calls++
	if len(l.before) > 0 {
		err := l.before[0]
		l.before = l.before[1:]
		return nil, err
	}
	ack, err := l.JetStream.PublishMsg(ctx, m, o...)
	if err == nil && len(l.after) > 0 {
		err, l.after = l.after[0], l.after[1:]
		return nil, err
	}
	return ack, err
}

func apiError(code jetstream.ErrorCode) error {
	return &jetstream.APIError{Code: 503, ErrorCode: code, Description: "played"}
}

// newLossy returns a bus on a server of its own whose publishes are played with.
func newLossy(t *testing.T, play lossy) (*Bus, *lossy) {
	t.Helper()
	b := newBus(t)
	play.JetStream = b.js
	b.js = &play
	return b, &play
}

// newBus returns a bus on a server of its own.
func newBus(t *testing.T) *Bus {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS server is not ready")
	}
	b, err := Dial(t.Context(), Config{URL: s.ClientURL(), Durability: Laptop}, "test", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if _, err := b.Provision(t.Context(), Topology{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func someEvent() payment.Event {
	return payment.Event{
		Payment: "order-1", Merchant: "demo", Provider: payment.Computop, Command: payment.DeriveCommandID("demo", "1"),
		At: time.Now().UTC(), Source: payment.FromWorker,
		Data: payment.AttemptStarted{
			Kind: payment.Authorize, Amount: payment.Money{Minor: 1, Currency: "EUR"}, Attempt: 1, Key: "order-1", Idem: "i",
			Terms: &payment.Terms{},
		},
	}
}

// TestAppend_EveryAnswer plays every answer that a publish may get.
func TestAppend_EveryAnswer(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		play  lossy
		want  error
		calls int
	}{
		"stored":                                      {calls: 1},
		"stored, the answer lost":                     {play: lossy{after: []error{context.DeadlineExceeded}}, calls: 1},
		"stored, the connection lost":                 {play: lossy{after: []error{nats.ErrConnectionClosed}}, calls: 1},
		"stored, and answered as wrong last":          {play: lossy{after: []error{apiError(codeWrongLast)}}, calls: 1},
		"not stored, no answer":                       {play: lossy{before: []error{context.DeadlineExceeded}}, calls: 2},
		"not stored, no leader":                       {play: lossy{before: []error{nats.ErrNoResponders, jetstream.ErrNoStreamResponse}}, calls: 3},
		"a conflicting proposal that came to nothing": {play: lossy{before: []error{apiError(codeWrongLastBusy)}}, calls: 2},
		"the stream is full":                          {play: lossy{before: []error{apiError(codeStreamFull)}}, want: ErrUnavailable, calls: 1},
		"the broker has no resources":                 {play: lossy{before: []error{apiError(codeNoResources)}}, want: ErrUnavailable, calls: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, played := newLossy(t, tc.play)
			head, err := b.Append(t.Context(), payment.Head{}, someEvent())
			if !errors.Is(err, tc.want) || (tc.want == nil && (err != nil || head.Seq != 1)) {
				t.Fatalf("sequence %d, error %v; want %v", head.Seq, err, tc.want)
			}
			if played.calls != tc.calls {
				t.Errorf("%d publishes, want %d", played.calls, tc.calls)
			}
			state, err := b.StreamState(t.Context(), eventStream(0))
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]uint64{true: 1}[tc.want == nil]; state.Messages != want {
				t.Errorf("%d messages are stored, want %d", state.Messages, want)
			}
		})
	}
}

// TestAppend_ConflictBehindALostAnswer: the answer to our try is lost, and
// somebody else's event is there: it is not ours.
func TestAppend_ConflictBehindALostAnswer(t *testing.T) {
	t.Parallel()
	b, played := newLossy(t, lossy{})
	if _, err := b.Append(t.Context(), payment.Head{}, someEvent()); err != nil {
		t.Fatal(err)
	}
	played.before = []error{context.DeadlineExceeded}
	if _, err := b.Append(t.Context(), payment.Head{}, someEvent()); !errors.Is(err, ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
}

func TestAppend_GivesUpWithTheContext(t *testing.T) {
	t.Parallel()
	b, played := newLossy(t, lossy{})
	for range 1000 {
		played.before = append(played.before, nats.ErrNoResponders)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := b.Append(ctx, payment.Head{}, someEvent()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}

// behind is a broker that refuses the first publish while an event is on its way to
// the replica that is looked at: it gets there before the second.
type behind struct {
	jetstream.JetStream
	arrives *nats.Msg
	calls   int
}

func (b *behind) PublishMsg(ctx context.Context, m *nats.Msg, o ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	b.calls++
	if b.calls == 1 {
		return nil, apiError(codeWrongLastBusy)
	}
	if b.calls == 2 {
		if _, err := b.JetStream.PublishMsg(ctx, b.arrives); err != nil {
			return nil, err
		}
	}
	return b.JetStream.PublishMsg(ctx, m, o...)
}

// TestAppend_ReplicaThatLags: what is read after a refusal is older than what the
// decision was made from, which is no sign that somebody else came first.
func TestAppend_ReplicaThatLags(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	first, err := b.Append(t.Context(), payment.Head{}, someEvent())
	if err != nil {
		t.Fatal(err)
	}
	e := someEvent()
	played := &behind{JetStream: b.js, arrives: &nats.Msg{Subject: b.eventSubject(e.Provider, e.Merchant, e.Payment), Data: []byte("{}")}}
	b.js = played
	second := payment.Head{Payment: payment.Fold(first.Payment, first.Payment.Next(e)), Seq: first.Seq + 1}
	head, err := b.Append(t.Context(), second, e)
	if err != nil || head.Seq != second.Seq+1 || played.calls != 2 {
		t.Errorf("sequence %d after %d publishes, error %v; want %d after 2", head.Seq, played.calls, err, second.Seq+1)
	}
}

// TestPutKey_InThePlaceOfOneThatIsGone: keys can be deleted, so where less is found
// than was expected, somebody was there.
func TestPutKey_InThePlaceOfOneThatIsGone(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	e := keyEntry{dayBucket, "2026-01-02"}
	seq, _, err := b.putKey(t.Context(), e, 0, nats.Header{}, []byte("a key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.destroy(t.Context(), dayBucket, seq); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, _, err := b.putKey(ctx, e, seq, nats.Header{}, []byte("the same, wrapped anew")); !errors.Is(err, ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
}
