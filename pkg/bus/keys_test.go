package bus_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/wire"
)

// canary stands in every personal field of these tests.
const canary = "canary-5e1f"

func payoutOf(req string) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID(req), Payment: "payout-1", Provider: payment.ECommPay,
		Kind: payment.Payout, Amount: payment.Money{Minor: 100, Currency: "INR"}, Description: canary + "-description",
		Beneficiary: &payment.Beneficiary{
			CustomerID: canary + "-customer", IPAddress: "203.0.113.7", FirstName: canary + "-first", LastName: canary + "-last",
			Email: canary + "@example.com", Address: canary + "-street", AccountNumber: "9100000000",
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

func buyerTold(c payment.Command, now time.Time) payment.Event {
	return payment.Event{
		Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: now, Source: payment.FromCallback,
		Data: payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: canary + "-name", Email: canary + "@example.org"}, ToldAt: now},
	}
}

func callbackOf(id string, at time.Time) wire.StoredCallback {
	return wire.StoredCallback{
		ID: id, Provider: payment.ECommPay, Merchant: "demo", Kind: wire.FromServer, Method: http.MethodPost,
		Header: http.Header{"X-Buyer": {canary + "-header"}}, Body: []byte(canary + "-body"), Query: "q=" + canary,
		ReceivedAt: at, Verdict: wire.Accepted,
	}
}

// sealing starts a server with buckets and returns how to reach it with keys.
func sealing(t *testing.T, o bus.Topology) bus.Config {
	t.Helper()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, o)
	return bustest.WithDataKeys(t, cfg)
}

