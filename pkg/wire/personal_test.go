package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// plain are the fields of sealed messages that may stand there in clear: names,
// codes, and what only providers make up. A new field that holds text must be put
// here, or be taken out by a split function.
var plain = map[string]bool{
	"Command.command_id": true, "Command.merchant": true, "Command.req_id": true, "Command.payment_id": true,
	"Command.provider": true, "Command.account": true, "Command.reference": true,
	"Authorization.country": true, "Authorization.local_currency": true, "Authorization.scope": true,
	"Authorization.language": true, "Authorization.mandate": true, "Authorization.order_ref": true,
	"Money.currency": true,

	"Event.id": true, "Event.payment_id": true, "Event.merchant": true, "Event.provider": true, "Event.command_id": true,
	"Event.prev_hash": true, "AttemptStarted.key": true, "AttemptStarted.idem": true, "AttemptStarted.account": true,
	"AttemptNotSent.code": true, "ActionRequired.ref": true, "ActionRequired.refs": true,
	"OperationPending.ref": true, "OperationPending.refs": true, "OperationPending.code": true,
	"OperationSucceeded.ref": true, "OperationSucceeded.refs": true, "OperationSucceeded.code": true,
	"OperationDeclined.ref": true, "OperationDeclined.code": true, "OperationFailed.ref": true, "OperationFailed.code": true,
	"OperationRejected.code": true, "OperationRejected.detail": true, "OperationReversed.ref": true, "OperationReversed.code": true,
	"OutcomeUnknown.code": true, "Parked.detail": true, "CallbackConfirmed.ref": true, "CallbackConfirmed.refs": true,
	"LateOutcome.ref": true, "LateOutcome.code": true, "Mandate.id": true, "Unfrozen.refs": true, "Payment.late": true,
	"Break.id": true, "Break.ours": true, "Break.theirs": true, "Break.ref": true, "Break.reason": true, "Break.actor": true,
	"Action.url": true, "Action.payload": true, "Action.signature": true, "Action.public_key_id": true, "Action.session_id": true,
	"Terms.country": true,

	"Payment.payment_id": true, "Payment.merchant": true, "Payment.provider": true, "Payment.account": true,
	"Payment.rejected": true, "Payment.refs": true, "Payment.synced": true, "Payment.synced_before": true, "Payment.frozen": true, "Payment.acknowledged": true,
	"Operation.command_id": true, "Operation.ref": true, "Operation.code": true,
	"Attempt.key": true, "Attempt.idem": true, "Attempt.nonce": true,

	"StoredCallback.id": true, "StoredCallback.provider": true, "StoredCallback.merchant": true, "StoredCallback.account": true,
	"StoredCallback.endpoint": true, "StoredCallback.page": true, "StoredCallback.method": true, "StoredCallback.reason": true,
	"StoredCallback.payment_id": true, "StoredCallback.dedup": true,

	"Sealed.key_id": true, "Sealed.data": true,
}

// texts returns the fields of m that hold text or bytes, as Message.field.
func texts(m protoreflect.Message, out map[string]bool) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(m.Descriptor().Name()) + "." + string(fd.Name())
		switch {
		case fd.IsMap():
			out[name] = true
		case fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind:
			out[name] = true
		case fd.Kind() == protoreflect.MessageKind && fd.IsList():
			for i := range v.List().Len() {
				texts(v.List().Get(i).Message(), out)
			}
		case fd.Kind() == protoreflect.MessageKind:
			texts(v.Message(), out)
		}
		return true
	})
}

// checkPlain fails for every field of the message in data that holds text in clear
// and is not declared to.
func checkPlain(t *testing.T, data []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(data, m); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	texts(m.ProtoReflect(), found)
	for name := range found {
		if !plain[name] {
			t.Errorf("%s stands in clear", name)
		}
	}
}

