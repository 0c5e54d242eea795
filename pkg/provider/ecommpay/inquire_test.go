package ecommpay_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

var requestRef = map[string]string{ecommpay.RefRequestID: requestID}

func TestInquire_Results(t *testing.T) {
	t.Parallel()
	retried := newStory("success").with(
		op(99, "payout", "decline", "20202"), op(102, "payout", "success", "0"), op(101, "payout", "decline", "20202"))
	cases := map[string]struct {
		story story
		want  payment.Result
	}{
		"paid out": {
			paid(), payment.Result{Status: payment.Approved, Amount: 10000, Ref: opID, Refs: requestRef, Code: "0"},
		},
		"paid out at the third try, told in disorder": {
			retried, payment.Result{Status: payment.Approved, Amount: 10000, Ref: "102", Refs: requestRef, Code: "0"},
		},
		"declined": {
			newStory("decline").with(op(72455010013601, "payout", "decline", "20000")),
			payment.Result{Status: payment.Declined, Ref: "72455010013601", Refs: requestRef, Code: "20000", Reason: payment.ReasonDeclined},
		},
		"declined for a limit": {
			newStory("decline").with(op(1, "payout", "decline", "20101")),
			payment.Result{Status: payment.Declined, Ref: "1", Refs: requestRef, Code: "20101", Reason: payment.ReasonAmount},
		},
		"declined without a code that says why": {
			newStory("decline").with(op(1, "payout", "decline", "29999")),
			payment.Result{Status: payment.Declined, Ref: "1", Refs: requestRef, Code: "29999", Reason: payment.ReasonDeclined},
		},
		"declined without an operation": {
			newStory("decline"), payment.Result{Status: payment.Declined, Reason: payment.ReasonDeclined},
		},
		"under way": {
			newStory("processing").with(op(1, "payout", "external processing", "29999")),
			payment.Result{Status: payment.Pending, Ref: "1", Refs: requestRef, Code: "29999"},
		},
		"declined for now; the platform tries again": {
			newStory("awaiting retry").with(op(1, "payout", "decline", "20202")),
			payment.Result{Status: payment.Pending, Ref: "1", Refs: requestRef, Code: "20202"},
		},
		"a success that the operation denies": {
			newStory("success").with(op(1, "payout", "decline", "20000")),
			payment.Result{Status: payment.Pending, Ref: "1", Refs: requestRef, Code: "20000"},
		},
		"a success of no operation": {newStory("success"), payment.Result{Status: payment.Pending}},
		"a decline that the operation denies": {
			newStory("decline").with(op(1, "payout", "success", "0")),
			payment.Result{Status: payment.Pending, Ref: "1", Refs: requestRef, Code: "0"},
		},
		"never registered": {
			newStory("error").fault("2004"), payment.Result{Status: payment.Failed, Code: "2004", Reason: payment.ReasonInvalid},
		},
		"an error without a code": {newStory("error"), payment.Result{Status: payment.Pending}},
		"an error of a payment that is there": {
			newStory("error").with(op(1, "payout", "processing", "9999")).fault("2004"),
			payment.Result{Status: payment.Pending, Ref: "1", Refs: requestRef, Code: "2004"},
		},
		"an error about a repeat": {newStory("error").fault("3041"), payment.Result{Status: payment.Pending, Code: "3041"}},
		"taken back": {
			newStory("success").with(op(1, "payout", "success", "0"), op(2, "payout reversal", "success", "0")),
			payment.Result{Status: payment.Failed, Ref: "2", Refs: requestRef, Code: "0", Reason: payment.ReasonReversed},
		},
		"taken back, by the payment's status": {
			newStory("Reversed").with(op(1, "payout", "success", "0")),
			payment.Result{Status: payment.Failed, Ref: "1", Refs: requestRef, Code: "0", Reason: payment.ReasonReversed},
		},
		"a reversal that is under way": {
			newStory("success").with(op(1, "payout", "success", "0"), op(2, "payout reversal", "processing", "9999")),
			payment.Result{Status: payment.Approved, Amount: 10000, Ref: "2", Refs: requestRef, Code: "0"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(statusPath, 200, c.story.sealed(t))
			got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), unknown(t, time.Minute).call())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// What settles nothing is left open, and found by a person in the end.
func TestInquire_Unclear(t *testing.T) {
	t.Parallel()
	changed := func(change func(story)) story {
		s := paid()
		change(s)
		return s
	}
	wrong := strings.Replace(paid().sealed(t), `"success"`, `"decline"`, 1)
	cases := map[string]string{
		"not signed":                 paid().json(t),
		"a wrong signature":          wrong,
		"absent, with a wrong one":   strings.Replace(newStory("error").fault("3061").sealed(t), `"signature":"`, `"signature":"A`, 1),
		"an unsigned error":          newStory("error").fault("2004").json(t),
		"no JSON":                    "<html>",
		"an empty object":            "{}",
		"a refusal of the question":  errorBody("2004"),
		"a payment without a status": mustSeal(t, `{"project_id":197,"payment":{"id":"`+payoutID+`"}}`, gate.AtTop),
		"another project":            func() string { s := paid(); s.Project = 198; return s.sealed(t) }(),
		"no project":                 func() string { s := paid(); s.Project = nil; return s.sealed(t) }(),
		"a purchase":                 changed(func(s story) { s.Payment["type"] = "purchase" }).sealed(t),
	}
	persons := map[string]string{
		"another amount":                 changed(func(s story) { s.Operations[0]["sum_initial"] = sum(10001, "INR") }).sealed(t),
		"another currency":               changed(func(s story) { s.Operations[0]["sum_initial"] = sum(10000, "USD") }).sealed(t),
		"another amount, operation bare": changed(func(s story) { delete(s.Operations[0], "sum_initial"); s.Payment["sum"] = sum(1, "INR") }).sealed(t),
		"no amount anywhere":             changed(func(s story) { delete(s.Operations[0], "sum_initial"); delete(s.Payment, "sum") }).sealed(t),
		"another payment":                changed(func(s story) { s.Payment["id"] = "Payout-test-2-2209.2" }).sealed(t),
		"paid out in part":               newStory("partially paid out").with(op(1, "payout", "decline", "20101")).sealed(t),
		"paid out in part, spelt so":     newStory("partially_paid_out").with(op(1, "payout", "decline", "20101")).sealed(t),
		"approved and not executed":      newStory("decline").with(op(1, "payout", "decline", "20801")).sealed(t),
		"crediting was not confirmed":    newStory("decline").with(op(1, "payout", "decline", "10812")).sealed(t),
	}
	ask := func(t *testing.T, body string) error {
		t.Helper()
		d := newDesk(t)
		d.answer(statusPath, 200, body)
		got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), unknown(t, time.Minute).call())
		if errors.Is(err, provider.ErrNotFound) || !cmp.Equal(got, payment.Result{}) {
			t.Errorf("%+v, %v", got, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("it repeats the answer: %v", err)
		}
		return err
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkUnclear(t, ask(t, body), false)
		})
	}
	for name, body := range persons {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkForPerson(t, ask(t, body))
		})
	}
}

