package computop_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop"
)

// fields returns an answer's fields in order, given as pairs over those that
// every answer has.
func fields(pairs ...string) []string {
	return append([]string{"mid", mid, "PayID", payID, "XID", xidNext, "TransID", order}, pairs...)
}

func TestSubmit_Button(t *testing.T) {
	t.Parallel()
	// Values hold what must not be unescaped or cut.
	payload := `{"storeId":"amzn1.application-oa2-client.x","a":"b+c%2F=d==","chargePermissionType":"OneTime"}`
	d := newDesk(t)
	d.answer(t, "amazonapa.aspx", "TRANSID", order, "BUTTONPAYLOAD", payload, "buttonSignature", "aGVsbG8+d29ybGQ/c2ln==",
		"xID", xidAuth, "buttonpublickeyid", "SANDBOX-AEXAMPLE", "Unknown", "a=b", "payid", payID, "MID", mid, "STATUS", "OK")
	got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), newLife(t).start("open", payment.Authorize, 12990, button(payment.CaptureManual)))
	if err != nil {
		t.Fatal(err)
	}
	want := payment.Result{
		Status: payment.NeedBuyer, Ref: xidAuth, Refs: map[string]string{computop.RefPayID: payID, computop.RefXID: xidAuth},
		Action: &payment.Action{
			Type: payment.ActionButton, Payload: payload, Signature: "aGVsbG8+d29ybGQ/c2ln==", PublicKeyID: "SANDBOX-AEXAMPLE",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

// outcome is what a call came to, in short.
type outcome struct {
	status   payment.Status
	failure  provider.Failure
	reason   payment.Reason
	answered bool
}

func approved() outcome             { return outcome{status: payment.Approved} }
func unclear() outcome              { return outcome{reason: payment.ReasonUnclear, answered: true} }
func said(s payment.Status) outcome { return outcome{status: s} }
func refused(r payment.Reason) outcome {
	return outcome{failure: provider.NotSent, reason: r, answered: true}
}
func never(r payment.Reason) outcome {
	return outcome{failure: provider.Rejected, reason: r, answered: true}
}

func outcomeOf(r payment.Result, err error) outcome {
	if err != nil {
		e := provider.AsError(err)
		return outcome{failure: e.Failure, reason: e.Reason, answered: e.Answered}
	}
	return outcome{status: r.Status, reason: r.Reason}
}

func (o outcome) because(r payment.Reason) outcome {
	o.reason = r
	return o
}

func TestSubmit_Answers(t *testing.T) {
	t.Parallel()
	capture := func(t *testing.T) provider.Call {
		t.Helper()
		return authorized(t).start("capture", payment.Capture, 5000, nil)
	}
	refund := func(t *testing.T) provider.Call {
		t.Helper()
		return captured(t, 5000).start("refund", payment.Refund, 1500, nil)
	}
	cancel := func(t *testing.T) provider.Call {
		t.Helper()
		return authorized(t).start("cancel", payment.Cancel, 0, nil)
	}
	update := func(t *testing.T) provider.Call {
		t.Helper()
		return opened(t, payment.CaptureManual).start("update", payment.UpdateAmount, 13490, nil)
	}
	open := func(t *testing.T) provider.Call {
		t.Helper()
		return newLife(t).start("open", payment.Authorize, 13490, button(payment.CaptureManual))
	}
	charge := func(t *testing.T) provider.Call {
		t.Helper()
		auth := &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureAuto, Country: "EU", Mandate: permit}
		return newLife(t).start("open", payment.Authorize, 13490, auth)
	}
	cases := map[string]struct {
		call   func(*testing.T) provider.Call
		answer []string
		want   outcome
	}{
		"captured": {
			capture, fields("Status", "OK", "Code", "00000000", "Amount", "5000", "Currency", "EUR", "AmountAuth", "13490", "AmountCap", "5000", "AmountCred", "0"),
			approved(),
		},
		"captured, without amounts": {capture, fields("Status", "OK", "Code", "00000000"), approved()},
		"captured, but the total has not moved yet": {
			capture, fields("Status", "OK", "Code", "00000000", "AmountAuth", "13490", "AmountCap", "0", "AmountCred", "0"), said(payment.Pending),
		},
		"captured, but the total moved by something else": {
			capture, fields("Status", "OK", "Code", "00000000", "AmountAuth", "13490", "AmountCap", "4000", "AmountCred", "0"), unclear(),
		},
		"a capture that Amazon takes its time for": {capture, fields("Status", "CAPTURE_REQUEST", "Code", "62520985"), said(payment.Pending)},
		"a success for another PayID":              {capture, []string{"PayID", strings.Repeat("a", 32), "Status", "OK", "Code", "00000000"}, unclear()},
		"a success for another TransID":            {capture, []string{"TransID", "other", "Status", "OK", "Code", "00000000"}, unclear()},
		"a success for another merchant":           {capture, []string{"MID", "other", "Status", "OK", "Code", "00000000"}, unclear()},
		"a success over another amount":            {capture, fields("Status", "OK", "Code", "00000000", "Amount", "5001"), unclear()},
		"a success in another currency":            {capture, fields("Status", "OK", "Code", "00000000", "Currency", "USD"), unclear()},
		"a decline for another PayID":              {capture, []string{"PayID", strings.Repeat("a", 32), "Status", "FAILED", "Code", "22520100"}, unclear()},
		"an amount that is no number":              {capture, fields("Status", "OK", "Code", "00000000", "AmountCap", "50.00"), unclear()},
		"declined":                                 {capture, fields("Status", "FAILED", "Code", "22520100"), said(payment.Declined).because(payment.ReasonDeclined)},
		"a good code with a bad status":            {capture, fields("Status", "FAILED", "Code", "00000000"), unclear()},
		"a good code with a status nobody knows":   {capture, fields("Status", "PERHAPS", "Code", "00000000"), unclear()},
		"a good status with the code 0":            {capture, fields("Status", "OK", "Code", "0"), said(payment.Pending)},
		"a good status without code":               {capture, fields("Status", "OK"), unclear()},
		"a good status with a decline":             {capture, fields("Status", "OK", "Code", "22520100"), unclear()},
		"a code that begins with 0 and goes on":    {capture, fields("Status", "OK", "Code", "00000001"), unclear()},
		"a fatal code":                             {capture, fields("Status", "FAILED", "Code", "42520050"), unclear()},
		"a code for 3-D Secure":                    {capture, fields("Status", "OK", "Code", "72520000"), unclear()},
		"a code that no table has":                 {capture, fields("Status", "FAILED", "Code", "22529999"), unclear()},
		"no answer from behind Paygate":            {capture, fields("Status", "FAILED", "Code", "22520051"), unclear()},
		"captured already":                         {capture, fields("Status", "FAILED", "Code", "22520072"), unclear()},
		"a ReqId used already":                     {capture, fields("Status", "FAILED", "Code", "20170004"), unclear()},
		"over the authorised amount":               {capture, fields("Status", "FAILED", "Code", "22520067"), never(payment.ReasonAmount)},
		"the merchant is busy":                     {capture, fields("Status", "FAILED", "Code", "22520045"), refused(payment.ReasonThrottled)},
		"another step is active":                   {capture, fields("Status", "FAILED", "Code", "22520062"), refused(payment.ReasonUnavailable)},
		"Amazon is away":                           {capture, fields("Status", "FAILED", "Code", "22520922"), refused(payment.ReasonUnavailable)},
		"a wrong MAC":                              {capture, fields("Status", "FAILED", "Code", "20120044"), refused(payment.ReasonConfiguration)},
		"a missing MAC":                            {capture, fields("Status", "FAILED", "Code", "20100044"), refused(payment.ReasonConfiguration)},
		"a request that could not be decrypted":    {capture, fields("Status", "FAILED", "Code", "20010007"), refused(payment.ReasonConfiguration)},
		"a format that Paygate did not like":       {capture, fields("Status", "FAILED", "Code", "20110011"), never(payment.ReasonInvalid)},
		"captures are disabled":                    {capture, fields("Status", "FAILED", "Code", "22520071"), never(payment.ReasonUnsupported)},
		"the authorisation expired":                {capture, fields("Status", "FAILED", "Code", "22521834"), said(payment.Failed).because(payment.ReasonExpired)},
		"refund accepted":                          {refund, fields("Status", "CREDIT_REQUEST", "Code", "62520985", "AmountCred", "0"), said(payment.Pending)},
		"refund accepted, the odd way":             {refund, fields("Status", "CREDIT_REQUEST", "Code", "00000000"), said(payment.Pending)},
		"refunded at once": {
			refund, fields("Status", "OK", "Code", "00000000", "AmountAuth", "13490", "AmountCap", "5000", "AmountCred", "1500"), approved(),
		},
		"refund blocked by a dispute":            {refund, fields("Status", "FAILED", "Code", "22520954"), said(payment.Failed).because(payment.ReasonRefundBlocked)},
		"nothing captured":                       {refund, fields("Status", "FAILED", "Code", "22520069"), said(payment.Failed).because(payment.ReasonState)},
		"cancelled":                              {cancel, fields("Status", "OK", "Code", "00000000", "AmountAuth", "0", "AmountCap", "0", "AmountCred", "0"), approved()},
		"cancelled, with little told":            {cancel, fields("Status", "OK", "Code", "00000000"), approved()},
		"cancelled, but money is still reserved": {cancel, fields("Status", "OK", "Code", "00000000", "AmountAuth", "13490", "AmountCap", "0", "AmountCred", "0"), unclear()},
		"reversed already":                       {cancel, fields("Status", "FAILED", "Code", "22521519"), unclear()},
		"the amount is changed": {
			update, []string{"mid", mid, "PayID", payID, "TransID", "n/a", "Status", "AUTHORIZE_REQUEST", "Code", "0", "AmountAuth", "0"}, approved(),
		},
		"the buyer had confirmed before":    {update, fields("Status", "AUTHORIZE_REQUEST", "Code", "0", "AmountAuth", "12990"), unclear()},
		"the amount cannot be changed now":  {update, fields("Status", "FAILED", "Code", "22520063"), never(payment.ReasonState)},
		"a change refused, nobody says why": {update, fields("Status", "FAILED", "Code", "22529999"), said(payment.Failed).because(payment.ReasonUnclear)},
		"a button without its signature":    {open, fields("Status", "OK", "buttonpayload", "x", "buttonpublickeyid", "y"), unclear()},
		"a button without PayID":            {open, []string{"Status", "OK", "buttonpayload", "x", "buttonsignature", "s", "buttonpublickeyid", "y"}, unclear()},
		"a TransID used already":            {open, fields("Status", "FAILED", "Code", "20170002"), unclear()},
		"an init that failed without code":  {open, fields("Status", "FAILED"), unclear()},
		"charged": {
			charge, fields("Status", "OK", "Code", "00000000", "Amount", "13490", "AmountAuth", "13490", "AmountCap", "13490", "AmountCred", "0"), approved(),
		},
		"charged, without totals":        {charge, fields("Status", "AUTHORIZED", "Code", "00000000"), approved()},
		"charged with another amount":    {charge, fields("Status", "OK", "Code", "00000000", "AmountAuth", "1", "AmountCap", "1", "AmountCred", "0"), unclear()},
		"a charge that nothing came of":  {charge, fields("Status", "OK", "Code", "00000000", "AmountAuth", "0", "AmountCap", "0", "AmountCred", "0"), said(payment.Pending)},
		"a charge that was declined":     {charge, fields("Status", "FAILED", "Code", "22520305"), said(payment.Declined).because(payment.ReasonDeclined)},
		"a permission that has expired":  {charge, fields("Status", "FAILED", "Code", "22521834"), said(payment.Failed).because(payment.ReasonExpired)},
		"an answer without any Status":   {charge, fields("Code", "00000000"), unclear()},
		"an answer that is all of blank": {charge, nil, unclear()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			for _, endpoint := range []string{"amazonapa.aspx", "capture.aspx", "credit.aspx", "reverse.aspx"} {
				d.answer(t, endpoint, tc.answer...)
			}
			d.answer(t, "inquire.aspx", fields("Status", "OK", "Code", "00000000", "AmountAuth", "13490", "AmountCap", "0", "AmountCred", "0")...)
			got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), tc.call(t))
			if o := outcomeOf(got, err); o != tc.want {
				t.Errorf("%+v, want %+v: %v", o, tc.want, err)
			}
		})
	}
}

