package bus_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
)

const keyStream = "KV_payloom_subject_keys_0"

// mustErase erases the payment of c and checks whether that was the first time.
func mustErase(t *testing.T, b *bus.Bus, c payment.Command, first bool) {
	t.Helper()
	if done, err := b.Erase(t.Context(), c.Merchant, c.Payment); err != nil || done != first {
		t.Fatalf("erasure: %v, %v, want %v", done, err, first)
	}
}

// checkOneKeyEver checks that the bucket holds a mark and nothing else, and that no
// more than a key and that mark were ever stored in it.
func checkOneKeyEver(t *testing.T, b *bus.Bus) {
	t.Helper()
	all := messages(t, b, keyStream)
	if len(all) != 1 || len(all[0].Header["KV-Operation"]) == 0 { //nolint:staticcheck // no HTTP header
		t.Errorf("%d entries in the bucket, want the mark alone", len(all))
	}
	if s, err := b.StreamState(t.Context(), keyStream); err != nil || s.LastSeq > 2 {
		t.Errorf("%d entries were made for a payment, want a key and its mark; %v", s.LastSeq, err)
	}
}

// checkUnreadable checks that a program that just started can read no personal data of c.
func checkUnreadable(t *testing.T, b *bus.Bus, c payment.Command) {
	t.Helper()
	for _, m := range messages(t, b, "COMMANDS_0") {
		got, err := b.OpenCommand(t.Context(), m.Data)
		if err != nil || !got.Closed || bytes.Contains(m.Data, []byte(canary)) {
			t.Errorf("command %s can be read: closed %v, %v", got.ReqID, got.Closed, err)
		}
	}
	for _, m := range messages(t, b, "EVENTS_0") {
		got, err := b.OpenRecord(t.Context(), m.Data)
		if err != nil || got.HasPersonal() || bytes.Contains(m.Data, []byte(canary)) {
			t.Errorf("event %d of %s can be read, %v", m.Seq, c.Payment, err)
		}
	}
}

// The shop's retry of the original order comes from a door that remembers nothing, and
// then the provider tells of the buyer once more.
func TestErase_ARetryMakesNoNewKey(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	c := payoutOf("1")
	h := told(t, bustest.Connect(t, cfg, "worker"), c)
	mustErase(t, bustest.Connect(t, cfg, "payctl"), c, true)

	door := bustest.Connect(t, cfg, "ingress")
	if stored, replayed, err := door.Accept(t.Context(), c); err != nil || !replayed || !stored.Closed {
		t.Errorf("the same again: replayed %v, closed %v, %v", replayed, stored.Closed, err)
	}
	refund := payment.Command{
		Merchant: c.Merchant, ReqID: "3", Payment: c.Payment, Provider: c.Provider, Kind: payment.Refund, Amount: c.Amount,
		Description: canary, ID: payment.DeriveCommandID(c.Merchant, "3"),
	}
	mustAccept(t, door, refund) // one that looks for the key before it makes one
	if _, err := door.Append(t.Context(), h, buyerTold(c, mustNow(t, door))); err != nil {
		t.Fatal(err)
	}
	reader := bustest.Connect(t, cfg, "reader")
	checkUnreadable(t, reader, c)
	checkOneKeyEver(t, reader)
}

