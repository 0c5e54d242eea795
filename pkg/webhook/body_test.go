package webhook

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
)

func mustMessage(t *testing.T, s *story, personal bool) Body {
	t.Helper()
	r := s.last()
	b, ok := Message(r.Event, r.After, personal)
	if !ok {
		t.Fatalf("nobody is told of %s", r.Event.Data.Type())
	}
	return b
}

func TestMessage_PersonalData(t *testing.T) {
	t.Parallel()
	s := opening(t).add("open", payment.FromCallback, payment.BuyerDetailsReceived{Buyer: buyer}).
		add("open", payment.FromCallback, payment.OperationSucceeded{Ref: "r", Code: "00000000", Amount: 12990})
	for personal, want := range map[bool]int{false: 0, true: 4} {
		text, err := mustMessage(t, s, personal).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for _, word := range []string{buyer.Name, buyer.Email, buyer.Phone, buyer.Shipping.Lines[0]} {
			if strings.Contains(string(text), word) {
				shown++
			}
		}
		if shown != want {
			t.Errorf("personal data allowed %v: the body shows %d of 4: %s", personal, shown, text)
		}
	}
}

func TestMessage_RejectedWithoutAnOperation(t *testing.T) {
	t.Parallel()
	s := authorized(t).add("c", payment.FromWorker, payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonAmount, Detail: "12990 at most"})
	b := mustMessage(t, s, false)
	want := &Operation{
		CommandID: payment.DeriveCommandID("demo", "c"), Kind: payment.Capture, Status: payment.OpRejected,
		Reason: payment.ReasonAmount, At: s.now,
	}
	if d := cmp.Diff(want, b.Data.Operation); d != "" {
		t.Error(d)
	}
	if b.Data.Payment.State != "authorized" || b.Data.Payment.Version != 4 || b.Data.Event.Version != 4 {
		t.Errorf("%+v", b.Data)
	}
}

func TestMessageID(t *testing.T) {
	t.Parallel()
	e := authorized(t).last().Event
	id := MessageID(e)
	if len(id) != 30 || !strings.HasPrefix(id, "msg_") || strings.Contains(id, ".") {
		t.Errorf("id is %q", id)
	}
	other, later := e, e
	other.Merchant = "shop"
	later.ID = "EVENT2"
	if MessageID(e) != id || MessageID(other) == id || MessageID(later) == id {
		t.Error("an id must be the event's own, and always the same")
	}
}

func TestMessage_StrangeBytes(t *testing.T) {
	t.Parallel()
	s := opening(t).add("open", payment.FromCallback, payment.OperationDeclined{Ref: "a\x00b", Code: "<&>\u2028", Reason: payment.ReasonDeclined})
	text, err := mustMessage(t, s, false).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var back Body
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if got := back.Data.Operation; got.Reference != "a\uFFFDb" || got.Code != "<&>\u2028" {
		t.Errorf("%+v", got)
	}
}