func TestSubmit_Result(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(t, "capture.aspx", fields("Status", "OK", "Code", "00000000", "chargeid", chargeID, "chargepermissionid", permit,
		"Amount", "05000", "amountauth", "13490", "amountcap", "5000", "amountcred", "0")...)
	got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), authorized(t).start("capture", payment.Capture, 5000, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := payment.Result{
		Status: payment.Approved, Amount: 5000, Ref: xidNext, Code: "00000000",
		Refs:   map[string]string{computop.RefPayID: payID, computop.RefChargeID: chargeID, computop.RefChargePermission: permit},
		Totals: &payment.Totals{Authorized: 13490, Captured: 5000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

// What comes without encryption could be anybody's: it may refuse, but not
// succeed.
func TestSubmit_PlainAnswers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		body string
		want outcome
	}{
		"a success":          {"mid=" + mid + "&PayID=" + payID + "&Status=OK&Code=00000000", unclear()},
		"accepted":           {"mid=" + mid + "&Status=CAPTURE_REQUEST&Code=62520985", unclear()},
		"an unknown failure": {"mid=" + mid + "&Status=FAILED&Code=22529999", unclear()},
		"a wrong password":   {"mid=" + mid + "&Status=FAILED&Code=20010007&Description=DECRYPTION+FAILED", refused(payment.ReasonConfiguration)},
		"an unknown account": {"mid=&Status=FAILED&Code=20120003", refused(payment.ReasonConfiguration)},
		"nothing":            {"", unclear()},
		"a page":             {"<html>maintenance</html>", unclear()},
		"a cut envelope":     {"Len=400&Data=A3584AD54182902F", unclear()},
		"no hex":             {"Len=8&Data=zz584AD54182902F", unclear()},
		"a malformed form":   {"Len=8&Data=%zz", unclear()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.raw("capture.aspx", tc.body)
			got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), authorized(t).start("capture", payment.Capture, 5000, nil))
			if o := outcomeOf(got, err); o != tc.want {
				t.Errorf("%+v, want %+v: %v", o, tc.want, err)
			}
		})
	}
}