func messages(t *testing.T, b *bus.Bus, stream string) []bus.Message {
	t.Helper()
	var all []bus.Message
	err := b.Follow(t.Context(), stream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
		all = append(all, batch...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// bucket returns the entries of all keys of payments.
func bucket(t *testing.T, b *bus.Bus) []bus.Message {
	t.Helper()
	var all []bus.Message
	for k := range b.Shards() {
		all = append(all, messages(t, b, "KV_payloom_subject_keys_"+strconv.Itoa(k))...)
	}
	return all
}

func mustLoad(t *testing.T, b *bus.Bus, c payment.Command) payment.Head {
	t.Helper()
	h, err := b.Load(t.Context(), c.Merchant, c.Payment)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// told accepts c and appends its intent and what the provider told of the buyer.
func told(t *testing.T, b *bus.Bus, c payment.Command) payment.Head {
	t.Helper()
	mustAccept(t, b, c)
	now := mustNow(t, b)
	h, err := b.Append(t.Context(), payment.Head{}, intent(c, now))
	if err != nil {
		t.Fatal(err)
	}
	if h, err = b.Append(t.Context(), h, buyerTold(c, now)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSealed_NothingPersonalOnAnyStream(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{Shards: 2})
	b := bustest.Connect(t, cfg, "writer")
	c := payoutOf("1")
	h := told(t, b, c)
	if _, err := b.StoreCallback(t.Context(), callbackOf("cb1", mustNow(t, b))); err != nil {
		t.Fatal(err)
	}
	for _, s := range append(append(b.CommandStreams(), b.EventStreams()...), bus.CallbackStream) {
		for _, m := range messages(t, b, s) {
			if bytes.Contains(m.Data, []byte(canary)) || bytes.Contains(m.Data, []byte("9100000000")) {
				t.Errorf("%s/%d shows personal data", s, m.Seq)
			}
		}
	}
	reader := bustest.Connect(t, cfg, "reader")
	got := mustLoad(t, reader, c)
	if diff := cmp.Diff(h, got); diff != "" || got.Payment.Buyer.Name != canary+"-name" {
		t.Errorf("read by another (-written +read):\n%s", diff)
	}
	stored, err := reader.Command(t.Context(), c.Merchant, c.ID)
	stored.At = time.Time{}
	if diff := cmp.Diff(c, stored); err != nil || diff != "" {
		t.Errorf("command: %v\n%s", err, diff)
	}
	back, err := reader.OpenCallback(t.Context(), messages(t, reader, bus.CallbackStream)[0].Data)
	if err != nil || string(back.Body) != canary+"-body" || back.Query != "q="+canary || back.Header.Get("X-Buyer") != canary+"-header" {
		t.Errorf("callback: %+v, %v", back, err)
	}
}

func TestSealed_OneKeyPerPaymentAndNoneWithoutPersonalData(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{Shards: 2})
	b := bustest.Connect(t, cfg, "writer")
	bare := command("bare")
	bare.Authorization.Return = payment.ReturnURLs{}
	mustAccept(t, b, bare)
	if n := len(bucket(t, b)); n != 0 {
		t.Fatalf("%d keys for a payment without personal data", n)
	}
	told(t, b, payoutOf("1"))
	if n := len(bucket(t, b)); n != 1 {
		t.Errorf("%d keys for one payment", n)
	}
}

// Three doors make the key of one payment at once: one is stored, and opens what
// each of them wrote.
func TestSealed_RacingWritersShareOneKey(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	var wg sync.WaitGroup
	for i := range 3 {
		b := bustest.Connect(t, cfg, "ingress-"+strconv.Itoa(i))
		for j := range 10 {
			wg.Go(func() {
				if _, _, err := b.Accept(t.Context(), payoutOf("r"+strconv.Itoa(i)+"-"+strconv.Itoa(j))); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	b := bustest.Connect(t, cfg, "reader")
	if n := len(bucket(t, b)); n != 1 {
		t.Errorf("%d keys", n)
	}
	all := messages(t, b, "COMMANDS_0")
	if len(all) != 30 {
		t.Fatalf("%d commands", len(all))
	}
	for _, m := range all {
		if c, err := b.OpenCommand(t.Context(), m.Data); err != nil || c.Closed || c.Beneficiary.Email != canary+"@example.com" {
			t.Errorf("command %d: closed %v, %v", m.Seq, c.Closed, err)
		}
	}
}

func TestSealed_ReplayComparesWhatWasAsked(t *testing.T) {
	t.Parallel()
	b := bustest.Connect(t, sealing(t, bus.Topology{}), "ingress")
	c := payoutOf("1")
	mustAccept(t, b, c)
	if _, replayed, err := b.Accept(t.Context(), c); err != nil || !replayed {
		t.Errorf("the same again: replayed %v, %v", replayed, err)
	}
	other := payoutOf("1")
	other.Beneficiary.LastName = "another"
	if _, _, err := b.Accept(t.Context(), other); !errors.Is(err, bus.ErrReqIDReused) {
		t.Errorf("another beneficiary under the same req id: %v", err)
	}
}

func TestErase_PersonalDataIsGoneAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	b := bustest.Connect(t, cfg, "worker")
	c := payoutOf("1")
	h := told(t, b, c)
	before := messages(t, b, "EVENTS_0")

	for i, want := range []bool{true, false} {
		if done, err := b.Erase(t.Context(), c.Merchant, c.Payment); err != nil || done != want {
			t.Fatalf("erasure %d: %v, %v", i+1, done, err)
		}
	}
	if erased, sealed, err := b.IsErased(t.Context(), c.Merchant, c.Payment); err != nil || !erased || sealed {
		t.Errorf("erased %v, sealed %v, %v", erased, sealed, err)
	}
	for i, m := range messages(t, b, "EVENTS_0") {
		if !bytes.Equal(m.Data, before[i].Data) {
			t.Errorf("event %d was changed", m.Seq)
		}
		rec, err := b.OpenRecord(t.Context(), m.Data)
		if err != nil {
			t.Fatalf("event %d: %v", m.Seq, err)
		}
		if d, ok := rec.Event.Data.(payment.BuyerDetailsReceived); ok && (!rec.Closed || d.Buyer != payment.Buyer{}) {
			t.Errorf("after the erasure: closed %v, %+v", rec.Closed, d)
		}
	}
	got := mustLoad(t, b, c)
	if got.Payment.Buyer == nil || *got.Payment.Buyer != (payment.Buyer{}) || got.Seq != h.Seq {
		t.Errorf("head after the erasure: %+v", got)
	}

	// What the provider tells later is not kept, and the ledger goes on.
	now := mustNow(t, b)
	late := buyerTold(c, now)
	next, err := b.Append(t.Context(), got, late)
	if err != nil {
		t.Fatal(err)
	}
	reader := bustest.Connect(t, cfg, "reader")
	if again := mustLoad(t, reader, c); again.Seq != next.Seq || *again.Payment.Buyer != (payment.Buyer{}) {
		t.Errorf("told after the erasure: %+v", again.Payment.Buyer)
	}
	last := messages(t, b, "EVENTS_0")
	if bytes.Contains(last[len(last)-1].Data, []byte(canary)) {
		t.Error("told after the erasure, and stored")
	}
	if n := len(bucket(t, b)); n != 1 {
		t.Errorf("%d entries in the bucket, want the mark", n)
	}
}

func TestErase_SameReqIDStaysTheSameRequest(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	b := bustest.Connect(t, cfg, "ingress")
	c := payoutOf("1")
	mustAccept(t, b, c)
	if _, err := b.Erase(t.Context(), c.Merchant, c.Payment); err != nil {
		t.Fatal(err)
	}
	if stored, replayed, err := b.Accept(t.Context(), c); err != nil || !replayed || !stored.Closed {
		t.Errorf("the same again: replayed %v, closed %v, %v", replayed, stored.Closed, err)
	}
	other := payoutOf("1")
	other.Amount.Minor++
	if _, _, err := b.Accept(t.Context(), other); !errors.Is(err, bus.ErrReqIDReused) {
		t.Errorf("another sum under the same req id: %v", err)
	}
	if err := wire.Validate(must(b.Command(t.Context(), c.Merchant, c.ID))); err == nil {
		t.Error("half a command is valid")
	}
	// The personal data of a new order is not kept either, and it stays one order.
	second := payoutOf("2")
	for _, want := range []bool{false, true} {
		if _, replayed, err := b.Accept(t.Context(), second); err != nil || replayed != want {
			t.Fatalf("a new order: replayed %v, want %v, %v", replayed, want, err)
		}
	}
	for _, c := range []payment.Command{c, second} {
		if got := must(b.Command(t.Context(), c.Merchant, c.ID)); !got.Closed || *got.Beneficiary != (payment.Beneficiary{}) {
			t.Errorf("order %s can be read: %+v", c.ReqID, got)
		}
	}
}

func must(c payment.Command, err error) payment.Command {
	if err != nil {
		panic(err)
	}
	return c
}

// A program without the key must say so: to take that for an erasure would lose the
// data with the next event.
func TestSealed_WithoutTheKeyNothingIsTakenForErased(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	b := bustest.Connect(t, cfg, "worker")
	c := payoutOf("1")
	told(t, b, c)
	if err := b.CheckKeys(t.Context()); err != nil {
		t.Errorf("with the key: %v", err)
	}

	none := cfg
	none.DataKeys = nil
	other := bustest.WithDataKeys(t, none)
	for name, cfg := range map[string]bus.Config{"no keys": none, "other keys": other} {
		blind := bustest.Connect(t, cfg, "blind")
		if _, err := blind.Load(t.Context(), c.Merchant, c.Payment); !errors.Is(err, seal.ErrNoKey) && !errors.Is(err, seal.ErrForged) {
			t.Errorf("%s: load: %v", name, err)
		}
		if err := blind.CheckKeys(t.Context()); err == nil || !strings.Contains(err.Error(), "PAYLOOM_DATA_KEYS") {
			t.Errorf("%s: not told to be missing: %v", name, err)
		}
		if _, err := blind.Command(t.Context(), c.Merchant, c.ID); err == nil {
			t.Errorf("%s: the command was read", name)
		}
	}
}

func TestSealed_WhatWasWrittenInClearIsStillRead(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	none := cfg
	none.DataKeys = nil
	c := payoutOf("1")
	h := told(t, bustest.Connect(t, none, "before"), c)

	b := bustest.Connect(t, cfg, "after")
	if diff := cmp.Diff(h, mustLoad(t, b, c)); diff != "" {
		t.Error(diff)
	}
	e := intent(c, mustNow(t, b))
	e.Data = payment.AttemptNotSent{Attempt: 1}
	if _, err := b.Append(t.Context(), h, e); err != nil {
		t.Fatal(err)
	}
	all := messages(t, b, "EVENTS_0")
	if bytes.Contains(all[len(all)-1].Data, []byte(canary)) {
		t.Error("the snapshot after it stands in clear")
	}
}

func TestRewrap_TheOldKeyIsNeededNoMore(t *testing.T) {
	t.Parallel()
	old := sealing(t, bus.Topology{})
	c := payoutOf("1")
	told(t, bustest.Connect(t, old, "before"), c)

	both := bustest.WithDataKeys(t, old) // a newer one before it
	fresh := both
	fresh.DataKeys = both.DataKeys[:1]
	b := bustest.Connect(t, both, "rotation")
	if _, err := b.StoreCallback(t.Context(), callbackOf("cb1", mustNow(t, b))); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0} {
		if n, all, err := b.Rewrap(t.Context()); err != nil || n != want || all != 2 {
			t.Errorf("run %d: %d of %d, %v", i+1, n, all, err)
		}
	}
	if got := mustLoad(t, bustest.Connect(t, fresh, "after"), c); got.Payment.Buyer.Name != canary+"-name" {
		t.Errorf("after the rotation: %+v", got.Payment.Buyer)
	}
}

func TestDestroyDayKeys_WhatIsOldCannotBeRead(t *testing.T) {
	t.Parallel()
	cfg := sealing(t, bus.Topology{})
	b := bustest.Connect(t, cfg, "notify-receiver")
	now := mustNow(t, b)
	old := callbackOf("old", now.Add(-37*24*time.Hour))
	young := callbackOf("young", now.Add(-35*24*time.Hour))
	for _, c := range []wire.StoredCallback{old, young} {
		if _, err := b.StoreCallback(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	days, err := b.DestroyDayKeys(t.Context(), now)
	if diff := cmp.Diff([]string{old.ReceivedAt.Format(time.DateOnly)}, days); err != nil || diff != "" {
		t.Fatalf("destroyed: %v\n%s", err, diff)
	}
	reader := bustest.Connect(t, cfg, "reader")
	for i, m := range messages(t, reader, bus.CallbackStream) {
		c, err := reader.OpenCallback(t.Context(), m.Data)
		if err != nil || c.Closed != (i == 0) || (len(c.Body) == 0) != (i == 0) {
			t.Errorf("%s: closed %v, %d bytes, %v", c.ID, c.Closed, len(c.Body), err)
		}
	}
}

func TestConnect_NamesAMissingBucket(t *testing.T) {
	t.Parallel()
	cfg, _ := bustest.Start(t, t.TempDir())
	if _, err := bus.Connect(t.Context(), bustest.WithDataKeys(t, cfg), "x", zap.NewNop()); !errors.Is(err, bus.ErrNotProvisioned) {
		t.Errorf("got %v", err)
	}
	cfg.DataKeys = []string{"a=env:NOT_SET_ANYWHERE"}
	if _, err := bus.Connect(t.Context(), cfg, "x", zap.NewNop()); err == nil || !bytes.Contains([]byte(err.Error()), []byte("PAYLOOM_DATA_KEYS")) {
		t.Errorf("a key that is not there: %v", err)
	}
}

// A broker that is away for a moment does not lose the outcome that waits for its key.
func TestSealed_WaitsForTheBroker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, server := bustest.Start(t, dir)
	bustest.Provision(t, cfg, bus.Topology{})
	cfg = bustest.WithDataKeys(t, cfg)
	c := payoutOf("1")
	h := told(t, bustest.Connect(t, cfg, "before"), c)

	b := bustest.Connect(t, cfg, "worker")    // it remembers no key
	port := server.Addr().(*net.TCPAddr).Port //nolint:errcheck // it listens by TCP
	server.Shutdown()
	server.WaitForShutdown()
	stored := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := b.Append(ctx, h, buyerTold(c, time.Now().UTC()))
		stored <- err
	}()
	bustest.StartAt(t, dir, port)
	if err := <-stored; err != nil {
		t.Error(err)
	}
}
