package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

func command(req string) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID(req), Payment: payment.ID("order-" + req), Provider: payment.Computop,
		Kind: payment.Authorize, Amount: payment.Money{Minor: 1299, Currency: "EUR"},
		Authorization: &payment.Authorization{
			Method: payment.Button, Capture: payment.CaptureManual, Country: "EU",
			Return: payment.ReturnURLs{Success: "https://shop.example/s", Failure: "https://shop.example/f", Cancel: "https://shop.example/c", Review: "https://shop.example/r"},
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

func intent(c payment.Command, now time.Time) payment.Event {
	return payment.Event{
		Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: now, Source: payment.FromWorker,
		Data: payment.AttemptStarted{Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: string(c.Payment), Idem: string(c.ID), Terms: &payment.Terms{}},
	}
}

func mustAccept(t testing.TB, b *bus.Bus, c payment.Command) {
	t.Helper()
	if _, replayed, err := b.Accept(t.Context(), c); err != nil || replayed {
		t.Fatalf("accept: replayed %v, %v", replayed, err)
	}
}

func mustNow(t testing.TB, b *bus.Bus) time.Time {
	t.Helper()
	now, err := b.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func TestAccept_OnceForEver(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{Shards: 3})
	c := command("1")
	mustAccept(t, b, c)

	stored, replayed, err := b.Accept(t.Context(), c)
	if err != nil || !replayed {
		t.Fatalf("the same request again: replayed %v, %v", replayed, err)
	}
	if stored.At.IsZero() {
		t.Error("a stored command does not say when it was accepted")
	}
	stored.At = time.Time{}
	if diff := cmp.Diff(c, stored); diff != "" {
		t.Errorf("stored command differs:\n%s", diff)
	}

	other := c
	other.Amount.Minor++
	if _, _, err := b.Accept(t.Context(), other); !errors.Is(err, bus.ErrReqIDReused) {
		t.Errorf("another request under the same req id: %v, want ErrReqIDReused", err)
	}
	elsewhere := c
	elsewhere.Provider = payment.Axerve
	if _, _, err := b.Accept(t.Context(), elsewhere); !errors.Is(err, bus.ErrReqIDReused) {
		t.Errorf("the same req id at another provider: %v, want ErrReqIDReused", err)
	}
}

func TestAccept_HundredAtOnceFromThreeDoors(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{Shards: 2})
	var first atomic.Int32
	var wg sync.WaitGroup
	for i := range 3 {
		b := bustest.Connect(t, cfg, "ingress-"+strconv.Itoa(i))
		for range 100 {
			wg.Go(func() {
				_, replayed, err := b.Accept(t.Context(), command("same"))
				if err != nil {
					t.Error(err)
				} else if !replayed {
					first.Add(1)
				}
			})
		}
	}
	wg.Wait()
	if first.Load() != 1 {
		t.Errorf("%d of 300 were told that theirs was first, want 1", first.Load())
	}
}

func TestAppend_OneWinner(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{Shards: 2})
	c := command("1")
	now := mustNow(t, b)
	head, err := b.Append(t.Context(), payment.Head{}, intent(c, now))
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			e := intent(c, now)
			e.Data = payment.OperationDeclined{Code: strconv.Itoa(i)}
			_, err := b.Append(t.Context(), head, e)
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, bus.ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d of 16 appended to the same head, want 1", won.Load())
	}
	got, err := b.Load(t.Context(), c.Merchant, c.Payment)
	if err != nil || got.Payment.State != payment.StateDeclined || got.Payment.Version != 2 {
		t.Errorf("loaded state %q version %d, %v", got.Payment.State, got.Payment.Version, err)
	}
}

func TestAppend_OnePaymentOneProvider(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	c := command("1")
	now := mustNow(t, b)
	if _, err := b.Append(t.Context(), payment.Head{}, intent(c, now)); err != nil {
		t.Fatal(err)
	}
	c.Provider = payment.Axerve
	if _, err := b.Append(t.Context(), payment.Head{}, intent(c, now)); !errors.Is(err, bus.ErrConflict) {
		t.Errorf("the same payment at another provider: %v, want ErrConflict", err)
	}
}

func TestLoad_Stranger(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	head, err := b.Load(t.Context(), "demo", "nobody")
	if err != nil || head.Seq != 0 || head.Payment.Version != 0 {
		t.Errorf("head %+v, %v; want an empty one", head, err)
	}
	if _, err := b.Command(t.Context(), "demo", command("x").ID); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("command: %v, want ErrNotFound", err)
	}
}

func TestStoreCallback_Once(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	c := wire.StoredCallback{
		ID: "abc", Provider: payment.Computop, Merchant: "demo", Account: "eu", Endpoint: "k", Kind: wire.FromServer,
		Method: "POST", Body: []byte("Len=1&Data=00"), ReceivedAt: time.Now().UTC(), Verdict: wire.Accepted,
	}
	for i, want := range []bool{false, true, true} {
		repeat, err := b.StoreCallback(t.Context(), c)
		if err != nil || repeat != want {
			t.Errorf("time %d: repeat %v, %v; want %v", i+1, repeat, err, want)
		}
	}
	state, err := b.StreamState(t.Context(), bus.CallbackStream)
	if err != nil || state.Messages != 1 {
		t.Errorf("%d messages, %v; want 1", state.Messages, err)
	}
}

