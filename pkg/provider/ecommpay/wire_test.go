package ecommpay_test

import (
	"context"
	"errors"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

const acceptance = `{"status":"success","request_id":"` + requestID + `","project_id":197,"payment_id":"` + payoutID + `"}`

// What goes over the wire. The vector is the documented example with a signature
// that can be checked; the address for callbacks is ours.
func TestSubmit_Wire(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(payoutPath, 200, acceptance)
	if _, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), started(t, 0).call()); err != nil {
		t.Fatal(err)
	}
	body := `{"general":{"project_id":197,"payment_id":"Payout-test-2-2209","merchant_callback_url":"https://orc.example/callbacks/ecommpay/k7"},` +
		`"payment":{"amount":10000,"currency":"INR"},` +
		`"customer":{"id":"24900","ip_address":"1.2.3.4","first_name":"Ada","last_name":"Lovelace","email":"Lovelace@mail.com","address":"Delhi, Main st., 20"},` +
		`"account":{"number":"5588994446666"}}`
	want := []asked{{payoutPath, "application/json", "application/json", mustSeal(t, body, gate.InGeneral)}}
	if diff := cmp.Diff(want, d.asked(), cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// The bytes of an inquiry are those of the vectors.
func TestInquire_Wire(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(statusPath, 200, errorBody("3061"))
	d.answer(requestStatusPath, 404, "")
	if _, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), accepted(t, time.Minute).call()); !errors.Is(err, provider.ErrNotFound) {
		t.Fatalf("error %v", err)
	}
	bodies := map[string]string{}
	for _, v := range mustVectors(t).Sign {
		bodies[v.ID] = v.SignedBody
	}
	want := []asked{
		{statusPath, "application/json", "application/json", bodies["status-request"]},
		{requestStatusPath, "application/json", "application/json", bodies["status-by-request-id"]},
	}
	if diff := cmp.Diff(want, d.asked(), cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// Text of every script goes as it is, and what is sent verifies in every order.
func TestSubmit_Text(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(payoutPath, 200, acceptance)
	call := started(t, 0).call()
	b := call.Command.Beneficiary
	b.FirstName, b.Address, b.IPAddress, b.LastName = "अदिति", `12/3 दिल्ली "B" & <C>: 5`, "2001:db8::1", "O\u200dNeil"
	if _, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	sent := d.asked()[0].body
	m, match, err := gate.Open(secret, []byte(sent))
	if err != nil || match != (gate.Match{Place: gate.InGeneral}) || !m.Portable() {
		t.Errorf("match %+v, %v", match, err)
	}
	if !strings.Contains(sent, `"address":"12/3 दिल्ली \"B\" & <C>: 5"`) || strings.Contains(sent, "canary") {
		t.Errorf("sent %s", sent)
	}
}

func TestSubmit_Amounts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		amount payment.Money
		reason payment.Reason // empty: sent
	}{
		"the least in INR":       {payment.Money{Minor: 100, Currency: "INR"}, ""},
		"less than that":         {payment.Money{Minor: 99, Currency: "INR"}, payment.ReasonAmount},
		"the most in INR":        {payment.Money{Minor: 40_000_000, Currency: "INR"}, ""},
		"more than that":         {payment.Money{Minor: 40_000_001, Currency: "INR"}, payment.ReasonAmount},
		"a cent":                 {payment.Money{Minor: 1, Currency: "USD"}, ""},
		"as many cents as there": {payment.Money{Minor: math.MaxInt64, Currency: "USD"}, ""},
		"no dollars":             {payment.Money{Minor: 0, Currency: "USD"}, payment.ReasonAmount},
		"a debt":                 {payment.Money{Minor: -100, Currency: "INR"}, payment.ReasonAmount},
		"euros":                  {payment.Money{Minor: 1000, Currency: "EUR"}, payment.ReasonUnsupported},
		"yen":                    {payment.Money{Minor: 1000, Currency: "JPY"}, payment.ReasonUnsupported},
		"small letters":          {payment.Money{Minor: 1000, Currency: "inr"}, payment.ReasonUnsupported},
		"no currency":            {payment.Money{Minor: 1000}, payment.ReasonUnsupported},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(payoutPath, 200, acceptance)
			call := started(t, 0).call()
			call.Operation.Amount = c.amount
			_, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), call)
			if c.reason == "" {
				want := `"amount":` + strconv.FormatInt(c.amount.Minor, 10) + `,"currency":"` + string(c.amount.Currency) + `"`
				if err != nil || !strings.Contains(d.asked()[0].body, want) {
					t.Errorf("%v, sent %+v", err, d.asked())
				}
				return
			}
			checkRejected(t, err, c.reason)
			if len(d.asked()) != 0 {
				t.Error("it was sent")
			}
		})
	}
}

