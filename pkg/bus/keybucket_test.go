package bus_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
)

// theft is a message by which a thief tries to take keys away.
type theft struct {
	what string
	msg  *nats.Msg
	// forbidden tells that nobody may as much as send it; otherwise it is the bucket
	// that refuses, whoever may write there.
	forbidden bool
}

// thefts lists the ways to clear a bucket that is laid out so, and of which that
// message is one entry.
func thefts(entry bus.Message, laid jetstream.StreamConfig) []theft {
	send := func(subject string, body any, h nats.Header) *nats.Msg {
		data, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		return &nats.Msg{Subject: subject, Header: h, Data: data}
	}
	purgeable, rollable := laid, laid
	purgeable.DenyPurge, rollable.AllowRollup = false, true
	return []theft{
		{"roll-up of the bucket", send(entry.Subject+"x", "", nats.Header{"Nats-Rollup": {"all"}}), false},
		{"roll-up of a key", send(entry.Subject, "", nats.Header{"Nats-Rollup": {"sub"}}), false},
		{"purge as clients of buckets do it", send(entry.Subject, "", nats.Header{"Nats-Rollup": {"sub"}, "KV-Operation": {"PURGE"}}), false},
		{"a key that expires", send(entry.Subject, "", nats.Header{"Nats-TTL": {"1s"}}), false},
		{"a schedule that rolls up", send(entry.Subject, "", nats.Header{"Nats-Schedule": {"@at 2026-01-01T00:00:00Z"}, "Nats-Schedule-Target": {entry.Subject}, "Nats-Schedule-Rollup": {"sub"}}), false},
		{"purge of the stream", send("$JS.API.STREAM.PURGE."+entry.Stream, struct{}{}, nil), true},
		{"purge of a subject", send("$JS.API.STREAM.PURGE."+entry.Stream, map[string]string{"filter": entry.Subject}, nil), true},
		{"deletion of the stream", send("$JS.API.STREAM.DELETE."+entry.Stream, nil, nil), true},
		{"leave to purge", send("$JS.API.STREAM.UPDATE."+entry.Stream, purgeable, nil), false},
		{"leave to roll up", send("$JS.API.STREAM.UPDATE."+entry.Stream, rollable, nil), false},
	}
}

// TestKeyBuckets_NobodyClearsThem steals every credential in turn and tries to take
// away the keys of payments and days in every way that there is, but for the erasure of
// one.
func TestKeyBuckets_NobodyClearsThem(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	ingress, receiver, payctl := s.as(bus.Ingress), s.as(bus.Receiver), s.as(bus.Operator)
	for i := range 8 { // some in each shard
		c := payoutOf(strconv.Itoa(i))
		c.Payment = payment.ID("payout-" + strconv.Itoa(i))
		mustAccept(t, ingress, c)
	}
	if _, err := receiver.StoreCallback(t.Context(), storedCallback()); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"KV_payloom_subject_keys_0", "KV_payloom_subject_keys_1", "KV_payloom_day_keys"} {
		before := messages(t, payctl, stream)
		if len(before) == 0 {
			t.Fatalf("%s is empty", stream)
		}
		laid := layout(t, thief(t, s.s, bus.Provisioner), stream)
		for _, client := range everybody() {
			nc := thief(t, s.s, client)
			for _, theft := range thefts(before[0], laid) {
				if !foiled(t, nc, theft) {
					t.Errorf("%s: %s of %s: not refused", client, theft.what, stream)
				}
			}
		}
		if d := cmp.Diff(before, messages(t, payctl, stream)); d != "" {
			t.Errorf("%s was changed:\n%s", stream, d)
		}
	}
}

// layout returns how a stream is laid out.
func layout(t *testing.T, nc *nats.Conn, stream string) jetstream.StreamConfig {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config
}

// thief connects with a client's credential and listens where that client does.
func thief(t *testing.T, s *bustest.Secured, client string) *nats.Conn {
	t.Helper()
	cfg := s.As(client)
	key, err := nats.NkeyOptionFromSeed(cfg.NKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(cfg.URL, key, nats.RootCAs(cfg.CAFile), nats.ClientCert(cfg.CertFile, cfg.KeyFile),
		nats.CustomInboxPrefix("_INBOX_"+client), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatalf("%s: %v", client, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// foiled tells whether a theft was refused: its message, or what it asks for.
func foiled(t *testing.T, nc *nats.Conn, th theft) bool {
	t.Helper()
	answers, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Unsubscribe() //nolint:errcheck // the connection is closed after it
	th.msg.Reply = answers.Subject
	if err := nc.PublishMsg(th.msg); err != nil {
		t.Fatal(err)
	}
	if refused(t, nc, th.msg.Subject) {
		return true
	}
	if th.forbidden {
		return false
	}
	m, err := answers.NextMsg(20 * time.Second)
	if err != nil {
		t.Fatalf("%s: %v", th.what, err)
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	return json.Unmarshal(m.Data, &answer) == nil && answer.Error != nil
}

// A bucket of keys that was laid out with one entry to a key gets room for the mark.
func TestProvision_GivesBucketsRoomForMarks(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	js := mustJetStream(t, cfg)
	s, err := js.Stream(t.Context(), keyStream)
	if err != nil {
		t.Fatal(err)
	}
	was := s.CachedInfo().Config
	was.MaxMsgsPerSubject = 1
	if _, err := js.UpdateStream(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	b := bustest.Connect(t, cfg, "provisioner")
	if lines, err := b.Provision(t.Context(), bus.Topology{}); err != nil || !slices.Equal(lines, []string{"updated stream " + keyStream}) {
		t.Errorf("%q, %v", lines, err)
	}
	was.MaxMsgsPerSubject = 3
	if _, err := js.UpdateStream(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	if lines, err := b.Provision(t.Context(), bus.Topology{}); !errors.Is(err, bus.ErrWouldLose) {
		t.Errorf("%q, %v, want ErrWouldLose", lines, err)
	}
}

// mustJetStream connects past the bus.
func mustJetStream(t *testing.T, cfg bus.Config) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}
