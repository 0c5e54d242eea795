package wire

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
)

// filler sets fields to values that are not zero and differ from each other, so
// that a field that is forgotten on the way, or mistaken for another, shows.
type filler struct{ n int }

// words are the values of the types that do not take any string.
var words = map[reflect.Type]string{
	reflect.TypeFor[payment.Kind]():        string(payment.Payout),
	reflect.TypeFor[payment.Method]():      string(payment.OrderReference),
	reflect.TypeFor[payment.CaptureMode](): string(payment.CaptureAuto),
	reflect.TypeFor[payment.Cycle]():       string(payment.Week),
	reflect.TypeFor[payment.Source]():      string(payment.FromInquiry),
	reflect.TypeFor[payment.Status]():      string(payment.Pending),
	reflect.TypeFor[payment.OpStatus]():    string(payment.OpDeclined),
	reflect.TypeFor[payment.ActionType]():  string(payment.ActionReview),
	reflect.TypeFor[payment.State]():       string(payment.StateRefunded),
	reflect.TypeFor[payment.Reason]():      string(payment.ReasonThrottled),
	reflect.TypeFor[payment.Currency]():    "JPY",
	reflect.TypeFor[payment.BreakKind]():   string(payment.AmountDiffers),
	reflect.TypeFor[payment.Figure]():      string(payment.FigureCaptured),
	reflect.TypeFor[payment.BreakStatus](): string(payment.BreakClosed),
	reflect.TypeFor[CallbackKind]():        string(FromBuyerBrowser),
	reflect.TypeFor[Verdict]():             string(Unverified),
}

func filled[V any](t *testing.T) V {
	t.Helper()
	var out V
	var f filler
	f.fill(t, reflect.ValueOf(&out).Elem())
	return out
}

func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	f.n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 3, 1, 12, 0, f.n, f.n, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.word(v.Type()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Uint64:
		v.SetUint(uint64(f.n))
	case reflect.Uint8:
		v.SetUint(uint64(f.n % 256))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(t, v.Index(0))
		f.fill(t, v.Index(1))
	case reflect.Map:
		f.fillMap(t, v)
	case reflect.Struct:
		for field, value := range v.Fields() {
			if !isReadOnly(field.Name) {
				f.fill(t, value)
			}
		}
	default:
		t.Fatalf("no way to fill a %s", v.Type())
	}
}

// isReadOnly tells whether a field is set by reading and never written.
func isReadOnly(name string) bool { return name == "Closed" || name == "Sealed" }

func (f *filler) word(typ reflect.Type) string {
	if w, ok := words[typ]; ok {
		return w
	}
	return fmt.Sprintf("text-%d", f.n)
}

func (f *filler) fillMap(t *testing.T, v reflect.Value) {
	t.Helper()
	v.Set(reflect.MakeMap(v.Type()))
	for range 3 {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(t, key)
		f.fill(t, value)
		v.SetMapIndex(key, value)
	}
}

// filledRecord returns a record of an event with d and every other field set.
func filledRecord(t *testing.T, d payment.EventData) Record {
	t.Helper()
	var f filler
	r := Record{Event: payment.Event{Data: d}, Prev: Hash([]byte("previous"))}
	for _, v := range []any{
		&r.After, &r.Event.ID, &r.Event.Command, &r.Event.Provider, &r.Event.At, &r.Event.Source,
	} {
		f.fill(t, reflect.ValueOf(v).Elem())
	}
	r.Event.Payment, r.Event.Merchant, r.Event.Version = r.After.ID, r.After.Merchant, r.After.Version
	return r
}

// filledData returns one value of every type of data, all fields set.
func filledData(t *testing.T) map[payment.EventType]payment.EventData {
	t.Helper()
	out := map[payment.EventType]payment.EventData{}
	for typ, g := range eventData() {
		d := reflect.New(reflect.TypeOf(g.Example(0))).Elem()
		var f filler
		f.fill(t, d)
		data, ok := d.Interface().(payment.EventData)
		if !ok {
			t.Fatalf("%s is no event data", d.Type())
		}
		out[typ] = data
	}
	return out
}

func TestRoundTrip_NoFieldIsLost(t *testing.T) {
	t.Parallel()
	command := filled[payment.Command](t)
	command.At = time.Time{} // the broker has it
	checkRoundTrip(t, command, MarshalCommand, UnmarshalCommand)
	for _, d := range filledData(t) {
		r := filledRecord(t, d)
		checkNoZero(t, reflect.ValueOf(r), "Record")
		checkRoundTrip(t, r, MarshalRecord, UnmarshalRecord)
	}
	checkRoundTrip(t, filled[StoredCallback](t), MarshalCallback, UnmarshalCallback)
	checkRoundTrip(t, filled[DeadLetter](t), MarshalDeadLetter, UnmarshalDeadLetter)
}

// checkNoZero holds the filler to its word.
func checkNoZero(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch {
	case v.IsZero():
		t.Errorf("%s is zero: the test proves nothing about it", path)
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		checkNoZero(t, v.Elem(), path)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for field, value := range v.Fields() {
			if !isReadOnly(field.Name) {
				checkNoZero(t, value, path+"."+field.Name)
			}
		}
	}
}

func TestFingerprint_SeesEveryFieldButAt(t *testing.T) {
	t.Parallel()
	c := filled[payment.Command](t)
	want := Fingerprint(c)
	if want == [32]byte{} {
		t.Fatal("no fingerprint")
	}
	later := c
	later.At = later.At.Add(time.Hour)
	if Fingerprint(later) != want {
		t.Error("the time of acceptance is part of the fingerprint")
	}
	c.At = time.Time{}
	checkEachField(t, reflect.ValueOf(&c).Elem(), "Command", func(path string) {
		if path != "Command.At" && path != "Command.Closed" && Fingerprint(c) == want {
			t.Errorf("the fingerprint is the same without %s", path)
		}
	})
}

// checkEachField calls check with each field of v in turn set to zero.
func checkEachField(t *testing.T, v reflect.Value, path string, check func(path string)) {
	t.Helper()
	for field, value := range v.Fields() {
		at := path + "." + field.Name
		kept := reflect.New(value.Type()).Elem()
		kept.Set(value)
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			checkEachField(t, value.Elem(), at, check)
		}
		if !isRequired(at) {
			value.SetZero()
			check(at)
			value.Set(kept)
		}
	}
}

// isRequired tells whether a command cannot be encoded without the field.
func isRequired(path string) bool {
	return path == "Command.Kind" || path == "Command.Authorization.Method" || path == "Command.Authorization.Recurring.Cycle"
}

func TestFingerprint_OfWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	if got := Fingerprint(payment.Command{Kind: "bribe"}); got != [32]byte{} {
		t.Errorf("got %x, want none", got)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(Hash([]byte("a")), Hash([]byte("b"))); diff == "" {
		t.Error("different bytes, same hash")
	}
	if n := len(Hash(nil)); n != 32 {
		t.Errorf("%d bytes, want 32", n)
	}
}