func checkRejected(t *testing.T, err error, why payment.Reason) {
	t.Helper()
	if provider.FailureOf(err) != provider.Rejected || err == nil || provider.AsError(err).Reason != why {
		t.Errorf("error %v, reason %q", err, provider.AsError(err).Reason)
	}
}

// Every field is named that would be refused, and no value is shown.
func TestSubmit_Fields(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*payment.Beneficiary)
		want   []string
	}{
		"nothing at all": {
			func(b *payment.Beneficiary) { *b = payment.Beneficiary{} },
			[]string{"customer_id is missing", "ip_address must", "first_name is missing", "last_name is missing", "email is missing", "address is missing", "account_number is missing"},
		},
		"blanks":                     {func(b *payment.Beneficiary) { b.FirstName, b.Address = " ", "\t" }, []string{"first_name is missing", "address is missing"}},
		"a semicolon in the address": {func(b *payment.Beneficiary) { b.Address = "canary;payment:id:x" }, []string{"address must"}},
		"a semicolon in every text": {func(b *payment.Beneficiary) {
			b.CustomerID, b.FirstName, b.LastName, b.Email = "canary;", "canary;", "canary;", "canary;@a"
		}, []string{"customer_id must", "first_name must", "last_name must", "email must"}},
		"a line break":                 {func(b *payment.Beneficiary) { b.LastName = "canary\n" }, []string{"last_name must"}},
		"bytes that are no text":       {func(b *payment.Beneficiary) { b.LastName = "canary\xff" }, []string{"last_name must"}},
		"a name without end":           {func(b *payment.Beneficiary) { b.LastName = strings.Repeat("canary", 43) }, []string{"last_name must"}},
		"an address that is no e-mail": {func(b *payment.Beneficiary) { b.Email = "canary" }, []string{"email must"}},
		"an IP that is none":           {func(b *payment.Beneficiary) { b.IPAddress = "canary" }, []string{"ip_address must"}},
		"an IP with a zone":            {func(b *payment.Beneficiary) { b.IPAddress = "fe80::1%canary" }, []string{"ip_address must"}},
		"a plus sign":                  {func(b *payment.Beneficiary) { b.AccountNumber = "+919811181996" }, []string{"account_number must"}},
		"nine digits":                  {func(b *payment.Beneficiary) { b.AccountNumber = "981118199" }, []string{"account_number must"}},
		"sixteen digits":               {func(b *payment.Beneficiary) { b.AccountNumber = "9811181998111819" }, []string{"account_number must"}},
	}
	d := newDesk(t)
	client := mustClient(t, testConfig(d.URL))
	for name, c := range cases {
		call := started(t, 0).call()
		c.change(call.Command.Beneficiary)
		_, err := client.Submit(t.Context(), call)
		checkRejected(t, err, payment.ReasonInvalid)
		for _, want := range c.want {
			if !strings.Contains(err.Error(), "beneficiary."+want) {
				t.Errorf("%s: %q is not said: %v", name, want, err)
			}
		}
		if strings.Count(err.Error(), "beneficiary.") != len(c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	call := started(t, 0).call()
	call.Command.Beneficiary = nil
	_, err := client.Submit(t.Context(), call)
	checkRejected(t, err, payment.ReasonInvalid)
	call = started(t, 0).call()
	call.Operation.Attempt.Key = "a b"
	_, err = client.Submit(t.Context(), call)
	checkRejected(t, err, payment.ReasonInvalid)
	if len(d.asked()) != 0 {
		t.Errorf("%d requests were sent", len(d.asked()))
	}
}

func TestUnsupportedKinds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client := mustClient(t, testConfig(d.URL))
	for _, k := range payment.Kinds() {
		if k == payment.Payout {
			continue
		}
		call := started(t, 0).call()
		call.Operation.Kind = k
		if _, err := client.Submit(t.Context(), call); !errors.Is(err, provider.ErrUnsupported) || provider.FailureOf(err) != provider.Rejected {
			t.Errorf("submit %s: %v", k, err)
		}
		if _, err := client.Inquire(t.Context(), call); !errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("inquire %s: %v", k, err)
		}
	}
	if len(d.asked()) != 0 {
		t.Error("something was sent")
	}
}