// Two replicas have read the key when it is destroyed, and go on to write.
func TestErase_BetweenReadingTheKeyAndWriting(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	c := payoutOf("1")
	worker, door := bustest.Connect(t, cfg, "worker"), bustest.Connect(t, cfg, "ingress")
	h := told(t, worker, c)
	if _, _, err := door.Accept(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	mustErase(t, bustest.Connect(t, cfg, "payctl"), c, true)

	if _, err := worker.Append(t.Context(), h, buyerTold(c, mustNow(t, worker))); err != nil {
		t.Fatal(err)
	}
	for _, req := range []string{"1", "2"} {
		if _, replayed, err := door.Accept(t.Context(), payoutOf(req)); err != nil || replayed != (req == "1") {
			t.Errorf("order %s: replayed %v, %v", req, replayed, err)
		}
	}
	reader := bustest.Connect(t, cfg, "reader")
	checkUnreadable(t, reader, c)
	checkOneKeyEver(t, reader)
}

// Doors, workers and two operators are at one payment at once. Whoever comes when, one
// key is made, and none after it.
func TestErase_RacesWithWriters(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	c := payoutOf("1")
	mustAccept(t, bustest.Connect(t, cfg, "first"), c)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	began := make(chan struct{}, 100)
	for i := range 3 {
		door := bustest.Connect(t, cfg, "ingress-"+strconv.Itoa(i))
		for j := range 4 {
			writers.Go(func() { retry(ctx, t, door, strconv.Itoa(i)+"-"+strconv.Itoa(j), began) })
		}
	}
	for range cap(began) {
		mustReceive(t, "an order", began)
	}
	var operators sync.WaitGroup
	for i := range 2 {
		payctl := bustest.Connect(t, cfg, "payctl-"+strconv.Itoa(i))
		operators.Go(func() {
			if _, err := payctl.Erase(t.Context(), c.Merchant, c.Payment); err != nil {
				t.Error(err)
			}
		})
	}
	operators.Wait()
	for range cap(began) {
		mustReceive(t, "an order after the erasure", began)
	}
	stop()
	writers.Wait()
	reader := bustest.Connect(t, cfg, "reader")
	checkUnreadable(t, reader, c)
	checkOneKeyEver(t, reader)
}

// retry orders anew for one payment, each twice, until ctx ends.
func retry(ctx context.Context, t *testing.T, door *bus.Bus, name string, began chan<- struct{}) {
	for n := 0; ctx.Err() == nil; n++ {
		c := payoutOf(name + "-" + strconv.Itoa(n))
		for _, want := range []bool{false, true} {
			if _, replayed, err := door.Accept(t.Context(), c); err != nil || replayed != want {
				t.Errorf("order %s: replayed %v, want %v, %v", c.ReqID, replayed, want, err)
				return
			}
		}
		select {
		case began <- struct{}{}:
		case <-ctx.Done():
		}
	}
}

// An erasure breaks off half way: here by one who may write in the bucket and not
// delete. From then on the payment is erased, and the next one finishes the work.
func TestErase_OneThatBreaksOffIsFinished(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	c := command("1")
	mustAccept(t, s.as(bus.Ingress), c)
	stream := "KV_payloom_subject_keys_" + strconv.Itoa(payment.Shard(string(c.Payment), 2))
	if _, err := s.as(bus.Ingress).Erase(t.Context(), c.Merchant, c.Payment); err == nil {
		t.Fatal("a door may destroy keys")
	}
	payctl := s.as(bus.Operator)
	if n := len(messages(t, payctl, stream)); n != 2 {
		t.Fatalf("%d entries, want the key and its mark", n)
	}
	if _, replayed, err := s.as(bus.Ingress).Accept(t.Context(), c); err != nil || !replayed {
		t.Errorf("the same again: replayed %v, %v", replayed, err)
	}
	if got := must(s.as(bus.Tracker).Command(t.Context(), c.Merchant, c.ID)); !got.Closed {
		t.Error("under a mark the key still opens what it sealed")
	}
	mustErase(t, payctl, c, false)
	if _, err := payctl.MessageAt(t.Context(), stream, 1); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("the key is still there: %v", err)
	}
	if s, err := payctl.StreamState(t.Context(), stream); err != nil || s.LastSeq != 2 || s.Messages != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// What was there before anybody ordered is marked as well: no key is ever made.
func TestErase_BeforeThereIsAKey(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	c := payoutOf("1")
	mustErase(t, bustest.Connect(t, cfg, "payctl"), c, true)
	mustErase(t, bustest.Connect(t, cfg, "payctl"), c, false)
	told(t, bustest.Connect(t, cfg, "worker"), c)
	reader := bustest.Connect(t, cfg, "reader")
	checkUnreadable(t, reader, c)
	checkOneKeyEver(t, reader)
}

// A rotation wraps no key that was erased, leaves none that it replaced, and destroys
// what an erasure has left that broke off after its mark.
func TestRewrap_LeavesNeitherErasedNorReplacedKeys(t *testing.T) {
	t.Parallel()
	old := sealing(t, bus.Topology{})
	c, kept := payoutOf("1"), payoutOf("2")
	kept.Payment = "payout-2"
	b := bustest.Connect(t, old, "before")
	mustAccept(t, b, c)
	mustAccept(t, b, kept)
	mark(t, old, messages(t, b, keyStream)[0].Subject)

	both := bustest.WithDataKeys(t, old)
	rotation := bustest.Connect(t, both, "rotation")
	for i, want := range [][2]int{{1, 2}, {0, 1}} {
		if n, all, err := rotation.Rewrap(t.Context()); err != nil || n != want[0] || all != want[1] {
			t.Errorf("run %d: %d of %d, want %v, %v", i+1, n, all, want, err)
		}
	}
	if all := messages(t, rotation, keyStream); len(all) != 2 {
		t.Errorf("%d entries, want a mark and a key", len(all))
	}
	fresh := both
	fresh.DataKeys = both.DataKeys[:1]
	reader := bustest.Connect(t, fresh, "reader")
	for _, ask := range []struct {
		c      payment.Command
		closed bool
	}{{c, true}, {kept, false}} {
		if got := must(reader.Command(t.Context(), ask.c.Merchant, ask.c.ID)); got.Closed != ask.closed {
			t.Errorf("%s: closed %v after the rotation", ask.c.Payment, got.Closed)
		}
	}
}

// mark stores a mark and destroys nothing.
func mark(t *testing.T, cfg bus.Config, subject string) {
	t.Helper()
	m := &nats.Msg{Subject: subject, Header: nats.Header{"KV-Operation": {"PURGE"}}}
	if _, err := mustJetStream(t, cfg).PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}