func testKey(t *testing.T) *seal.Key {
	t.Helper()
	t.Setenv("KEK_OF_TEST", seal.GenerateKEK().Reveal())
	r, err := seal.ParseRing([]string{"a=env:KEK_OF_TEST"})
	if err != nil {
		t.Fatal(err)
	}
	k, _, err := seal.New(context.Background(), r, "test")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func with(k *seal.Key) Finder {
	return func(id string) (*seal.Key, error) {
		if id != k.ID() {
			return nil, fmt.Errorf("asked for key %s", id)
		}
		return k, nil
	}
}

func destroyed(string) (*seal.Key, error) { return nil, seal.ErrDestroyed }

func TestSeal_LeavesNoPersonalDataInClear(t *testing.T) {
	k := testKey(t)
	command, err := SealCommand(filled[payment.Command](t), k)
	if err != nil {
		t.Fatal(err)
	}
	checkPlain(t, command, &pb.Command{})
	for typ, d := range filledData(t) {
		r := filledRecord(t, d)
		data, err := SealRecord(r, k)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		checkPlain(t, data, &pb.Event{})
		if !r.HasPersonal() {
			t.Errorf("%s: said to hold no personal data", typ)
		}
	}
	callback, err := SealCallback(filled[StoredCallback](t), k)
	if err != nil {
		t.Fatal(err)
	}
	checkPlain(t, callback, &pb.StoredCallback{})
}

func TestOpen_GivesTheWhole(t *testing.T) {
	k := testKey(t)
	c := filled[payment.Command](t)
	c.At = time.Time{}
	data, err := SealCommand(c, k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenCommand(data, with(k))
	if diff := cmp.Diff(c, got); err != nil || diff != "" {
		t.Errorf("command: %v\n%s", err, diff)
	}
	if Fingerprint(got) != Fingerprint(c) {
		t.Error("what was opened has another fingerprint")
	}
	for typ, d := range filledData(t) {
		r := filledRecord(t, d)
		data, err := SealRecord(r, k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenRecord(data, with(k))
		if diff := cmp.Diff(r, got, cmpopts.IgnoreFields(Record{}, "Sealed")); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", typ, err, diff)
		}
		buyer, err := OpenPersonal(got.Sealed, r.After.Merchant, r.After.ID, r.After.Version, with(k))
		if diff := cmp.Diff(r.After.Buyer, buyer); err != nil || diff != "" {
			t.Errorf("%s: what is kept opens as another buyer: %v\n%s", typ, err, diff)
		}
	}
	s := filled[StoredCallback](t)
	s.Body, s.Query = []byte("\xff\x00\xfe"), "name=J\xfcrgen"
	if data, err = SealCallback(s, k); err != nil {
		t.Fatal(err)
	}
	back, err := OpenCallback(data, with(k))
	if diff := cmp.Diff(s, back); err != nil || diff != "" {
		t.Errorf("callback: %v\n%s", err, diff)
	}
}

// What was sealed with a destroyed key, and what was written without one, say the
// same: nothing.
func TestOpen_WithoutTheKeyAllElseIsThere(t *testing.T) {
	k := testKey(t)
	c := payout()
	data, err := SealCommand(c, k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenCommand(data, destroyed)
	if err != nil || !got.Closed {
		t.Fatalf("closed %v, %v", got.Closed, err)
	}
	want := Plain(c)
	want.Closed = true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if Fingerprint(got) != Fingerprint(Plain(c)) {
		t.Error("what is left has another fingerprint than the plain part of the request")
	}
	if err := Validate(got); err == nil {
		t.Error("half a command is valid")
	}
	for typ, d := range filledData(t) {
		checkErased(t, filledRecord(t, d), typ, k)
	}
}

func checkErased(t *testing.T, r Record, typ payment.EventType, k *seal.Key) {
	t.Helper()
	sealed, err := SealRecord(r, k)
	if err != nil {
		t.Fatal(err)
	}
	never, err := SealRecord(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := OpenRecord(sealed, destroyed)
	if err != nil || !gone.Closed {
		t.Fatalf("%s: closed %v, %v", typ, gone.Closed, err)
	}
	without, err := UnmarshalRecord(never)
	if err != nil || without.Closed {
		t.Fatalf("%s without a key: closed %v, %v", typ, without.Closed, err)
	}
	if diff := cmp.Diff(without, gone, cmpopts.IgnoreFields(Record{}, "Closed", "Sealed")); diff != "" {
		t.Errorf("%s (-never written +erased):\n%s", typ, diff)
	}
	if gone.After.Buyer == nil || *gone.After.Buyer != (payment.Buyer{}) || gone.After.Terms.Return != (payment.ReturnURLs{}) {
		t.Errorf("%s: after the erasure: %+v", typ, gone.After)
	}
}

func TestOpen_RefusesWhatWasMoved(t *testing.T) {
	k := testKey(t)
	var m [2]pb.Command
	for i, c := range []payment.Command{payout(), authorize()} {
		data, err := SealCommand(c, k)
		if err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(data, &m[i]); err != nil {
			t.Fatal(err)
		}
	}
	m[1].Sealed = m[0].Sealed
	data, err := proto.Marshal(&m[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCommand(data, with(k)); !errors.Is(err, ErrUndecodable) || !errors.Is(err, seal.ErrForged) {
		t.Errorf("another command's personal data: %v", err)
	}
}

// A key that cannot be had now is no erasure, and no poison.
func TestOpen_TellsWhenTheKeyCannotBeHad(t *testing.T) {
	k := testKey(t)
	away := errors.New("away")
	find := func(string) (*seal.Key, error) { return nil, away }
	for name, open := range map[string]func() error{
		"command": func() error {
			_, err := OpenCommand(must(SealCommand(payout(), k)), find)
			return err
		},
		"record": func() error {
			_, err := OpenRecord(must(SealRecord(filledRecord(t, filled[payment.BuyerDetailsReceived](t)), k)), find)
			return err
		},
		"callback": func() error {
			_, err := OpenCallback(must(SealCallback(filled[StoredCallback](t), k)), find)
			return err
		},
	} {
		if err := open(); !errors.Is(err, away) || errors.Is(err, ErrUndecodable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

func TestHasPersonal(t *testing.T) {
	t.Parallel()
	for _, c := range []payment.Command{followUp(payment.Cancel), {Reference: "order-1"}, {Authorization: &payment.Authorization{Method: payment.Button}}} {
		if HasPersonal(c) {
			t.Errorf("%+v is said to hold personal data", c)
		}
	}
	for _, c := range []payment.Command{{Description: "x"}, {StatementText: "x"}, payout(), authorize()} {
		if !HasPersonal(c) {
			t.Errorf("%+v is said to hold none", c)
		}
	}
}

func TestOpenDataJSON_ShowsWhatItMayOpen(t *testing.T) {
	k := testKey(t)
	r := filledRecord(t, payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "Ada Example"}})
	body, err := Body(must(SealRecord(r, k)))
	if err != nil {
		t.Fatal(err)
	}
	text, closed, err := OpenDataJSON(body, with(k))
	if err != nil || closed || !strings.Contains(string(text), "Ada Example") {
		t.Errorf("%s, closed %v, %v", text, closed, err)
	}
	text, closed, err = OpenDataJSON(body, destroyed)
	if err != nil || !closed || strings.Contains(string(text), "Ada") {
		t.Errorf("after the erasure: %s, closed %v, %v", text, closed, err)
	}
	if strings.Contains(string(body), "Ada") {
		t.Error("the body shows the buyer")
	}
}