// A refusal on a later attempt may be the effect of an earlier one.
func TestSubmit_LaterAttempts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		code            string
		number, refused int
		before          string // what the attempts before were answered
		want            outcome
	}{
		"a step is active, and it cannot be ours":          {"22520065", 1, 0, "", refused(payment.ReasonUnavailable)},
		"a step is active, after refusals only":            {"22520065", 3, 2, "", refused(payment.ReasonUnavailable)},
		"a step is active, perhaps our first attempt":      {"22520065", 2, 0, "", unclear()},
		"over the amount, perhaps by our first attempt":    {"22520067", 2, 0, "", unclear()},
		"over the amount, after refusals only":             {"22520067", 2, 1, "", never(payment.ReasonAmount)},
		"over the amount, for the fourth time":             {"22520067", 4, 0, "", never(payment.ReasonAmount)},
		"an unlisted failure, once":                        {"22529999", 1, 0, "", unclear()},
		"an unlisted failure, after it was inquired for":   {"22529999", 2, 0, "22529999", said(payment.Failed).because(payment.ReasonUnclear)},
		"an unlisted failure, after one that was not sent": {"22529999", 2, 0, "", unclear()},
		"an unlisted failure, after another":               {"22529999", 2, 0, "22529998", unclear()},
		"an unlisted failure, after a refusal":             {"22529999", 2, 1, "22890045", unclear()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(t, "capture.aspx", fields("Status", "FAILED", "Code", tc.code)...)
			c := authorized(t).start("capture", payment.Capture, 5000, nil)
			c.Operation.Attempt.Number, c.Operation.Refused, c.Operation.Code = tc.number, tc.refused, tc.before
			got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), c)
			if o := outcomeOf(got, err); o != tc.want {
				t.Errorf("%+v, want %+v: %v", o, tc.want, err)
			}
		})
	}
}

