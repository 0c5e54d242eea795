package wire

import (
	"errors"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// unknownField is field 999 with the value 1.
var unknownField = protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1)

func mustMarshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func checkUndecodable[V any](t *testing.T, data []byte, unmarshal func([]byte) (V, error)) {
	t.Helper()
	if _, err := unmarshal(data); !errors.Is(err, ErrUndecodable) {
		t.Errorf("error %v, want ErrUndecodable", err)
	}
}

func TestUnmarshalCommand_Poison(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*pb.Command){
		"a later schema":            func(m *pb.Command) { m.SchemaVersion = 2 },
		"no schema":                 func(m *pb.Command) { m.SchemaVersion = 0 },
		"no kind":                   func(m *pb.Command) { m.Kind = 0 },
		"an unknown kind":           func(m *pb.Command) { m.Kind = 99 },
		"a negative kind":           func(m *pb.Command) { m.Kind = -1 },
		"money without currency":    func(m *pb.Command) { m.Amount.Currency = "" },
		"no method":                 func(m *pb.Command) { m.Authorization.Method = 0 },
		"an unknown capture mode":   func(m *pb.Command) { m.Authorization.Capture = 99 },
		"a series without cycle":    func(m *pb.Command) { m.Authorization.Recurring.Cycle = 0 },
		"an unknown field":          func(m *pb.Command) { m.ProtoReflect().SetUnknown(unknownField) },
		"one in the amount":         func(m *pb.Command) { m.Amount.ProtoReflect().SetUnknown(unknownField) },
		"one in the authorization":  func(m *pb.Command) { m.Authorization.ProtoReflect().SetUnknown(unknownField) },
		"one in the return urls":    func(m *pb.Command) { m.Authorization.ReturnUrls.ProtoReflect().SetUnknown(unknownField) },
		"one in the series":         func(m *pb.Command) { m.Authorization.Recurring.ProtoReflect().SetUnknown(unknownField) },
		"one in the series' amount": func(m *pb.Command) { m.Authorization.Recurring.Amount.ProtoReflect().SetUnknown(unknownField) },
		"one in the beneficiary":    func(m *pb.Command) { m.Beneficiary.ProtoReflect().SetUnknown(unknownField) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e coder
			m := e.encodeCommand(filled[payment.Command](t))
			spoil(m)
			checkUndecodable(t, mustMarshal(t, m), UnmarshalCommand)
		})
	}
	checkUndecodable(t, nil, UnmarshalCommand)
	checkUndecodable(t, []byte("\xff\xff"), UnmarshalCommand)
}

func TestUnmarshalRecord_Poison(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*pb.Event){
		"a later schema":          func(m *pb.Event) { m.SchemaVersion = 2 },
		"no id":                   func(m *pb.Event) { m.Id = "" },
		"no payment":              func(m *pb.Event) { m.PaymentId, m.Snapshot.PaymentId = "", "" },
		"no merchant":             func(m *pb.Event) { m.Merchant, m.Snapshot.Merchant = "", "" },
		"no provider":             func(m *pb.Event) { m.Provider = "" },
		"no version":              func(m *pb.Event) { m.Version, m.Snapshot.Version = 0, 0 },
		"no time":                 func(m *pb.Event) { m.At = nil },
		"a time out of range":     func(m *pb.Event) { m.At = &timestamppb.Timestamp{Seconds: math.MaxInt64} },
		"no source":               func(m *pb.Event) { m.Source = 0 },
		"an unknown source":       func(m *pb.Event) { m.Source = 99 },
		"half a hash":             func(m *pb.Event) { m.PrevHash = m.PrevHash[:16] },
		"no data":                 func(m *pb.Event) { m.Data = nil },
		"data of a later release": func(m *pb.Event) { m.Data = nil; m.ProtoReflect().SetUnknown(unknownField) },
		"data without kind":       func(m *pb.Event) { m.Data = &pb.Event_AttemptStarted{AttemptStarted: &pb.AttemptStarted{}} },
		"data without action":     func(m *pb.Event) { m.Data = &pb.Event_ActionRequired{ActionRequired: &pb.ActionRequired{}} },
		"data without buyer": func(m *pb.Event) {
			m.Data = &pb.Event_BuyerDetailsReceived{BuyerDetailsReceived: &pb.BuyerDetailsReceived{}}
		},
		"data without mandate":         func(m *pb.Event) { m.Data = &pb.Event_MandateIssued{MandateIssued: &pb.MandateIssued{}} },
		"data with an unknown reason":  func(m *pb.Event) { m.Data = &pb.Event_Parked{Parked: &pb.Parked{Reason: 999}} },
		"no snapshot":                  func(m *pb.Event) { m.Snapshot = nil },
		"a snapshot of another":        func(m *pb.Event) { m.Snapshot.PaymentId = "other" },
		"a snapshot of before":         func(m *pb.Event) { m.Snapshot.Version-- },
		"a snapshot without state":     func(m *pb.Event) { m.Snapshot.State = 0 },
		"an unknown state":             func(m *pb.Event) { m.Snapshot.State = 99 },
		"an operation without status":  func(m *pb.Event) { m.Snapshot.Operations[1].Status = 0 },
		"an operation of unknown kind": func(m *pb.Event) { m.Snapshot.Operations[1].Kind = 99 },
		"an action of unknown type":    func(m *pb.Event) { m.Snapshot.Action.Type = 99 },
		"a total without currency":     func(m *pb.Event) { m.Snapshot.Amount.Currency = "" },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e coder
			m := e.encodeRecord(filledRecord(t, payment.AttemptVoided{Attempt: 1}))
			spoil(m)
			checkUndecodable(t, mustMarshal(t, m), UnmarshalRecord)
		})
	}
	checkUndecodable(t, nil, UnmarshalRecord)
}

