package wire

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
)

// checkRoundTrip marshals v twice, and checks that the bytes are equal and mean v.
func checkRoundTrip[V any](t rapid.TB, v V, marshal func(V) ([]byte, error), unmarshal func([]byte) (V, error)) {
	t.Helper()
	data, err := marshal(v)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	again, err := marshal(v)
	if err != nil || !bytes.Equal(data, again) {
		t.Fatalf("marshalled again: %x, %v, want %x", again, err, data)
	}
	got, err := unmarshal(data)
	if err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	if diff := cmp.Diff(v, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("changed on the wire (-sent +received):\n%s", diff)
	}
}

func TestCommand_RoundTrip(t *testing.T) {
	t.Parallel()
	commands := anyOf[payment.Command]()
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, commands.Draw(t, "command"), MarshalCommand, UnmarshalCommand)
	})
}

func TestRecord_RoundTrip(t *testing.T) {
	t.Parallel()
	for typ, data := range eventData() {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			records := record(data)
			rapid.Check(t, func(t *rapid.T) {
				checkRoundTrip(t, records.Draw(t, "record"), MarshalRecord, UnmarshalRecord)
			})
		})
	}
}

func TestCallback_RoundTrip(t *testing.T) {
	t.Parallel()
	callbacks := callback()
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, callbacks.Draw(t, "callback"), MarshalCallback, UnmarshalCallback)
	})
}

func TestDeadLetter_RoundTrip(t *testing.T) {
	t.Parallel()
	letters := deadLetter()
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, letters.Draw(t, "dead letter"), MarshalDeadLetter, UnmarshalDeadLetter)
	})
}

func TestAudit_RoundTrip(t *testing.T) {
	t.Parallel()
	records := auditRecord()
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, records.Draw(t, "audit record"), MarshalAudit, UnmarshalAudit)
	})
}

func TestMarshalAudit_RefusesWhatSaysTooLittle(t *testing.T) {
	t.Parallel()
	whole := AuditRecord{ID: "a", Service: "payctl", Actor: "alex", Action: "dead.replay", At: time.Unix(1, 0), Result: Intended}
	if _, err := MarshalAudit(whole); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*AuditRecord){
		"nobody did it":        func(r *AuditRecord) { r.Actor = "" },
		"nothing was done":     func(r *AuditRecord) { r.Action = "" },
		"at no time":           func(r *AuditRecord) { r.At = time.Time{} },
		"a result of nothing":  func(r *AuditRecord) { r.Result = AuditDone },
		"an intent's intent":   func(r *AuditRecord) { r.Intent = "b" },
		"no result":            func(r *AuditRecord) { r.Result = "" },
		"a hash that is short": func(r *AuditRecord) { r.Prev = []byte{1} },
	} {
		r := whole
		spoil(&r)
		if _, err := MarshalAudit(r); !errors.Is(err, ErrUnencodable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallback_KeepsBytesThatAreNoText(t *testing.T) {
	t.Parallel()
	s := filled[StoredCallback](t)
	s.Body, s.Query = []byte("\xff\x00\xfe"), "name=J\xfcrgen"
	s.Header = map[string][]string{"X-Name": {"J\xfcrgen", ""}}
	checkRoundTrip(t, s, MarshalCallback, UnmarshalCallback)
}

func TestMarshalRecord_StoresTextThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	refs := map[string]string{"k\xff": "v\xfe", "fine": "é"}
	r := filledRecord(t, payment.OperationSucceeded{Ref: "r\xff", Refs: refs, Amount: 5})
	r.After.Buyer.Shipping.Lines = []string{"J\xfcrgen", "fine"}
	data, err := MarshalRecord(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnmarshalRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	want := payment.OperationSucceeded{
		Ref: "r\uFFFD", Refs: map[string]string{"k\uFFFD": "v\uFFFD", "fine": "é"}, Amount: 5,
	}
	if diff := cmp.Diff(payment.EventData(want), got.Event.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"J\uFFFDrgen", "fine"}, got.After.Buyer.Shipping.Lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if _, kept := refs["k\xff"]; !kept {
		t.Error("the caller's map was changed")
	}
}