func TestProvision_TwiceAndRefusals(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	b, err := bus.Dial(t.Context(), cfg, "provisioner", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := bus.Connect(t.Context(), cfg, "worker", zap.NewNop()); !errors.Is(err, bus.ErrNotProvisioned) {
		t.Errorf("before: %v, want ErrNotProvisioned", err)
	}
	first, err := b.Provision(t.Context(), bus.Topology{Shards: 2})
	if err != nil || len(first) == 0 {
		t.Fatalf("first: %v, %v", first, err)
	}
	if again, err := b.Provision(t.Context(), bus.Topology{Shards: 2}); err != nil || len(again) != 0 {
		t.Errorf("second: %v, %v; want nothing to do", again, err)
	}
	more, err := b.Provision(t.Context(), bus.Topology{Shards: 2, MaxBytes: 2 << 30})
	if err != nil || len(more) == 0 {
		t.Errorf("more room: %v, %v", more, err)
	}
	for name, bad := range map[string]bus.Topology{
		"other shards": {Shards: 4, MaxBytes: 2 << 30},
		"less room":    {Shards: 2, MaxBytes: 1 << 30},
	} {
		if _, err := b.Provision(t.Context(), bad); !errors.Is(err, bus.ErrWouldLose) {
			t.Errorf("%s: %v, want ErrWouldLose", name, err)
		}
	}
}

// later and buried are verbs as workers use them.
type later time.Duration

func (later) Error() string               { return "later" }
func (l later) RetryAfter() time.Duration { return time.Duration(l) }

type buried string

func (b buried) Error() string { return string(b) }
func (buried) Dead() bool      { return true }

// consume runs handle on all computop commands until the test stops it.
func consume(t testing.TB, b *bus.Bus, handle func(context.Context, payment.Command) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.ConsumeCommands(ctx, payment.Computop, bus.ConsumeOptions{Concurrency: 4, Grace: 5 * time.Second}, handle)
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("consume: %v", err)
		}
	}
}

func mustReceive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing came in 20 s", what)
		panic("unreachable")
	}
}

func TestConsume_Verbs(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{Shards: 2})
	seen := make(chan string, 100)
	var mu sync.Mutex
	tries := map[payment.ReqID]int{}
	stop := consume(t, b, func(_ context.Context, c payment.Command) error {
		mu.Lock()
		tries[c.ReqID]++
		try := tries[c.ReqID]
		mu.Unlock()
		seen <- fmt.Sprintf("%s/%d", c.ReqID, try)
		switch {
		case c.ReqID == "later" && try < 3:
			return later(20 * time.Millisecond)
		case c.ReqID == "broken" && try < 2:
			return errors.New("broken")
		case c.ReqID == "poison":
			return buried("no use")
		}
		return nil
	})
	defer stop()
	for _, req := range []string{"later", "broken", "poison", "fine"} {
		mustAccept(t, b, command(req))
	}
	want := map[string]bool{"later/1": true, "later/2": true, "later/3": true, "broken/1": true, "broken/2": true, "poison/1": true, "fine/1": true}
	for range len(want) {
		got := mustReceive(t, "delivery", seen)
		if !want[got] {
			t.Errorf("unexpected delivery %s", got)
		}
	}
	letters := mustDead(t, b, 1)
	if letters[0].Reason != "no use" || letters[0].Service != "test" || letters[0].Sequence == 0 {
		t.Errorf("dead letter %+v", letters[0])
	}
}

// TestConsume_APanicIsAFailure: a handler that panics takes nobody along, and its
// message comes again.
func TestConsume_APanicIsAFailure(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	handled := make(chan payment.ReqID, 10)
	var panicked atomic.Bool
	stop := consume(t, b, func(_ context.Context, c payment.Command) error {
		if c.ReqID == "bad" && panicked.CompareAndSwap(false, true) {
			panic("a handler's mistake")
		}
		handled <- c.ReqID
		return nil
	})
	defer stop()
	mustAccept(t, b, command("bad"))
	mustAccept(t, b, command("fine"))
	got := map[payment.ReqID]bool{mustReceive(t, "first", handled): true, mustReceive(t, "second", handled): true}
	if !panicked.Load() || !got["bad"] || !got["fine"] {
		t.Errorf("panicked %v, handled %v; want both", panicked.Load(), got)
	}
}

// mustDead waits until n dead letters are there and returns them.
func mustDead(t testing.TB, b *bus.Bus, n int) []wire.DeadLetter {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []wire.DeadLetter
	err := b.Follow(ctx, bus.DeadStream, bus.FollowOptions{}, func(_ context.Context, ms []bus.Message) error {
		for _, m := range ms {
			d, err := wire.UnmarshalDeadLetter(m.Data)
			if err != nil {
				return err
			}
			out = append(out, d)
		}
		if len(out) >= n {
			cancel()
		}
		return nil
	})
	if err != nil || len(out) != n {
		t.Fatalf("%d dead letters, %v; want %d", len(out), err, n)
	}
	return out
}

