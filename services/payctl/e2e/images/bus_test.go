package images

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

func command(req string) payment.Command {
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID(req), Payment: payment.ID("order-" + req), Provider: payment.Computop,
		Kind: payment.Authorize, Amount: payment.Money{Minor: 1299, Currency: "EUR"},
		Authorization: &payment.Authorization{
			Method: payment.Button, Capture: payment.CaptureManual, Country: "EU",
			Return: payment.ReturnURLs{Success: "https://shop.example/done"},
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	return c
}

// event returns something that happened to the payment of c.
func event(t *testing.T, b *bus.Bus, c payment.Command, data payment.EventData) payment.Event {
	t.Helper()
	now, err := b.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return payment.Event{Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: now, Source: payment.FromWorker, Data: data}
}

func intent(c payment.Command) payment.EventData {
	return payment.AttemptStarted{Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: string(c.Payment), Idem: string(c.ID), Terms: &payment.Terms{}}
}

// mustStore accepts a command and appends its intent and a decline.
func mustStore(t *testing.T, b *bus.Bus, c payment.Command) {
	t.Helper()
	if _, replayed, err := b.Accept(t.Context(), c); err != nil || replayed {
		t.Fatalf("accept: replayed %v, %v", replayed, err)
	}
	var head payment.Head
	for _, data := range []payment.EventData{intent(c), payment.OperationDeclined{Code: "1"}} {
		var err error
		if head, err = b.Append(t.Context(), head, event(t, b, c, data)); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
}

// TestBus_KeepsItsPromises runs the promises that payments rest on against the image.
func TestBus_KeepsItsPromises(t *testing.T) {
	b := mustConnect(t, mustBroker(t), "test")
	t.Run("a request is accepted once", func(t *testing.T) {
		var first atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, replayed, err := b.Accept(t.Context(), command("same"))
				if err != nil {
					t.Error(err)
				} else if !replayed {
					first.Add(1)
				}
			})
		}
		wg.Wait()
		if first.Load() != 1 {
			t.Errorf("%d of 50 were first", first.Load())
		}
		other := command("same")
		other.Amount.Minor++
		if _, _, err := b.Accept(t.Context(), other); !errors.Is(err, bus.ErrReqIDReused) {
			t.Errorf("another request under its key: %v", err)
		}
	})
	t.Run("one of many appends wins", func(t *testing.T) {
		c := command("race")
		head, err := b.Append(t.Context(), payment.Head{}, event(t, b, c, intent(c)))
		if err != nil {
			t.Fatal(err)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			e := event(t, b, c, payment.OperationDeclined{Code: strconv.Itoa(i)})
			wg.Go(func() {
				if _, err := b.Append(t.Context(), head, e); err == nil {
					won.Add(1)
				} else if !errors.Is(err, bus.ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 16 won", won.Load())
		}
	})
	t.Run("a callback is stored once", func(t *testing.T) {
		c := wire.StoredCallback{
			ID: "abc", Provider: payment.Computop, Merchant: "demo", Account: "eu", Endpoint: "k", Kind: wire.FromServer,
			Method: "POST", Body: []byte("Len=1&Data=00"), ReceivedAt: time.Now().UTC(), Verdict: wire.Accepted,
		}
		for _, want := range []bool{false, true} {
			if repeat, err := b.StoreCallback(t.Context(), c); err != nil || repeat != want {
				t.Errorf("repeat %v, %v; want %v", repeat, err, want)
			}
		}
	})
	t.Run("a command is handed over, and again when it is woken", func(t *testing.T) { checkDelivery(t, b) })
}

func checkDelivery(t *testing.T, b *bus.Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := make(chan payment.Command, 10)
	done := make(chan error, 1)
	go func() {
		done <- b.ConsumeCommands(ctx, payment.Computop, bus.ConsumeOptions{}, func(_ context.Context, c payment.Command) error {
			if c.ReqID == "woken" {
				seen <- c
			}
			return nil
		})
	}()
	if _, _, err := b.Accept(ctx, command("woken")); err != nil {
		t.Fatal(err)
	}
	receive := func(what string) {
		select {
		case <-seen:
		case <-ctx.Done():
			t.Fatalf("%s: nothing came", what)
		}
	}
	receive("command")
	now, err := b.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Wake(ctx, command("woken"), now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	receive("wake-up")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestBus_AcknowledgedIsKept kills the server and looks for what it had acknowledged.
func TestBus_AcknowledgedIsKept(t *testing.T) {
	server := mustBroker(t)
	before := mustConnect(t, server, "before")
	const payments = 50
	for i := range payments {
		mustStore(t, before, command(strconv.Itoa(i)))
	}
	mustKill(t, server)
	after := mustConnect(t, server, "after")
	for i := range payments {
		c := command(strconv.Itoa(i))
		if _, replayed, err := after.Accept(t.Context(), c); err != nil || !replayed {
			t.Errorf("command %d: replayed %v, %v", i, replayed, err)
		}
		head, err := after.Load(t.Context(), c.Merchant, c.Payment)
		if err != nil || head.Payment.Version != 2 || head.Payment.State != payment.StateDeclined {
			t.Errorf("payment %d: version %d, %s, %v", i, head.Payment.Version, head.Payment.State, err)
		}
	}
}
