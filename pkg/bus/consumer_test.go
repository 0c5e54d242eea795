package bus

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// refund returns a command of merchant m at provider p and its bytes.
func refund(t *testing.T, p payment.Provider, m payment.Merchant) (payment.CommandID, []byte) {
	t.Helper()
	c := payment.Command{
		Merchant: m, ReqID: "1", Payment: "order-1", Provider: p, Kind: payment.Refund,
		Amount: payment.Money{Minor: 100, Currency: "EUR"},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	data, err := wire.MarshalCommand(c)
	if err != nil {
		t.Fatal(err)
	}
	return c.ID, data
}

func mustPublish(t *testing.T, b *Bus, subj string, data []byte) {
	t.Helper()
	if _, err := b.js.Publish(t.Context(), subj, data); err != nil {
		t.Fatal(err)
	}
}

// consumeUntilBuried hands the commands for computop to handle until n messages
// are buried.
func consumeUntilBuried(t *testing.T, b *Bus, n uint64, handle func(context.Context, payment.Command) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.ConsumeCommands(ctx, payment.Computop, ConsumeOptions{}, handle) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	var state State
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if state, err = b.StreamState(ctx, DeadStream); err != nil {
			t.Fatal(err)
		}
		if state.Messages >= n {
			return
		}
	}
	t.Fatalf("%d buried after 20 s, want %d", state.Messages, n)
}

// TestConsume_TrustsTheSubjectNotTheBody: whoever may write commands of one
// merchant or provider writes another's into the body.
func TestConsume_TrustsTheSubjectNotTheBody(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	id, victims := refund(t, payment.Computop, "victim")
	own, _ := refund(t, payment.Computop, "attacker")
	_, elsewhere := refund(t, payment.ECommPay, "victim")
	for subj, data := range map[string][]byte{
		b.commandSubject(payment.Computop, "attacker", id):  victims,   // another merchant
		b.commandSubject(payment.Computop, "attacker", own): victims,   // and another command
		b.commandSubject(payment.Computop, "victim", id):    elsewhere, // another provider
	} {
		mustPublish(t, b, subj, data)
	}
	mustPublish(t, b, timerSubject("due", payment.Computop, "attacker", own), nil) // a wake-up for one of them
	consumeUntilBuried(t, b, 4, func(_ context.Context, c payment.Command) error {
		t.Errorf("handled a command of %s at %s", c.Merchant, c.Provider)
		return nil
	})
	if _, err := b.Command(t.Context(), "attacker", own); !errors.Is(err, errMisplaced) {
		t.Errorf("read: %v, want errMisplaced", err)
	}
}

// TestConsume_LargestPoisonIsBuried: a dead letter holds the largest message that
// may come from outside.
func TestConsume_LargestPoisonIsBuried(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	poison := bytes.Repeat([]byte{0xff}, maxOutside)
	subj := b.commandSubject(payment.Computop, "demo", payment.DeriveCommandID("demo", "1"))
	mustPublish(t, b, subj, poison)
	var refused *jetstream.APIError
	if _, err := b.js.Publish(t.Context(), subj, append(poison, 0xff)); !errors.As(err, &refused) || refused.ErrorCode != codeTooLarge {
		t.Errorf("a byte more: %v, want it refused as too large", err)
	}
	consumeUntilBuried(t, b, 1, func(context.Context, payment.Command) error {
		t.Error("poison was handled")
		return nil
	})
}