// checkUnclear has err say that the provider's own word settles nothing, and
// whether another one is to be hoped for.
func checkUnclear(t *testing.T, err error, person bool) {
	t.Helper()
	if e := provider.AsError(err); err == nil || e.Failure != provider.Unknown || !e.Answered || e.Person != person {
		t.Errorf("error %v, answered %v, person %v", err, e.Answered, e.Person)
	}
}

func checkForPerson(t *testing.T, err error) {
	t.Helper()
	checkUnclear(t, err, true)
}

func TestInquire_HTTPFailures(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status  int
		body    string
		failure provider.Failure
		config  bool
	}{
		"a failure of the server":   {500, "", provider.Unknown, false},
		"throttled":                 {429, "", provider.NotSent, false},
		"not allowed":               {403, "", provider.NotSent, true},
		"our signature is wrong":    {400, errorBody("3261"), provider.NotSent, true},
		"our question is wrong":     {400, errorBody("2004"), provider.Unknown, false},
		"a good answer, bad status": {500, paid().sealed(t), provider.Unknown, false},
	}
	for name, c := range cases {
		d := newDesk(t)
		d.answer(statusPath, c.status, c.body)
		_, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), unknown(t, time.Minute).call())
		if err == nil || provider.FailureOf(err) != c.failure || errors.Is(err, provider.ErrConfiguration) != c.config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInquire_NotFound(t *testing.T) {
	t.Parallel()
	absent := newStory("error").fault("3061")
	cases := map[string]struct {
		status int
		body   string
	}{
		"as an answer of the service":       {200, errorBody("3061")},
		"the same, with another status":     {404, errorBody("3061")},
		"as a payment, not signed":          {200, absent.json(t)},
		"as a payment, signed":              {200, absent.sealed(t)},
		"as a payment with nothing but it":  {200, `{"payment":{"status":"error"},"errors":[{"code":3061}]}`},
		"as a payment, with another status": {404, `{"errors":[{"code":"3061"}]}`},
	}
	for name, c := range cases {
		d := newDesk(t)
		d.answer(statusPath, c.status, c.body)
		_, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), unknown(t, time.Minute).call())
		if !errors.Is(err, provider.ErrNotFound) || provider.FailureOf(err) != provider.NotSent {
			t.Errorf("%s: %v", name, err)
		}
		if d.paths() != "status" {
			t.Errorf("%s: asked %s", name, d.paths())
		}
	}
}