// reverse.aspx undoes whatever came last, so it is never sent unless an inquiry
// shows an authorisation and nothing else.
func TestCancel_LooksFirst(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		inquiry []string
		want    outcome
	}{
		"captured meanwhile":      {totals("13490", "5000", "0"), outcome{failure: provider.Rejected, reason: payment.ReasonState}},
		"refunded meanwhile":      {totals("13490", "0", "1"), outcome{failure: provider.Rejected, reason: payment.ReasonState}},
		"nothing is reserved":     {totals("0", "0", "0"), unclear()},
		"Paygate does not know":   {[]string{"Status", "FAILED", "Code", "22520061", "Description", "PAYMENT NOT FOUND"}, outcome{failure: provider.NotSent, reason: payment.ReasonUnclear}},
		"the inquiry is no help":  {[]string{"Status", "FAILED", "Code", "22520055"}, outcome{failure: provider.NotSent, reason: payment.ReasonUnclear}},
		"the amounts are missing": {fields("Status", "OK", "Code", "00000000"), outcome{failure: provider.NotSent, reason: payment.ReasonUnclear}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(t, "inquire.aspx", tc.inquiry...)
			got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), authorized(t).start("cancel", payment.Cancel, 0, nil))
			if o := outcomeOf(got, err); o != tc.want {
				t.Errorf("%+v, want %+v: %v", o, tc.want, err)
			}
			for _, a := range d.asked() {
				if a.endpoint == "reverse.aspx" {
					t.Error("reverse.aspx was called")
				}
			}
		})
	}
}