func TestUnmarshalRecord_PassesOverNewFields(t *testing.T) {
	t.Parallel()
	data, err := MarshalRecord(filledRecord(t, payment.AttemptVoided{Attempt: 1}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := UnmarshalRecord(append(data, unknownField...)); err != nil {
		t.Errorf("error %v, want none: the writer may be of a later release", err)
	}
}

func TestUnmarshalCallback_Poison(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*pb.StoredCallback){
		"a later schema":     func(m *pb.StoredCallback) { m.SchemaVersion = 2 },
		"no id":              func(m *pb.StoredCallback) { m.Id = "" },
		"no provider":        func(m *pb.StoredCallback) { m.Provider = "" },
		"no merchant":        func(m *pb.StoredCallback) { m.Merchant = "" },
		"no time":            func(m *pb.StoredCallback) { m.ReceivedAt = nil },
		"no kind":            func(m *pb.StoredCallback) { m.Kind = 0 },
		"no verdict":         func(m *pb.StoredCallback) { m.Verdict = 0 },
		"an unknown verdict": func(m *pb.StoredCallback) { m.Verdict = 99 },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e coder
			m := e.encodeCallback(filled[StoredCallback](t))
			spoil(m)
			checkUndecodable(t, mustMarshal(t, m), UnmarshalCallback)
		})
	}
	checkUndecodable(t, nil, UnmarshalDeadLetter)
}

func checkUnencodable[V any](t *testing.T, v V, marshal func(V) ([]byte, error)) {
	t.Helper()
	if _, err := marshal(v); !errors.Is(err, ErrUnencodable) {
		t.Errorf("error %v, want ErrUnencodable", err)
	}
}

func TestMarshalRecord_RefusesWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*Record){
		"no data":                func(r *Record) { r.Event.Data = nil },
		"a pointer as data":      func(r *Record) { r.Event.Data = &payment.Parked{} },
		"a reason nobody knows":  func(r *Record) { r.Event.Data = payment.Parked{Reason: "mood"} },
		"no source":              func(r *Record) { r.Event.Source = "" },
		"another's snapshot":     func(r *Record) { r.After.ID = "other" },
		"half a hash":            func(r *Record) { r.Prev = r.Prev[:7] },
		"money without currency": func(r *Record) { r.After.Amount.Currency = "" },
		"a number too large":     func(r *Record) { r.Event.Data = payment.AttemptVoided{Attempt: math.MaxInt32 + 1} },
		"a year too late":        func(r *Record) { r.Event.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := filledRecord(t, payment.AttemptVoided{Attempt: 1})
			spoil(&r)
			checkUnencodable(t, r, MarshalRecord)
			checkUnencodable(t, r, EventJSON)
		})
	}
}

func TestMarshal_RefusesWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	c := filled[payment.Command](t)
	c.Description = "\xff"
	checkUnencodable(t, c, MarshalCommand)
	checkUnencodable(t, payment.Command{Kind: "bribe"}, CommandJSON)
	checkUnencodable(t, StoredCallback{}, MarshalCallback)
	checkUnencodable(t, DeadLetter{}, MarshalDeadLetter)
}
