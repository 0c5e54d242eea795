package ecommpay_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// stateOf puts what a payout became into the vectors' words.
func stateOf(before, after payment.Payment) string {
	if before.Version == after.Version {
		return "UNCHANGED"
	}
	return map[payment.State]string{
		payment.StatePending: "PENDING", payment.StatePaid: "SUCCEEDED", payment.StateDeclined: "DECLINED",
		payment.StateFailed: "FAILED", payment.StateReversed: "REVERSED",
	}[after.State]
}

// told lets a payout of the message's amount learn from a body what a receiver
// and its interpreter would.
func told(t *testing.T, id string, minor int64, body string) (string, error) {
	t.Helper()
	p := mustParser(t, testConfig("https://gate.example"))
	cb, err := p.ParseCallback(nil, []byte(body))
	if errors.Is(err, provider.ErrUnverified) {
		d := newDesk(t)
		d.answer(statusPath, 200, errorBody("3061"))
		cb, err = mustClient(t, testConfig(d.URL)).VerifyCallback(t.Context(), nil, []byte(body))
	}
	if err != nil {
		return "", err
	}
	if cb.Payment != payment.ID(id) || cb.Observation.Key != id || cb.Dedup == "" {
		t.Errorf("callback %+v", cb)
	}
	checkAsked(t, cb, payment.Money{Minor: minor, Currency: "INR"})
	l := newLife(t)
	l.add(payment.AttemptStarted{
		Kind: payment.Payout, Amount: payment.Money{Minor: minor, Currency: "INR"}, Attempt: 1, Key: id, Terms: &payment.Terms{},
	})
	before := l.Payment
	cb.Observation.Source = payment.FromCallback
	l.see(cb.Observation)
	return stateOf(before, l.Payment), nil
}

func TestParseCallback_Vectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Verify {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			minor := int64(10000)
			if strings.Contains(v.ID, "decline") {
				minor = 100
			}
			got, err := told(t, v.Payment, minor, v.Body)
			switch v.Expect {
			case "valid":
				if err != nil || got != v.State {
					t.Errorf("state %s, %v, want %s", got, err, v.State)
				}
			case "ambiguous":
				// The two say nothing else that makes sense.
				if !errors.Is(err, provider.ErrUnreadable) {
					t.Errorf("%s, %v", got, err)
				}
			default:
				if !errors.Is(err, provider.ErrForged) {
					t.Errorf("%s, %v", got, err)
				}
			}
		})
	}
}

func TestParseCallback_Mapping(t *testing.T) {
	t.Parallel()
	for i, c := range mustVectors(t).Mapping {
		t.Run(fmt.Sprintf("%d %s %s", i, c.PaymentStatus, c.State), func(t *testing.T) {
			t.Parallel()
			s := newStory(c.PaymentStatus)
			if c.Type != nil {
				o := op(77184010013601, *c.Type, *c.Status, *c.Code)
				s.Operation = o
			} else {
				s = s.fault("2004")
			}
			l := started(t, time.Minute)
			if c.State == "REVERSED" {
				l.add(payment.OperationSucceeded{Ref: opID, Amount: 10000, Code: "0"})
			}
			before := l.Payment
			cb, err := parseOrVerify(t, s.sealed(t), errorBody("3061"))
			if err != nil {
				t.Fatal(err)
			}
			cb.Observation.Source = payment.FromCallback
			l.see(cb.Observation)
			want := c.State
			if want == "MANUAL_REVIEW" {
				// A callback leaves it open; the inquiry that follows calls a person.
				want = "PENDING"
				d := newDesk(t)
				d.answer(statusPath, 200, s.sealed(t))
				_, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), l.call())
				checkForPerson(t, err)
			}
			if got := stateOf(before, l.Payment); got != want {
				t.Errorf("state %s, want %s", got, want)
			}
		})
	}
}

