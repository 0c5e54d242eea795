package bus

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// TestRecord_LargestPaymentFits: a payment with as many operations as it may have,
// about which merchant and provider told as much as they could, fits a message.
func TestRecord_LargestPaymentFits(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	p := largest(t)
	if n := len(p.Operations); n != payment.MaxOperations {
		t.Fatalf("%d operations, want %d", n, payment.MaxOperations)
	}
	e := p.Next(payment.Event{
		ID: NewEventID(), Payment: p.ID, Merchant: p.Merchant, Provider: p.Provider, Command: p.Operations[0].ID,
		At: time.Now().UTC(), Source: payment.FromInquiry, Data: payment.Synced{Found: true},
	})
	data, err := wire.MarshalRecord(wire.Record{Event: e, After: payment.Fold(p, e), Prev: make([]byte, 32)})
	if err != nil || len(data) >= maxMessage {
		t.Fatalf("%d bytes, %v; want less than %d", len(data), err, maxMessage)
	}
	t.Logf("%d of %d bytes", len(data), maxMessage)
	if _, err := b.Append(t.Context(), payment.Head{Payment: p}, e); err != nil {
		t.Errorf("append: %v", err)
	}
}

// largest returns a payment that is as large as commands and providers can make it.
func largest(t *testing.T) payment.Payment {
	t.Helper()
	now := time.Now().UTC()
	url := "https://shop.example/" + strings.Repeat("u", 2027)
	rules := payment.Rules{Kinds: payment.Kinds(), KeySeparator: "."}
	var p payment.Payment
	run := func(kind payment.Kind, req string, minor int64, told payment.Result) {
		c := payment.Command{
			Merchant: payment.Merchant(strings.Repeat("m", 32)), ReqID: payment.ReqID(req), Payment: payment.ID(strings.Repeat("i", 64)),
			Provider: payment.ECommPay, Account: strings.Repeat("a", 64), Kind: kind, Amount: payment.Money{Minor: minor, Currency: "EUR"}, At: now,
			Authorization: &payment.Authorization{
				Method: payment.Button, Capture: payment.CaptureAuto, Country: "EU",
				Return: payment.ReturnURLs{Success: url, Failure: url, Cancel: url, Review: url},
			},
		}
		c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
		d := payment.Decide(p, c, now, rules)
		if d.Verdict != payment.Start {
			t.Fatalf("%s %s: %s %+v", kind, req, d.Verdict, d.Event.Data)
		}
		p = payment.Fold(p, p.Next(stamped(d.Event)))
		events, err := payment.Observe(p, payment.Observation{Source: payment.FromAnswer, Command: c.ID, Attempt: 1, Ref: told.Ref, Result: told}, now)
		if err != nil || len(events) == 0 {
			t.Fatalf("%s %s: %d events, %v", kind, req, len(events), err)
		}
		for _, e := range events {
			p = payment.Fold(p, p.Next(stamped(e)))
		}
	}
	const lots = 1 << 60
	long := strings.Repeat("t", 4096)
	address := &payment.Address{Name: long[:256], Lines: []string{long[:512]}, City: long[:128], Phone: long[:64]}
	run(payment.Authorize, "open", lots, payment.Result{
		Status: payment.Approved, Ref: long, Code: long, Refs: map[string]string{"one": long, "two": long, "three": long},
		Totals: &payment.Totals{Authorized: lots, Captured: lots},
		Buyer:  &payment.Buyer{Name: long[:256], Email: long[:256], Shipping: address, Billing: address, Instrument: long[:256]},
	})
	for i := range payment.MaxOperations - 1 {
		run(payment.Refund, fmt.Sprint(i), lots>>8, payment.Result{Status: payment.Pending, Ref: long, Code: long})
	}
	return p
}

func stamped(e payment.Event) payment.Event {
	e.ID = NewEventID()
	return e
}

func TestAppend_TooLarge(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	for name, size := range map[string]int{"for the stream": maxMessage, "for the connection": 2 << 20} {
		t.Run(name, func(t *testing.T) {
			e := someEvent()
			e.Data = payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonInvalid, Detail: strings.Repeat("d", size)}
			if _, err := b.Append(t.Context(), payment.Head{}, e); !errors.Is(err, payment.ErrTooLarge) {
				t.Errorf("error %v, want ErrTooLarge", err)
			}
		})
	}
}