// totals is the answer to an inquiry.
func totals(auth, captured, refunded string, more ...string) []string {
	return fields(append([]string{
		"Status", "OK", "Code", "00000000", "AmountAuth", auth, "AmountCap", captured, "AmountCred", refunded,
	}, more...)...)
}

func TestInquire(t *testing.T) {
	t.Parallel()
	notFound := outcome{failure: provider.NotSent, reason: payment.ReasonNotFound, answered: true}
	open := func(l *life) provider.Call {
		op, _ := l.Operation("open")
		return provider.Call{Payment: l.Payment, Operation: op, Now: time.Now()}
	}
	started := func(kind payment.Kind, minor int64) func(*testing.T) provider.Call {
		return func(t *testing.T) provider.Call {
			t.Helper()
			switch kind {
			case payment.Refund:
				return captured(t, 5000).start("next", kind, minor, nil)
			case payment.UpdateAmount:
				return opened(t, payment.CaptureManual).start("next", kind, minor, nil)
			default:
				return authorized(t).start("next", kind, minor, nil)
			}
		}
	}
	accepted := func(kind payment.Kind, minor int64) func(*testing.T) provider.Call {
		return func(t *testing.T) provider.Call {
			t.Helper()
			c := started(kind, minor)(t)
			c.Operation.Status = payment.OpPending
			return c
		}
	}
	waiting := func(t *testing.T) provider.Call {
		t.Helper()
		return open(opened(t, payment.CaptureManual))
	}
	done := func(t *testing.T) provider.Call {
		t.Helper()
		l := captured(t, 5000)
		op, _ := l.Operation("capture")
		return provider.Call{Payment: l.Payment, Operation: op, Now: time.Now()}
	}
	cases := map[string]struct {
		call   func(*testing.T) provider.Call
		answer []string
		want   outcome
	}{
		"a capture that took effect, whatever the last step was": {started(payment.Capture, 5000), totals("13490", "5000", "0", "LastStatus", "FAILED"), approved()},
		"a capture that did not":                                 {started(payment.Capture, 5000), totals("13490", "0", "0", "LastStatus", "AUTHORIZED"), notFound},
		"a capture that failed":                                  {started(payment.Capture, 5000), totals("13490", "0", "0", "LastStatus", "FAILED"), notFound},
		"a capture under way":                                    {started(payment.Capture, 5000), totals("13490", "0", "0", "LastStatus", "CAPTURE_REQUEST"), said(payment.Pending)},
		"a capture of another amount":                            {started(payment.Capture, 5000), totals("13490", "4999", "0", "LastStatus", "OK"), unclear()},
		"a capture that was booked before":                       {done, totals("13490", "5000", "0", "LastStatus", "OK"), approved()},
		"an accepted capture that is not there yet":              {accepted(payment.Capture, 5000), totals("13490", "0", "0", "LastStatus", "AUTHORIZED"), said(payment.Pending)},
		"an accepted capture that failed":                        {accepted(payment.Capture, 5000), totals("13490", "0", "0", "LastStatus", "FAILED"), said(payment.Failed).because(payment.ReasonUnclear)},
		"a refund that took effect":                              {started(payment.Refund, 1500), totals("13490", "5000", "1500", "LastStatus", "OK"), approved()},
		"a refund under way":                                     {started(payment.Refund, 1500), totals("13490", "5000", "0", "LastStatus", "CREDIT_REQUEST"), said(payment.Pending)},
		"a refund that did not arrive":                           {started(payment.Refund, 1500), totals("13490", "5000", "0", "LastStatus", "OK"), notFound},
		"a refund, and no last status":                           {started(payment.Refund, 1500), totals("13490", "5000", "0"), unclear()},
		"an accepted refund, and an older last status":           {accepted(payment.Refund, 1500), totals("13490", "5000", "0", "LastStatus", "OK"), said(payment.Pending)},
		"a refund somebody else made":                            {started(payment.Refund, 1500), totals("13490", "5000", "2000", "LastStatus", "OK"), unclear()},
		"a cancellation that took effect":                        {started(payment.Cancel, 0), totals("0", "0", "0", "LastStatus", "OK"), approved()},
		"a cancellation that did not":                            {started(payment.Cancel, 0), totals("13490", "0", "0", "LastStatus", "AUTHORIZED"), notFound},
		"an accepted cancellation that is not there yet":         {accepted(payment.Cancel, 0), totals("13490", "0", "0", "LastStatus", "REVERSE_REQUEST"), notFound},
		"an accepted cancellation that failed":                   {accepted(payment.Cancel, 0), totals("13490", "0", "0", "LastStatus", "FAILED"), said(payment.Failed).because(payment.ReasonUnclear)},
		"a cancellation of what was captured":                    {started(payment.Cancel, 0), totals("13490", "13490", "0", "LastStatus", "OK"), unclear()},
		"a changed amount, not confirmed yet":                    {started(payment.UpdateAmount, 9999), totals("0", "0", "0", "LastStatus", "REQUEST"), notFound},
		"a changed amount that the buyer confirmed":              {started(payment.UpdateAmount, 9999), totals("9999", "0", "0", "LastStatus", "AUTHORIZED"), approved()},
		"a changed amount that came too late":                    {started(payment.UpdateAmount, 9999), totals("13490", "0", "0", "LastStatus", "AUTHORIZED"), said(payment.Failed).because(payment.ReasonState)},
		"a buyer who confirmed":                                  {waiting, totals("13490", "0", "0", "LastStatus", "AUTHORIZED"), approved()},
		"a buyer who bought at once":                             {waiting, totals("13490", "13490", "0", "LastStatus", "OK"), approved()},
		"a buyer at Amazon":                                      {waiting, totals("0", "0", "0", "LastStatus", "REQUEST"), said(payment.NeedBuyer)},
		"a buyer at the review page":                             {waiting, totals("0", "0", "0", "LastStatus", "AUTHORIZE_REQUEST"), said(payment.NeedBuyer)},
		"a decision that takes time":                             {waiting, totals("0", "0", "0", "LastStatus", "PENDING"), said(payment.Pending)},
		"a word nobody knows":                                    {waiting, totals("0", "0", "0", "LastStatus", "WHATEVER"), said(payment.Pending)},
		"a buyer who failed":                                     {waiting, totals("0", "0", "0", "LastStatus", "FAILED"), said(payment.Failed).because(payment.ReasonUnclear)},
		"a buyer who left":                                       {waiting, totals("0", "0", "0", "LastStatus", "CANCELED"), said(payment.Failed).because(payment.ReasonBuyerCancelled)},
		"a session that expired":                                 {waiting, totals("0", "0", "0", "LastStatus", "EXPIRED"), said(payment.Failed).because(payment.ReasonExpired)},
		"a payment that Paygate does not know":                   {waiting, []string{"Status", "FAILED", "Code", "22520061"}, notFound},
		"the same in words":                                      {waiting, []string{"Status", "FAILED", "Description", "PAYMENT NOT FOUND"}, notFound},
		"an opened payment that is not known to hold a capture":  {started(payment.Capture, 5000), []string{"Status", "FAILED", "Code", "22520061"}, unclear()},
		"an inquiry that failed":                                 {waiting, []string{"Status", "FAILED", "Code", "22520051"}, unclear()},
		"an inquiry that was declined, whatever that means":      {waiting, []string{"Status", "FAILED", "Code", "22520100"}, unclear()},
		"an inquiry refused for our password":                    {waiting, []string{"Status", "FAILED", "Code", "20010007"}, refused(payment.ReasonConfiguration)},
		"an inquiry without amounts":                             {waiting, fields("Status", "OK", "Code", "00000000", "LastStatus", "AUTHORIZED"), unclear()},
		"an inquiry about another payment":                       {waiting, append([]string{"PayID", strings.Repeat("b", 32)}, totals("1", "0", "0")[4:]...), unclear()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(t, "inquire.aspx", tc.answer...)
			got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), tc.call(t))
			if o := outcomeOf(got, err); o != tc.want {
				t.Errorf("%+v, want %+v: %v", o, tc.want, err)
			}
			if errors.Is(err, provider.ErrNotFound) != (tc.want == notFound) {
				t.Errorf("ErrNotFound: %v", err)
			}
			if err == nil && got.Totals == nil {
				t.Error("no totals")
			}
		})
	}
}

