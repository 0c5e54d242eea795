package wire

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
)

// anyOf reads the structs of package payment by reflection, so that a field that
// is added there is generated here without anyone thinking of it.
func anyOf[V any]() *rapid.Generator[V] { return rapid.MakeCustom[V](generators()) }

func generators() rapid.MakeConfig {
	return rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{
			reflect.TypeFor[time.Time]():           someTime().AsAny(),
			reflect.TypeFor[payment.Money]():       someMoney().AsAny(),
			reflect.TypeFor[payment.Kind]():        oneOf(kinds).AsAny(),
			reflect.TypeFor[payment.Method]():      oneOf(methods).AsAny(),
			reflect.TypeFor[payment.CaptureMode](): oneOrNone(captureModes).AsAny(),
			reflect.TypeFor[payment.Cycle]():       oneOrNone(cycles).AsAny(),
			reflect.TypeFor[payment.Source]():      oneOf(sources).AsAny(),
			reflect.TypeFor[payment.Status]():      oneOf(statuses).AsAny(),
			reflect.TypeFor[payment.OpStatus]():    oneOf(opStatuses).AsAny(),
			reflect.TypeFor[payment.ActionType]():  oneOf(actionTypes).AsAny(),
			reflect.TypeFor[payment.State]():       oneOf(states).AsAny(),
			reflect.TypeFor[payment.Reason]():      oneOrNone(reasons).AsAny(),
			reflect.TypeFor[payment.BreakKind]():   oneOf(breakKinds).AsAny(),
			reflect.TypeFor[payment.Figure]():      oneOf(figures).AsAny(),
			reflect.TypeFor[payment.BreakStatus](): oneOf(breakStatuses).AsAny(),
			reflect.TypeFor[CallbackKind]():        oneOf(callbackKinds).AsAny(),
			reflect.TypeFor[Verdict]():             oneOf(verdicts).AsAny(),
			reflect.TypeFor[AuditResult]():         oneOf(auditResults).AsAny(),
		},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{
			reflect.Int: rapid.IntRange(-1<<31, 1<<31-1).AsAny(),
		},
		Fields: map[reflect.Type]map[string]*rapid.Generator[any]{
			reflect.TypeFor[payment.Terms]():     {"Method": oneOrNone(methods).AsAny()},
			reflect.TypeFor[payment.Recurring](): {"Cycle": oneOf(cycles).AsAny()},
			reflect.TypeFor[payment.Command]():   {"At": rapid.Just(time.Time{}).AsAny(), "Closed": rapid.Just(false).AsAny()},
			reflect.TypeFor[StoredCallback]():    {"Closed": rapid.Just(false).AsAny()},
		},
	}
}

func oneOf[G ~string, P ~int32](e enum[G, P]) *rapid.Generator[G] {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(e.numbers)))
}

func oneOrNone[G ~string, P ~int32](e enum[G, P]) *rapid.Generator[G] {
	return rapid.SampledFrom(append([]G{""}, slices.Sorted(maps.Keys(e.numbers))...))
}

func someTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return realTime().Draw(t, "time")
	})
}

// realTime generates times of the years 1 to 9999, the zero time excepted.
func realTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-62135596799, 253402300799).Draw(t, "s"),
			rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC()
	})
}

func someMoney() *rapid.Generator[payment.Money] {
	return rapid.Custom(func(t *rapid.T) payment.Money {
		if rapid.Bool().Draw(t, "none") {
			return payment.Money{}
		}
		return payment.Money{
			Minor:    rapid.Int64().Draw(t, "minor"),
			Currency: payment.Currency(rapid.StringMatching(`[A-Z]{3}`).Draw(t, "currency")),
		}
	})
}

// eventData generates data of every type there is.
func eventData() map[payment.EventType]*rapid.Generator[payment.EventData] {
	out := map[payment.EventType]*rapid.Generator[payment.EventData]{}
	for _, g := range []*rapid.Generator[payment.EventData]{
		dataOf[payment.AttemptStarted](), dataOf[payment.AttemptNotSent](), dataOf[payment.AttemptVoided](),
		dataOf[payment.ActionRequired](), dataOf[payment.OperationPending](), dataOf[payment.OperationSucceeded](),
		dataOf[payment.OperationDeclined](), dataOf[payment.OperationFailed](), dataOf[payment.OperationRejected](),
		dataOf[payment.OperationReversed](), dataOf[payment.OutcomeUnknown](), dataOf[payment.Parked](),
		dataOf[payment.BuyerDetailsReceived](), dataOf[payment.MandateIssued](), dataOf[payment.CallbackConfirmed](),
		dataOf[payment.LateOutcome](), dataOf[payment.Synced](), dataOf[payment.ReconcileBreak](), dataOf[payment.Unfrozen](),
	} {
		out[g.Example(0).Type()] = g
	}
	return out
}

func dataOf[D payment.EventData]() *rapid.Generator[payment.EventData] {
	return rapid.Map(anyOf[D](), func(d D) payment.EventData { return d })
}

// record generates records that hold what every record has.
func record(data *rapid.Generator[payment.EventData]) *rapid.Generator[Record] {
	name := rapid.StringMatching(`[a-z0-9]{1,8}`)
	after := anyOf[payment.Payment]()
	return rapid.Custom(func(t *rapid.T) Record {
		e := payment.Event{
			ID:       name.Draw(t, "id"),
			Payment:  payment.ID(name.Draw(t, "payment")),
			Merchant: payment.Merchant(name.Draw(t, "merchant")),
			Provider: payment.Provider(name.Draw(t, "provider")),
			Version:  rapid.Uint64Min(1).Draw(t, "version"),
			Command:  payment.CommandID(rapid.String().Draw(t, "command")),
			At:       realTime().Draw(t, "at"),
			Source:   oneOf(sources).Draw(t, "source"),
			Data:     data.Draw(t, "data"),
		}
		p := after.Draw(t, "after")
		p.ID, p.Merchant, p.Version = e.Payment, e.Merchant, e.Version
		r := Record{Event: e, After: p}
		if rapid.Bool().Draw(t, "follows") {
			r.Prev = Hash([]byte(name.Draw(t, "prev")))
		}
		return r
	})
}

func callback() *rapid.Generator[StoredCallback] {
	return rapid.Map(anyOf[StoredCallback](), func(s StoredCallback) StoredCallback {
		s.ID, s.Provider, s.Merchant = "c"+s.ID, "p"+s.Provider, "m"+s.Merchant
		s.ReceivedAt = time.Unix(1700000000, int64(len(s.Body))).UTC()
		return s
	})
}

func auditRecord() *rapid.Generator[AuditRecord] {
	return rapid.Map(anyOf[AuditRecord](), func(r AuditRecord) AuditRecord {
		r.ID, r.Service, r.Actor, r.Action = "i"+r.ID, "s"+r.Service, "a"+r.Actor, "c"+r.Action
		r.At = time.Unix(1700000000, int64(len(r.Detail))).UTC()
		r.Prev = nil
		if r.Result != Intended {
			r.Intent, r.Prev = "x"+r.Intent, Hash([]byte(r.ID))
		} else {
			r.Intent = ""
		}
		return r
	})
}

func deadLetter() *rapid.Generator[DeadLetter] {
	return rapid.Map(anyOf[DeadLetter](), func(d DeadLetter) DeadLetter {
		d.Service, d.Stream, d.Subject = "v"+d.Service, "S"+d.Stream, "s"+d.Subject
		d.At = time.Unix(1700000000, int64(len(d.Body))).UTC()
		return d
	})
}