func TestConsume_ShutdownFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	started, release := make(chan struct{}, 10), make(chan struct{})
	var finished atomic.Int32
	stop := consume(t, b, func(ctx context.Context, _ payment.Command) error {
		started <- struct{}{}
		<-release
		if ctx.Err() == nil {
			finished.Add(1)
		}
		return nil
	})
	mustAccept(t, b, command("1"))
	mustReceive(t, "start", started)
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(release)
	mustReceive(t, "stop", stopped)
	if finished.Load() != 1 {
		t.Error("the handler was cancelled by the shutdown")
	}
	again := make(chan payment.ReqID, 1)
	stop = consume(t, b, func(_ context.Context, c payment.Command) error { again <- c.ReqID; return nil })
	defer stop()
	mustAccept(t, b, command("2"))
	if got := mustReceive(t, "next", again); got != "2" {
		t.Errorf("delivered %s, want 2: the first was acknowledged", got)
	}
}

func TestConsume_StoppedBeforeItBegan(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := func(context.Context, payment.Command) error { return nil }
	if err := b.ConsumeCommands(ctx, payment.Computop, bus.ConsumeOptions{}, none); err != nil {
		t.Errorf("error %v, want none", err)
	}
}

func TestWake(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	c := command("1")
	woken := make(chan payment.Command, 10)
	stop := consume(t, b, func(_ context.Context, c payment.Command) error { woken <- c; return nil })
	defer stop()
	mustAccept(t, b, c)
	mustReceive(t, "first delivery", woken)
	at := mustNow(t, b).Add(1200 * time.Millisecond)
	if err := b.Wake(t.Context(), c, at); err != nil {
		t.Fatal(err)
	}
	got := mustReceive(t, "wake-up", woken)
	if now := mustNow(t, b); now.Before(at.Add(-time.Second)) {
		t.Errorf("woken %s early", at.Sub(now))
	}
	if got.ID != c.ID || got.At.IsZero() {
		t.Errorf("woken %+v", got)
	}
	if err := b.Wake(t.Context(), c, at.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	mustReceive(t, "wake-up at once", woken)
}

func TestFollow_ToTheEndInOrder(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	for i := range 25 {
		mustAccept(t, b, command(strconv.Itoa(i)))
	}
	stream := b.CommandStreams()[0]
	next := uint64(6)
	err := b.Follow(t.Context(), stream, bus.FollowOptions{From: 6, Batch: 10, ToEnd: true}, func(_ context.Context, ms []bus.Message) error {
		if len(ms) > 10 {
			t.Errorf("a batch of %d", len(ms))
		}
		for _, m := range ms {
			if m.Seq != next || m.Type() != "Command" {
				t.Errorf("sequence %d of type %q, want %d", m.Seq, m.Type(), next)
			}
			next++
		}
		return nil
	})
	if err != nil || next != 26 {
		t.Errorf("read up to %d, %v; want 25", next-1, err)
	}
	none := b.Follow(t.Context(), stream, bus.FollowOptions{From: 26, ToEnd: true}, func(context.Context, []bus.Message) error {
		t.Error("there is nothing to hand over")
		return nil
	})
	if none != nil {
		t.Error(none)
	}
}

// switchHold is a Hold that a test turns.
type switchHold struct {
	mu      sync.Mutex
	on      bool
	changed chan struct{}
}

func (h *switchHold) held() (bool, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.on, h.changed
}

func (h *switchHold) turn(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on = on
	close(h.changed)
	h.changed = make(chan struct{})
}

// TestConsume_HeldTakesNothingAndCutsNothing: what is in hand when it is held back
// is finished, nothing else is begun, and all comes after the release.
func TestConsume_HeldTakesNothingAndCutsNothing(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	hold := &switchHold{changed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	begun, finish, ended := make(chan payment.ReqID, 10), make(chan struct{}), make(chan error, 1)
	go func() {
		o := bus.ConsumeOptions{Concurrency: 1, Grace: time.Second, Held: hold.held}
		ended <- b.ConsumeCommands(ctx, payment.Computop, o, func(ctx context.Context, c payment.Command) error {
			begun <- c.ReqID
			select {
			case <-finish:
			case <-ctx.Done():
				t.Error("a handler was cut off")
			}
			return nil
		})
	}()
	mustAccept(t, b, command("1"))
	mustReceive(t, "first command", begun)
	for _, req := range []string{"2", "3"} {
		mustAccept(t, b, command(req)) // one of them is pulled, the other stays
	}
	hold.turn(true)
	finish <- struct{}{}
	select {
	case req := <-begun:
		t.Errorf("command %s was begun while held back", req)
	case <-time.After(1500 * time.Millisecond): // longer than what was pulled is put off
	}
	hold.turn(false)
	close(finish)
	got := map[payment.ReqID]bool{mustReceive(t, "second", begun): true, mustReceive(t, "third", begun): true}
	if !got["2"] || !got["3"] {
		t.Errorf("after the release came %v", got)
	}
	stop()
	if err := mustReceive(t, "end", ended); err != nil {
		t.Error(err)
	}
}