func parseOrVerify(t *testing.T, body, status string) (provider.Callback, error) {
	t.Helper()
	cb, err := mustParser(t, testConfig("https://gate.example")).ParseCallback(nil, []byte(body))
	if !errors.Is(err, provider.ErrUnverified) {
		return cb, err
	}
	if !cmp.Equal(cb, provider.Callback{}) {
		t.Errorf("%+v beside %v", cb, err)
	}
	d := newDesk(t)
	d.answer(statusPath, 200, status)
	return mustClient(t, testConfig(d.URL)).VerifyCallback(t.Context(), nil, []byte(body))
}

func TestParseCallback_Whole(t *testing.T) {
	t.Parallel()
	got, err := mustParser(t, testConfig("https://gate.example")).ParseCallback(nil, []byte(paid().sealed(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Callback{
		Payment: payoutID, Asked: payment.Money{Minor: 10000, Currency: "INR"}, Dedup: got.Dedup,
		Observation: payment.Observation{Kind: payment.Payout, Key: payoutID, Result: payment.Result{
			Status: payment.Approved, Amount: 10000, Ref: opID, Refs: requestRef, Code: "0",
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("callback (-want +got):\n%s", diff)
	}
}

// checkAsked has a success, and nothing else, tell the sum it is about.
func checkAsked(t *testing.T, cb provider.Callback, want payment.Money) {
	t.Helper()
	if cb.Observation.Result.Status != payment.Approved {
		want = payment.Money{}
	}
	if cb.Asked != want {
		t.Errorf("asked %v, want %v: %+v", cb.Asked, want, cb.Observation.Result)
	}
}

// A success tells the sum with its currency, wherever its layout has it. What was
// converted is another sum.
func TestParseCallback_Asked(t *testing.T) {
	t.Parallel()
	const payout = `{"id":1,"type":"payout","status":"success","code":"0"`
	standard := func(member, rest string) string {
		return mustSeal(t, `{"project_id":197,"payment":{"id":"`+payoutID+`","type":"payout","status":"success","sum":`+member+`},"operation":`+payout+rest+`}}`, gate.AtTop)
	}
	general := func(member, rest string) string {
		return mustSeal(t, `{"general":{"project_id":197,"payment_id":"`+payoutID+`"},"transaction":{"type":"payout"},"payment":{"id":"`+payoutID+`","status":"success"},`+
			`"sum_request":`+member+`,"sum_real":{"amount":7,"currency":"EUR"},"operations":[`+payout+rest+`}]}`, gate.InGeneral)
	}
	const rupees, dollars = `{"amount":10000,"currency":"INR"}`, `{"amount":10000,"currency":"USD"}`
	cases := map[string]struct {
		body string
		want payment.Currency
	}{
		"standard, of the operation":             {standard(dollars, `,"sum_initial":`+rupees+`,"sum_converted":`+dollars), "INR"},
		"standard, of the payment":               {standard(rupees, ""), "INR"},
		"standard, another currency":             {standard(rupees, `,"sum_initial":`+dollars), "USD"},
		"standard, of the payment, and another":  {standard(dollars, ""), "USD"},
		"general, of the operation":              {general(dollars, `,"sum":`+rupees), "INR"},
		"general, as requested":                  {general(rupees, ""), "INR"},
		"general, another currency":              {general(rupees, `,"sum":`+dollars), "USD"},
		"general, another currency as requested": {general(dollars, ""), "USD"},
	}
	for name, c := range cases {
		got, err := parseOrVerify(t, c.body, "")
		if err != nil || got.Observation.Result.Status != payment.Approved {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		checkAsked(t, got, payment.Money{Minor: 10000, Currency: c.want})
	}
}

// A key carries the attempt's number behind a dot.
func TestParseCallback_Attempt(t *testing.T) {
	t.Parallel()
	s := paid()
	s.Payment["id"] = payoutID + ".2"
	got, err := mustParser(t, testConfig("https://gate.example")).ParseCallback(nil, []byte(s.sealed(t)))
	if err != nil || got.Payment != payoutID || got.Observation.Key != payoutID+".2" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseCallback_Refuses(t *testing.T) {
	t.Parallel()
	changed := func(change func(*story)) string {
		s := paid()
		change(&s)
		return s.sealed(t)
	}
	cases := map[string]struct {
		body string
		want error
	}{
		"nothing":                      {"", provider.ErrForged},
		"what is no JSON":              {"payment=1", provider.ErrForged},
		"what is not signed":           {paid().json(t), provider.ErrForged},
		"a member twice":               {strings.Replace(paid().sealed(t), `{`, `{"project_id":197,`, 1), provider.ErrForged},
		"another project":              {changed(func(s *story) { s.Project = 198 }), provider.ErrUnreadable},
		"no project":                   {changed(func(s *story) { s.Project = nil }), provider.ErrUnreadable},
		"a purchase":                   {changed(func(s *story) { s.Payment["type"] = "purchase" }), provider.ErrUnreadable},
		"no type at all":               {changed(func(s *story) { delete(s.Payment, "type"); s.Operations = nil }), provider.ErrUnreadable},
		"no payment id":                {changed(func(s *story) { delete(s.Payment, "id") }), provider.ErrUnreadable},
		"an id that is none of ours":   {changed(func(s *story) { s.Payment["id"] = "a b" }), provider.ErrUnreadable},
		"an id that begins with a dot": {changed(func(s *story) { s.Payment["id"] = ".2" }), provider.ErrUnreadable},
		"no status":                    {changed(func(s *story) { delete(s.Payment, "status") }), provider.ErrUnreadable},
		"two payments":                 {mustSeal(t, `{"general":{"project_id":197,"payment_id":"a"},"payment":{"id":"b","type":"payout","status":"success"}}`, gate.InGeneral), provider.ErrUnreadable},
		"a semicolon":                  {changed(func(s *story) { s.Extra = map[string]string{"x": "a;b"} }), provider.ErrUnverified},
		"an error":                     {newStory("error").fault("2004").sealed(t), provider.ErrUnverified},
	}
	p := mustParser(t, testConfig("https://gate.example"))
	for name, c := range cases {
		got, err := p.ParseCallback(nil, []byte(c.body))
		if !errors.Is(err, c.want) || !cmp.Equal(got, provider.Callback{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A success without a sum, or with one that nobody can be paid, is left open.
func TestParseCallback_NoSum(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]map[string]any{"none": nil, "nothing": sum(0, "INR"), "a debt": sum(-5, "INR"), "yen": sum(10000, "JPY")} {
		story := paid()
		story.Payment["sum"], story.Operations[0]["sum_initial"] = s, s
		got, err := parseOrVerify(t, story.sealed(t), "")
		if err != nil || got.Observation.Result.Status != payment.Pending {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// More than was asked for is not booked.
func TestParseCallback_TooMuch(t *testing.T) {
	t.Parallel()
	s := paid()
	s.Operations[0]["sum_initial"] = sum(10001, "INR")
	cb, err := parseOrVerify(t, s.sealed(t), "")
	if err != nil {
		t.Fatal(err)
	}
	l := accepted(t, time.Minute)
	cb.Observation.Source = payment.FromCallback
	if l.see(cb.Observation); !l.NeedsAttention() || l.State == payment.StatePaid {
		t.Errorf("state %s", l.State)
	}
}

// Repeats of an event have one mark, whatever the date; other events another.
func TestParseCallback_Dedup(t *testing.T) {
	t.Parallel()
	mark := func(s story) string {
		t.Helper()
		cb, err := parseOrVerify(t, s.sealed(t), errorBody("3061"))
		if err != nil {
			t.Fatal(err)
		}
		return cb.Dedup
	}
	again := paid()
	again.Payment["date"] = "2020-09-22T08:50:57+0000"
	if mark(paid()) != mark(again) {
		t.Error("a repeat has another mark")
	}
	seen := map[string]string{}
	for name, s := range map[string]story{
		"success":          paid(),
		"processing":       newStory("processing").with(op(77184010013601, "payout", "processing", "9999")),
		"at the provider":  newStory("processing").with(op(77184010013601, "payout", "external processing", "29999")),
		"second operation": newStory("processing").with(op(77184010013602, "payout", "processing", "9999")),
		"decline":          newStory("decline").with(op(77184010013601, "payout", "decline", "20000")),
		"reversal":         newStory("success").with(op(77184010013603, "payout reversal", "success", "0")),
		"an error":         newStory("error").fault("2004"),
		"a repeat":         newStory("error").fault("3041"),
	} {
		m := mark(s)
		if other, twice := seen[m]; twice {
			t.Errorf("%s and %s have one mark", name, other)
		}
		seen[m] = name
	}
}

func TestVerifyCallback(t *testing.T) {
	t.Parallel()
	failure := newStory("error").fault("2004").sealed(t)
	ambiguous := paid()
	ambiguous.Extra = map[string]string{"x": "a;b"}
	foreign := paid()
	foreign.Payment["id"] = "other"
	cases := map[string]struct {
		body, status string
		want         payment.Status
		err          error // or nil
	}{
		"an error, and there is nothing":            {failure, errorBody("3061"), payment.Failed, nil},
		"an error, and another request paid":        {failure, paid().sealed(t), payment.Approved, nil},
		"an error, and another request is at it":    {failure, newStory("processing").sealed(t), payment.Pending, nil},
		"an error, and nobody to ask":               {failure, "<html>", "", errUnknown},
		"a semicolon, and it is true":               {ambiguous.sealed(t), paid().sealed(t), payment.Approved, nil},
		"a semicolon, and it is a lie":              {ambiguous.sealed(t), newStory("processing").sealed(t), payment.Pending, nil},
		"a semicolon, and there is nothing":         {ambiguous.sealed(t), errorBody("3061"), "", provider.ErrNotFound},
		"a semicolon, and the answer is a stranger": {ambiguous.sealed(t), foreign.sealed(t), "", errUnknown},
		"nothing peculiar, and there is nothing":    {paid().sealed(t), errorBody("3061"), "", provider.ErrNotFound},
		"a forgery":                                 {paid().json(t), paid().sealed(t), "", provider.ErrForged},
		"another project":                           {func() string { s := paid(); s.Project = 1; return s.sealed(t) }(), paid().sealed(t), "", provider.ErrUnreadable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(statusPath, 200, c.status)
			got, err := mustClient(t, testConfig(d.URL)).VerifyCallback(t.Context(), nil, []byte(c.body))
			switch {
			case c.err == errUnknown: //nolint:errorlint // a mark of this table
				if err == nil || provider.FailureOf(err) != provider.Unknown {
					t.Errorf("%+v, %v", got, err)
				}
			case !errors.Is(err, c.err) || got.Observation.Result.Status != c.want:
				t.Errorf("%+v, %v", got, err)
			case err == nil && (got.Payment != payoutID || got.Dedup == ""):
				t.Errorf("%+v", got)
			case err == nil:
				checkAsked(t, got, payment.Money{Minor: 10000, Currency: "INR"})
			}
		})
	}
}

var errUnknown = errors.New("unknown")

// The life of a payout as callbacks tell it, in any order and twice.
func TestCallbacks_Order(t *testing.T) {
	t.Parallel()
	processing := newStory("processing").with(op(1, "payout", "external processing", "29999"))
	retry := newStory("awaiting retry").with(op(1, "payout", "decline", "20202"))
	success := newStory("success").with(op(2, "payout", "success", "0"))
	repeat := newStory("error").fault("3041")
	reversal := newStory("success").with(op(3, "payout reversal", "success", "0"))
	cases := map[string]struct {
		stories []story
		want    payment.State
	}{
		"as it happens":              {[]story{processing, retry, success, success, repeat}, payment.StatePaid},
		"the end first":              {[]story{success, retry, processing, repeat}, payment.StatePaid},
		"taken back":                 {[]story{processing, success, reversal, reversal, processing}, payment.StateReversed},
		"taken back, told too early": {[]story{reversal, processing}, payment.StateFailed},
		"only the repeat":            {[]story{repeat}, payment.StatePending},
	}
	for name, c := range cases {
		l := accepted(t, time.Minute)
		for _, s := range c.stories {
			cb, err := parseOrVerify(t, s.sealed(t), "")
			if err != nil {
				t.Fatal(err)
			}
			cb.Observation.Source = payment.FromCallback
			l.see(cb.Observation)
		}
		if l.State != c.want || l.Frozen != "" {
			t.Errorf("%s: %s, frozen %q", name, l.State, l.Frozen)
		}
	}
}

// The callback that the documentation prints with a brace too few.
func TestParseCallback_BraceRestored(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Verify {
		if v.ID != "callback-decline-as-printed" {
			continue
		}
		p := mustParser(t, testConfig("https://gate.example"))
		if _, err := p.ParseCallback(nil, []byte(v.Body)); !errors.Is(err, provider.ErrForged) {
			t.Errorf("as printed: %v", err)
		}
		before, _, _ := strings.Cut(v.Body, `,"signature"`)
		cb, err := p.ParseCallback(nil, []byte(mustSeal(t, before+"}}", gate.AtTop)))
		if err != nil || cb.Observation.Result.Status != payment.Declined || cb.Observation.Result.Code != "20000" {
			t.Errorf("restored: %+v, %v", cb, err)
		}
		return
	}
	t.Fatal("no such vector")
}

// One bit flipped anywhere makes it a forgery.
func TestParseCallback_EveryBit(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://gate.example"))
	body := []byte(paid().sealed(t))
	for i := range body {
		flipped := bytes.Clone(body)
		flipped[i] ^= 1
		if _, err := p.ParseCallback(nil, flipped); !errors.Is(err, provider.ErrForged) {
			t.Errorf("byte %d: %v: %s", i, err, flipped)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	p := mustParser(f, testConfig("https://gate.example"))
	for _, v := range mustVectors(f).Verify {
		f.Add([]byte(v.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		cb, err := p.ParseCallback(nil, body)
		checkParsed(t, cb, err)
	})
}

// FuzzSigned feeds what ECommPay itself could say.
func FuzzSigned(f *testing.F) {
	p := mustParser(f, testConfig("https://gate.example"))
	for _, v := range mustVectors(f).Verify {
		f.Add([]byte(v.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := gate.Parse(body)
		if err != nil {
			return
		}
		signed, err := m.Signed(secret, gate.AtTop)
		if err != nil {
			return
		}
		cb, err := p.ParseCallback(nil, signed)
		checkParsed(t, cb, err)
		if r := cb.Observation.Result; err == nil && r.Status == payment.Approved && (r.Amount <= 0 || r.Code != "0") {
			t.Fatalf("%+v from %s", r, signed)
		}
	})
}

func checkParsed(t *testing.T, cb provider.Callback, err error) {
	t.Helper()
	if err == nil {
		if cb.Payment.Validate() != nil || cb.Dedup == "" || cb.Observation.Kind != payment.Payout {
			t.Fatalf("%+v", cb)
		}
		return
	}
	known := errors.Is(err, provider.ErrForged) || errors.Is(err, provider.ErrUnreadable) || errors.Is(err, provider.ErrUnverified)
	if !known || !cmp.Equal(cb, provider.Callback{}) {
		t.Fatalf("%+v, %v", cb, err)
	}
}