// TestInquire_WhoseID: the XID of an inquiry is that of the last step that stands. It is
// not to become the id of a step that has one, or has left no trace.
func TestInquire_WhoseID(t *testing.T) {
	t.Parallel()
	const xidRefund = "11111111111111111111111111111111"
	cases := map[string]struct {
		known  string // the refund's id
		answer []string
		want   string
	}{
		"it took effect":                   {"", totals("13490", "5000", "1500", "LastStatus", "OK"), xidNext},
		"it took effect, and has an id":    {xidRefund, totals("13490", "5000", "1500", "LastStatus", "OK"), xidRefund},
		"it failed":                        {"", totals("13490", "5000", "0", "LastStatus", "FAILED"), ""},
		"it failed, and has an id":         {xidRefund, totals("13490", "5000", "0", "LastStatus", "FAILED"), xidRefund},
		"it is under way":                  {"", totals("13490", "5000", "0", "LastStatus", "CREDIT_REQUEST"), ""},
		"it is under way, and has an id":   {xidRefund, totals("13490", "5000", "0", "LastStatus", "CREDIT_REQUEST"), xidRefund},
		"it is accepted, and nothing else": {xidRefund, totals("13490", "5000", "0", "LastStatus", "OK"), xidRefund},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(t, "inquire.aspx", append(tc.answer, "XID", xidNext)...)
			l := captured(t, 5000)
			c := l.start("refund", payment.Refund, 1500, nil)
			c.Operation.Status, c.Operation.Ref = payment.OpPending, tc.known
			got, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), c)
			if err != nil || got.Ref != tc.want {
				t.Errorf("%s under %q, want %q: %v", got.Status, got.Ref, tc.want, err)
			}
		})
	}
}