func TestSubmit_Accepted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body string
		want payment.Result
	}{
		"as documented":             {acceptance, payment.Result{Status: payment.Pending, Ref: requestID, Refs: map[string]string{ecommpay.RefRequestID: requestID}}},
		"with numbers as text":      {`{"status":"Success","request_id":5,"project_id":"197","payment_id":"` + payoutID + `"}`, payment.Result{Status: payment.Pending, Ref: "5", Refs: map[string]string{ecommpay.RefRequestID: "5"}}},
		"with nothing but a status": {`{"status":"success"}`, payment.Result{Status: payment.Pending}},
	}
	for name, c := range cases {
		d := newDesk(t)
		d.answer(payoutPath, 200, c.body)
		got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), started(t, 0).call())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What an answer says of a first request.
func TestSubmit_Answers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status  int
		body    string
		failure provider.Failure
		reason  payment.Reason
	}{
		"a field is missing":                    {400, errorBody("2004"), provider.Rejected, payment.ReasonInvalid},
		"the same, as a list":                   {400, `{"errors":[{"code":2004,"message":"m","field":"f"}]}`, provider.Rejected, payment.ReasonInvalid},
		"the same, with status 200":             {200, errorBody("2004"), provider.Rejected, payment.ReasonInvalid},
		"the amount is too high":                {400, errorBody("3104"), provider.Rejected, payment.ReasonAmount},
		"a monthly limit":                       {400, errorBody("3106"), provider.Rejected, payment.ReasonAmount},
		"a currency that is disabled":           {400, errorBody("3023"), provider.Rejected, payment.ReasonUnsupported},
		"our signature is wrong":                {400, errorBody("3261"), provider.NotSent, payment.ReasonConfiguration},
		"there is no such project":              {400, errorBody("2442"), provider.NotSent, payment.ReasonConfiguration},
		"our balance is too low":                {400, errorBody("3028"), provider.NotSent, payment.ReasonConfiguration},
		"not now":                               {400, errorBody("601"), provider.Unknown, payment.ReasonUnavailable},
		"a time-out at the provider":            {400, errorBody("20202"), provider.Unknown, payment.ReasonUnavailable},
		"a time-out of the wallet's":            {400, errorBody("10206"), provider.Unknown, payment.ReasonUnavailable},
		"a time-out with status 200":            {200, errorBody("20602"), provider.Unknown, payment.ReasonUnavailable},
		"a time-out of the processing":          {400, errorBody("2147"), provider.Unknown, payment.ReasonUnavailable},
		"our address is not allowed":            {403, "", provider.NotSent, payment.ReasonConfiguration},
		"throttled":                             {429, "", provider.Unknown, payment.ReasonThrottled},
		"throttled, with a code":                {429, errorBody("2004"), provider.Unknown, payment.ReasonThrottled},
		"too early":                             {425, "", provider.Unknown, payment.ReasonThrottled},
		"a failure of the server":               {500, errorBody("2004"), provider.Unknown, payment.ReasonUnclear},
		"a time-out at the gateway":             {504, "<html>", provider.Unknown, payment.ReasonUnclear},
		"a time-out of the request":             {408, errorBody("2004"), provider.Unknown, payment.ReasonUnclear},
		"another page":                          {302, "", provider.Unknown, payment.ReasonUnclear},
		"a refusal without a code":              {400, `{"status":"error"}`, provider.Unknown, payment.ReasonUnclear},
		"no JSON":                               {200, "<html>", provider.Unknown, payment.ReasonUnclear},
		"nothing":                               {200, "", provider.Unknown, payment.ReasonUnclear},
		"a status nobody knows":                 {200, `{"status":"done"}`, provider.Unknown, payment.ReasonUnclear},
		"success twice":                         {200, `{"status":"success","status":"error"}`, provider.Unknown, payment.ReasonUnclear},
		"success with another status":           {202, `{"status":"success"}`, provider.Unknown, payment.ReasonUnclear},
		"success for another payment":           {200, `{"status":"success","payment_id":"other"}`, provider.Unknown, payment.ReasonUnclear},
		"success for another project":           {200, `{"status":"success","project_id":198}`, provider.Unknown, payment.ReasonUnclear},
		"a code nobody knows, and it is absent": {400, errorBody("999999"), provider.Unknown, payment.ReasonUnclear},
		"an internal error":                     {400, errorBody("501"), provider.Unknown, payment.ReasonUnclear},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(payoutPath, c.status, c.body)
			d.answer(statusPath, 200, errorBody("3061"))
			r, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), started(t, 0).call())
			e := provider.AsError(err)
			if err == nil || e.Failure != c.failure || e.Reason != c.reason || !e.Answered || !cmp.Equal(r, payment.Result{}) {
				t.Errorf("%+v, %v: reason %q, answered %v", r, err, e.Reason, e.Answered)
			}
			if got := errors.Is(err, provider.ErrConfiguration); got != (c.reason == payment.ReasonConfiguration) {
				t.Errorf("configuration %v: %v", got, err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("it repeats the answer: %v", err)
			}
		})
	}
}

