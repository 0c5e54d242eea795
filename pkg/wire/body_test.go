package wire_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

func storedEvent(t *testing.T) []byte {
	t.Helper()
	e := payment.Event{
		ID: "E1", Payment: "order-1", Merchant: "demo", Provider: payment.Computop, Command: "c1",
		At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Source: payment.FromWorker,
		Data: payment.AttemptStarted{Kind: payment.Capture, Amount: payment.Money{Minor: 1050, Currency: "EUR"}, Attempt: 1, Key: "order-1"},
	}
	e = payment.Payment{}.Next(e)
	data, err := wire.MarshalRecord(wire.Record{Event: e, After: payment.Fold(payment.Payment{}, e)})
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return data
}

func TestBody_LeavesTheSnapshotOut(t *testing.T) {
	t.Parallel()
	data := storedEvent(t)
	before := bytes.Clone(data)
	body, err := wire.Body(data)
	if err != nil {
		t.Fatalf("Body: %v", err)
	}
	if !bytes.Equal(data, before) {
		t.Error("Body changed its argument")
	}
	if len(body) == 0 || len(body) >= len(data) {
		t.Fatalf("the body has %d of %d bytes", len(body), len(data))
	}
	again, err := wire.Body(body)
	if err != nil || !bytes.Equal(again, body) {
		t.Errorf("Body of a body = %x, %v, want it unchanged", again, err)
	}
	if _, err := wire.UnmarshalRecord(body); !errors.Is(err, wire.ErrUndecodable) {
		t.Errorf("a body passes for a whole event: %v", err)
	}
}

func TestDataJSON_IsWhatHappened(t *testing.T) {
	t.Parallel()
	body, err := wire.Body(storedEvent(t))
	if err != nil {
		t.Fatalf("Body: %v", err)
	}
	got, err := wire.DataJSON(body)
	if err != nil {
		t.Fatalf("DataJSON: %v", err)
	}
	want := `{"kind":"KIND_CAPTURE","amount":{"value":"1050","currency":"EUR"},"attempt":1,"key":"order-1"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBody_RefusesGarbage(t *testing.T) {
	t.Parallel()
	if _, err := wire.Body([]byte{0xff, 0xff, 0xff}); !errors.Is(err, wire.ErrUndecodable) {
		t.Errorf("Body: %v, want ErrUndecodable", err)
	}
	if _, err := wire.DataJSON([]byte{0x08, 0x01}); !errors.Is(err, wire.ErrUndecodable) {
		t.Errorf("DataJSON without data: %v, want ErrUndecodable", err)
	}
}