// A request that was accepted and came to nothing is found by its own id.
func TestInquire_ByRequest(t *testing.T) {
	t.Parallel()
	refusedStory := newStory("error").fault("2004")
	refusedStory.RequestID = requestID
	failed := payment.Result{Status: payment.Failed, Ref: requestID, Refs: requestRef, Code: "2004", Reason: payment.ReasonInvalid}
	cases := map[string]struct {
		life   *life
		status int
		body   string
		want   *payment.Result // nil: not found
		asked  string
	}{
		"it tells why":                      {accepted(t, time.Minute), 200, refusedStory.sealed(t), &failed, "status status/request"},
		"it tells why, unsigned":            {accepted(t, time.Minute), 200, refusedStory.json(t), nil, "status status/request"},
		"it was a repeat":                   {accepted(t, time.Minute), 200, newStory("error").fault("3041").sealed(t), nil, "status status/request"},
		"it is not known either":            {accepted(t, time.Minute), 200, errorBody("3061"), nil, "status status/request"},
		"the question is not understood":    {accepted(t, time.Minute), 404, "", nil, "status status/request"},
		"it was never accepted":             {unknown(t, time.Minute), 200, refusedStory.sealed(t), nil, "status"},
		"what it tells is about a stranger": {accepted(t, time.Minute), 200, mustSeal(t, strings.ReplaceAll(refusedStory.json(t), payoutID, "other"), gate.AtTop), nil, "status status/request"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(statusPath, 200, errorBody("3061"))
			d.answer(requestStatusPath, c.status, c.body)
			got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), c.life.call())
			if d.paths() != c.asked {
				t.Errorf("asked %s", d.paths())
			}
			switch {
			case name == "what it tells is about a stranger":
				checkForPerson(t, err)
			case c.want == nil:
				if !errors.Is(err, provider.ErrNotFound) {
					t.Errorf("%+v, %v", got, err)
				}
			case err != nil || !cmp.Equal(*c.want, got):
				t.Errorf("%v %s", err, cmp.Diff(*c.want, got))
			}
		})
	}
}

// An error after the payment was seen is about another request.
func TestInquire_ErrorAfterRegistration(t *testing.T) {
	t.Parallel()
	l := started(t, time.Minute)
	l.add(payment.OperationPending{Attempt: 1, Ref: opID, Refs: requestRef})
	d := newDesk(t)
	d.answer(statusPath, 200, newStory("error").fault("2004").sealed(t))
	got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), l.call())
	if err != nil || got.Status != payment.Pending || got.Code != "2004" {
		t.Errorf("%+v, %v", got, err)
	}
}

// After three days a person has to look.
func TestInquire_Patience(t *testing.T) {
	t.Parallel()
	long := 73 * time.Hour
	for name, body := range map[string]string{
		"still under way": newStory("processing").sealed(t), "an internal error": newStory("internal error").sealed(t),
		"expired": newStory("expired").sealed(t), "accepted and absent": errorBody("3061"), "about a repeat": newStory("error").fault("3041").sealed(t),
	} {
		d := newDesk(t)
		d.answer(statusPath, 200, body)
		_, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), accepted(t, long).call())
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		checkForPerson(t, err)
	}
	d := newDesk(t)
	d.answer(statusPath, 200, paid().sealed(t))
	if got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), accepted(t, long).call()); err != nil || got.Status != payment.Approved {
		t.Errorf("paid out at last: %+v, %v", got, err)
	}
}

// A semicolon that the platform echoes does no harm on a connection of our own.
func TestInquire_Semicolon(t *testing.T) {
	t.Parallel()
	s := paid()
	s.Extra = map[string]string{"address": "a;b"}
	d := newDesk(t)
	d.answer(statusPath, 200, s.sealed(t))
	if got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), unknown(t, 0).call()); err != nil || got.Status != payment.Approved {
		t.Errorf("%+v, %v", got, err)
	}
	call := unknown(t, 0).call()
	call.Operation.Attempt.Key = "a;b"
	if _, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), call); provider.FailureOf(err) != provider.Rejected {
		t.Errorf("a key with a semicolon: %v", err)
	}
}

// The old secret serves for what is received, the new one for what is sent.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(statusPath, 200, paid().sealed(t))
	cfg := testConfig(d.URL)
	cfg.Secrets = []ecommpay.Key{key("2", "the new one"), key("1", secret)}
	if got, err := mustClient(t, cfg).Inquire(t.Context(), unknown(t, 0).call()); err != nil || got.Status != payment.Approved {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := gate.Open("the new one", []byte(d.asked()[0].body)); err != nil {
		t.Errorf("signed by another secret: %v", err)
	}
	if _, err := mustParser(t, cfg).ParseCallback(nil, []byte(paid().sealed(t))); err != nil {
		t.Errorf("callback: %v", err)
	}
	cfg.Secrets = cfg.Secrets[:1]
	if _, err := mustParser(t, cfg).ParseCallback(nil, []byte(paid().sealed(t))); !errors.Is(err, provider.ErrForged) {
		t.Errorf("callback under a secret that is gone: %v", err)
	}
}