func TestSubmit_Declined(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(payoutPath, 400, errorBody("1441"))
	got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), started(t, 0).call())
	want := payment.Result{Status: payment.Declined, Code: "1441", Reason: payment.ReasonDeclined}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

// A duplicate is no failure: what there is, is asked about and adopted.
func TestSubmit_Duplicate(t *testing.T) {
	t.Parallel()
	other := paid()
	other.Operations[0]["sum_initial"] = sum(99, "INR")
	cases := map[string]struct {
		age    time.Duration
		answer string
		status payment.Status // empty: Unknown
	}{
		"it is paid out":                     {time.Minute, paid().sealed(t), payment.Approved},
		"it is being paid out":               {time.Minute, newStory("processing").sealed(t), payment.Pending},
		"it was declined":                    {time.Minute, newStory("decline").with(op(1, "payout", "decline", "20000")).sealed(t), payment.Declined},
		"it does not show yet":               {time.Minute, errorBody("3061"), ""},
		"it does not show after long either": {time.Hour, errorBody("3061"), ""},
		"nobody can be asked":                {time.Minute, "<html>", ""},
		"it is another one":                  {time.Minute, other.sealed(t), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(payoutPath, 400, errorBody("3041"))
			d.answer(statusPath, 200, c.answer)
			got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), unknown(t, c.age).call())
			if d.paths() != "wallet/amazonpay/payout status" {
				t.Errorf("asked %s", d.paths())
			}
			if c.status == "" {
				if err == nil || provider.FailureOf(err) != provider.Unknown || provider.AsError(err).Code != "3041" {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if err != nil || got.Status != c.status {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// A refusal that explains itself badly stays in doubt, whatever its age. One that
// a person must explain, or that nothing explained for three days, calls one.
func TestSubmit_UnclearRefusal(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		code   string
		age    time.Duration
		person bool
	}{
		"an internal error":        {"501", 3 * time.Minute, false},
		"it is being looked into":  {"3613", 3 * time.Minute, false},
		"nobody knows the code":    {"999999", 3 * time.Minute, false},
		"a duplicate of nothing":   {"3041", 71 * time.Hour, false},
		"the same, after long":     {"3041", 73 * time.Hour, true},
		"approved, not executed":   {"20801", 0, true},
		"crediting not confirmed":  {"10812", 3 * time.Minute, true},
		"a time-out, and repeated": {"20202", 3 * time.Minute, false},
		"time-outs for long":       {"20202", 73 * time.Hour, true},
	}
	for name, c := range cases {
		d := newDesk(t)
		d.answer(payoutPath, 400, errorBody(c.code))
		d.answer(statusPath, 200, errorBody("3061"))
		got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), unknown(t, c.age).call())
		if !cmp.Equal(got, payment.Result{}) || provider.AsError(err).Code != c.code {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		checkUnclear(t, err, c.person)
	}
}

// The refusal of a repeated request says nothing about the first one. Believing it
// would begin a second attempt, with another payment_id.
func TestSubmit_RepeatRefused(t *testing.T) {
	t.Parallel()
	refusals := map[string]answer{
		"not now": {400, errorBody("601")}, "throttled": {429, ""}, "not allowed here": {403, ""},
		"invalid": {400, errorBody("2004")}, "declined": {400, errorBody("1441")}, "our settings": {400, errorBody("3261")},
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ask := func(l *life, status string) (payment.Result, error) {
				d := newDesk(t)
				d.answer(payoutPath, refusal.status, refusal.body)
				d.answer(statusPath, 200, status)
				return mustClient(t, testConfig(d.URL)).Submit(t.Context(), l.call())
			}
			for what, l := range map[string]*life{"unknown": unknown(t, time.Second), "open for long": started(t, time.Minute)} {
				if got, err := ask(l, paid().sealed(t)); err != nil || got.Status != payment.Approved {
					t.Errorf("%s, paid out: %+v, %v", what, got, err)
				}
				if got, err := ask(l, errorBody("3061")); err == nil || provider.FailureOf(err) != provider.Unknown {
					t.Errorf("%s, not there yet: %+v, %v", what, got, err)
				}
				if got, err := ask(l, "<html>"); err == nil || provider.FailureOf(err) != provider.Unknown {
					t.Errorf("%s, nobody to ask: %+v, %v", what, got, err)
				}
			}
			// The first request's age says nothing of how soon this one shows.
			for _, age := range []time.Duration{3 * time.Minute, 71 * time.Hour} {
				got, err := ask(unknown(t, age), errorBody("3061"))
				checkUnclear(t, err, false)
				if !cmp.Equal(got, payment.Result{}) {
					t.Errorf("after %s: %+v", age, got)
				}
			}
			_, err := ask(unknown(t, 73*time.Hour), errorBody("3061"))
			checkForPerson(t, err)
			_, err = ask(unknown(t, time.Minute), newStory("partially paid out").with(op(1, "payout", "decline", "20101")).sealed(t))
			checkForPerson(t, err)
		})
	}
}

func TestSubmit_RepeatUnreachable(t *testing.T) {
	t.Parallel()
	client := mustClient(t, testConfig(closedPort(t)))
	if _, err := client.Submit(t.Context(), started(t, 0).call()); provider.FailureOf(err) != provider.NotSent || err == nil {
		t.Errorf("first: %v", err)
	}
	if _, err := client.Submit(t.Context(), unknown(t, time.Hour).call()); provider.FailureOf(err) != provider.Unknown {
		t.Errorf("repeated: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Inquire(ctx, unknown(t, 0).call()); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

// closedPort returns the URL of a port where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return url
}

func TestSubmit_Concurrent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(payoutPath, 200, `{"status":"success"}`)
	client := mustClient(t, testConfig(d.URL))
	call := started(t, 0).call()
	var wg sync.WaitGroup
	for i := range 50 {
		c := call
		c.Operation.Attempt.Key = "P" + strconv.Itoa(i)
		wg.Go(func() {
			if _, err := client.Submit(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, a := range d.asked() {
		if seen[a.body] {
			t.Error("a body twice")
		}
		seen[a.body] = true
	}
}