// inquire24 looks back a day. What it does not find is no proof after that.
func TestInquire_ByTransIDProvesNothingAfterADay(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(t, "inquire24.aspx", "Status", "FAILED", "Code", "22520061")
	auth := &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureAuto, Country: "EU", Mandate: permit}
	c := newLife(t).start("open", payment.Authorize, 13490, auth)
	client := mustClient(t, testConfig(d.URL))
	if _, err := client.Inquire(t.Context(), c); !errors.Is(err, provider.ErrNotFound) {
		t.Errorf("a fresh attempt: %v", err)
	}
	c.Operation.Attempt.Started = time.Now().Add(-21 * time.Hour)
	if _, err := client.Inquire(t.Context(), c); errors.Is(err, provider.ErrNotFound) || provider.FailureOf(err) != provider.Unknown {
		t.Errorf("an old attempt: %v", err)
	}
}

// The buyer's confirmation carries the permission of a series, and of every
// other payment too.
func TestMandate(t *testing.T) {
	t.Parallel()
	l := opened(t, payment.CaptureManual)
	body := mustNotify(t, authNotify(nil)...)
	got, err := mustParser(t, testConfig("https://paygate.example")).ParseCallback(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	o := got.Observation
	o.Source = payment.FromCallback
	l.see(o)
	if l.Mandate != nil {
		t.Errorf("a single payment got the mandate %+v", *l.Mandate)
	}
	l = newLife(t)
	auth := button(payment.CaptureManual)
	auth.Recurring = &payment.Recurring{Cycle: payment.Month, Interval: 1}
	l.start("open", payment.Authorize, 13490, auth)
	l.see(o)
	if want := (payment.Mandate{ID: permit, Cycle: payment.Month}); l.Mandate == nil || *l.Mandate != want {
		t.Errorf("mandate %+v, want %+v", l.Mandate, want)
	}
}

// authNotify are the fields of a good notify about a payment, with changes.
func authNotify(change map[string]string) []string {
	pairs := []string{
		"mid", mid, "PayID", payID, "XID", xidAuth, "TransID", order, "refnr", "R000000481", "Status", "AUTHORIZED",
		"Description", "success", "Code", "00000000", "AmazonStatus", "Open", "chargepermissionid", permit, "chargeid", chargeID,
		"AmountAuth", "13490", "AmountCap", "0", "AmountCred", "0",
	}
	change = maps.Clone(change)
	for i := 0; i < len(pairs); i += 2 {
		if v, ok := change[pairs[i]]; ok {
			pairs[i+1] = v
			delete(change, pairs[i])
		}
	}
	for k, v := range change {
		pairs = append(pairs, k, v)
	}
	return pairs
}
