package axerve_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// answered has a client submit cmd and be answered with these bodies.
func answered(t *testing.T, l *life, cmd payment.Command, answers map[gestpay.Operation]string) outcome {
	t.Helper()
	d := newDesk(t)
	for op, body := range answers {
		d.raw(op, 200, body)
	}
	r, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), l.start(cmd))
	return outcomeOf(t, r, err)
}

// TestSubmit_Vectors has every vector of an answer mean what it has to. Reads
// after an OK are not answered here, so the outcome is pending until they are.
func TestSubmit_Vectors(t *testing.T) {
	t.Parallel()
	want := map[string]outcome{
		"encrypt_ok.xml":                  said(payment.NeedBuyer),
		"encrypt_ok_soap12.xml":           said(payment.NeedBuyer),
		"encrypt_ok_inherited_ns.xml":     said(payment.NeedBuyer),
		"encrypt_ko_ip.xml":               later(payment.ReasonConfiguration),
		"encrypt_ko_apikey.xml":           later(payment.ReasonConfiguration),
		"encrypt_ko_amount_format.xml":    never(payment.ReasonInvalid),
		"encrypt_ko_system.xml":           later(payment.ReasonUnavailable),
		"encrypt_ko_unlisted_code.xml":    later(payment.ReasonUnavailable),
		"encrypt_ok_without_string.xml":   unclear(),
		"pagam_ok_escaped_cdata.xml":      said(payment.Pending),
		"pagam_ok_real_cdata.xml":         said(payment.Pending),
		"pagam_token_ok.xml":              said(payment.Pending),
		"pagam_ko_declined.xml":           lost(payment.Declined, payment.ReasonDeclined),
		"pagam_ko_amazon_5001.xml":        never(payment.ReasonDeclined),
		"pagam_ko_amazon_5003.xml":        never(payment.ReasonDeclined),
		"pagam_ko_system.xml":             unclear(),
		"pagam_ko_duplicate.xml":          unclear(),
		"settle_ok.xml":                   said(payment.Pending),
		"settle_ok_blank_shop_id.xml":     said(payment.Pending),
		"settle_ko_not_settleable.xml":    unclear(), // and the read after it is not answered
		"settle_ko_exceeds.xml":           unclear(),
		"settle_ko_expired.xml":           unclear(),
		"settle_ko_technical.xml":         unclear(),
		"settle_ko_ids_missing.xml":       never(payment.ReasonInvalid),
		"refund_ok.xml":                   said(payment.Pending),
		"refund_ko_exceeds.xml":           never(payment.ReasonAmount),
		"refund_ko_not_refundable.xml":    never(payment.ReasonState),
		"delete_ok.xml":                   said(payment.Pending),
		"delete_ko_not_deletable.xml":     unclear(),
		"wrong_operation.xml":             unclear(),
		"wrong_transaction.xml":           unclear(),
		"doctype_entity.xml":              unclear(),
		"truncated.xml":                   unclear(),
		"empty_result.xml":                unclear(),
		"maintenance_page.html":           {reason: payment.ReasonUnclear},
		"fault_soap11_server.xml":         unclear(),
		"fault_soap12.xml":                unclear(),
		"fault_soap11.xml":                never(payment.ReasonInvalid),
		"of another payment":              unclear(),
		"with an amount of another size":  unclear(),
		"with an amount nobody can read":  unclear(),
		"a settle that is not final":      unclear(),
		"an OK beside a code of an error": unclear(),
	}
	for name, w := range want {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			op, body, status := bodyOf(t, name)
			d.raw(op, status, body)
			r, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), callFor(t, op, name))
			if got := outcomeOf(t, r, err); got != w {
				t.Errorf("%+v, want %+v: %v", got, w, err)
			}
			checkRefs(t, op, r)
		})
	}
	for _, v := range mustVectors(t).Responses {
		if _, ok := want[v.File]; !ok && v.Operation != gestpay.OpDecrypt && v.Operation != gestpay.OpRead {
			t.Errorf("%s: nobody looks at it", v.File)
		}
	}
}

// bodyOf returns an answer by its name, a vector's or one of our own.
func bodyOf(t *testing.T, name string) (gestpay.Operation, string, int) {
	t.Helper()
	paid := func(shopID, amount string) string {
		return reply(gestpay.OpPay, "<TransactionResult>OK</TransactionResult><ShopTransactionID>"+shopID+"</ShopTransactionID><BankTransactionID>1</BankTransactionID><Currency>242</Currency><Amount>"+amount+"</Amount><ErrorCode>0</ErrorCode>")
	}
	switch name {
	case "of another payment":
		return gestpay.OpPay, paid("other", "49.90"), 200
	case "with an amount of another size":
		return gestpay.OpPay, paid(order, "49.89"), 200
	case "with an amount nobody can read":
		return gestpay.OpPay, paid(order, "many"), 200
	case "a settle that is not final":
		return gestpay.OpSettle, reply(gestpay.OpSettle, "<TransactionResult>XX</TransactionResult><ErrorCode>0</ErrorCode>"), 200
	case "an OK beside a code of an error":
		return gestpay.OpSettle, reply(gestpay.OpSettle, "<TransactionResult>OK</TransactionResult><ErrorCode>58</ErrorCode>"), 200
	}
	prefix, _, _ := strings.Cut(name, "_")
	op, status := map[string]gestpay.Operation{
		"encrypt": gestpay.OpEncrypt, "pagam": gestpay.OpPay, "settle": gestpay.OpSettle, "refund": gestpay.OpRefund, "delete": gestpay.OpDelete,
	}[prefix], 200
	if op == "" {
		op = gestpay.OpSettle
	}
	switch prefix {
	case "fault":
		status = 500
	case "maintenance":
		status = 503
	}
	return op, mustRead(t, name), status
}

// callFor returns the call that a vector answers.
func callFor(t *testing.T, op gestpay.Operation, name string) provider.Call {
	t.Helper()
	switch op {
	case gestpay.OpEncrypt:
		return newLife(t).start(hosted(euros))
	case gestpay.OpSettle:
		return authorized(t).start(capture(euros))
	case gestpay.OpRefund:
		return captured(t).start(refund("refund", 1500))
	case gestpay.OpDelete:
		return authorized(t).start(cancel())
	default:
		return chargeFor(t, name)
	}
}

func chargeFor(t *testing.T, name string) provider.Call {
	t.Helper()
	c := newLife(t).start(byReference(euros))
	for _, v := range mustVectors(t).Responses {
		if v.File == name {
			x := v.Context.Expected
			c.Operation.Amount = payment.Money{Minor: x.Minor, Currency: x.Currency}
			c.Operation.Attempt.Key = x.ShopID
		}
	}
	return c
}

// checkRefs wants what later operations need.
func checkRefs(t *testing.T, op gestpay.Operation, r payment.Result) {
	t.Helper()
	if r.Status == "" {
		return
	}
	if r.Ref == "" {
		t.Error("no reference")
	}
	if op == gestpay.OpPay && r.Status == payment.Pending && (r.Refs[axerve.RefBankID] == "" || r.Refs[axerve.RefShopID] == "") {
		t.Errorf("references %v", r.Refs)
	}
}

// TestSubmit_OKIsRead has the events decide after every OK.
func TestSubmit_OKIsRead(t *testing.T) {
	t.Parallel()
	paid := reply(gestpay.OpPay, "<TransactionResult>OK</TransactionResult><ShopTransactionID>"+order+"</ShopTransactionID><BankTransactionID>"+bank+
		"</BankTransactionID><Currency>242</Currency><Amount>49.9</Amount><ErrorCode>0</ErrorCode><TOKEN>AMZTOK01</TOKEN>")
	done := func(op gestpay.Operation) string {
		return reply(op, "<TransactionResult>OK</TransactionResult><ShopTransactionID>"+order+"</ShopTransactionID><BankTransactionID>"+bank+"</BankTransactionID><ErrorCode>0</ErrorCode>")
	}
	type want struct {
		status payment.Status
		totals *payment.Totals
	}
	totals := func(a, c, r int64) *payment.Totals {
		return &payment.Totals{Authorized: a, Captured: c, Refunded: r}
	}
	cases := map[string]struct {
		life func(testing.TB) *life
		cmd  payment.Command
		op   gestpay.Operation
		body string
		read string
		want want
	}{
		"a charge that only authorised":  {newLife, byReference(euros), gestpay.OpPay, paid, transaction("OK", "0", "AUT 49.90"), want{payment.Approved, totals(euros, 0, 0)}},
		"a charge that captured too":     {newLife, byToken(euros), gestpay.OpPay, paid, transaction("OK", "0", "AUT 49.90", "MOV 49.90"), want{payment.Approved, totals(euros, euros, 0)}},
		"a charge of another amount":     {newLife, byToken(euros), gestpay.OpPay, paid, transaction("OK", "0", "AUT 49.80"), want{payment.Pending, nil}},
		"a charge that is not there yet": {newLife, byToken(euros), gestpay.OpPay, paid, transaction("KO", "2011"), want{payment.Pending, nil}},
		"a charge that was not final":    {newLife, byToken(euros), gestpay.OpPay, strings.Replace(paid, ">OK<", ">XX<", 1), transaction("XX", "0", "AUT 49.90"), want{payment.Pending, nil}},
		"a capture that took effect":     {authorized, capture(3000), gestpay.OpSettle, done(gestpay.OpSettle), transaction("OK", "0", "AUT 49.90", "MOV 30.00"), want{payment.Approved, totals(euros, 3000, 0)}},
		"a capture for the night":        {authorized, capture(3000), gestpay.OpSettle, done(gestpay.OpSettle), transaction("OK", "0", "AUT 49.90", "PRE 30.00"), want{payment.Pending, nil}},
		"a capture that does not show":   {authorized, capture(3000), gestpay.OpSettle, done(gestpay.OpSettle), transaction("OK", "0", "AUT 49.90"), want{payment.Pending, nil}},
		"a refund that was executed":     {captured, refund("refund", 1500), gestpay.OpRefund, done(gestpay.OpRefund), transaction("OK", "0", "AUT 49.90", "MOV 49.90", "REQ 15.00", "STO 15.00"), want{payment.Approved, totals(euros, euros, 1500)}},
		"a refund that is requested":     {captured, refund("refund", 1500), gestpay.OpRefund, done(gestpay.OpRefund), transaction("OK", "0", "AUT 49.90", "MOV 49.90", "REQ 15.00"), want{payment.Pending, nil}},
		"a deletion":                     {authorized, cancel(), gestpay.OpDelete, done(gestpay.OpDelete), transaction("OK", "0", "AUT 49.90", "CAN 49.90"), want{payment.Approved, totals(0, 0, 0)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.raw(tc.op, 200, tc.body)
			d.raw(gestpay.OpRead, 200, tc.read)
			r, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), tc.life(t).start(tc.cmd))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want.totals, r.Totals); r.Status != tc.want.status || diff != "" || r.Ref != bank {
				t.Errorf("status %q, reference %q, totals (-want +got):\n%s", r.Status, r.Ref, diff)
			}
			if tc.op == gestpay.OpPay && (r.Mandate == nil || r.Mandate.ID != "AMZTOK01") {
				t.Errorf("mandate %v", r.Mandate)
			}
			if got := d.one(t, gestpay.OpRead).payload.Get("bankTransactionId"); got != bank {
				t.Errorf("read by %q", got)
			}
		})
	}
}

// TestSubmit_RefusedAndRead has a refusal that the payment's own state may explain
// be looked at, and the outcome adopted where it does.
func TestSubmit_RefusedAndRead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		life func(testing.TB) *life
		cmd  payment.Command
		op   gestpay.Operation
		code string
		read []string // events
		want outcome
	}{
		"captured already, by us":         {authorized, capture(euros), gestpay.OpSettle, "2019", []string{"AUT 49.90", "MOV 49.90"}, said(payment.Approved)},
		"captured already, less":          {authorized, capture(euros), gestpay.OpSettle, "66", []string{"AUT 49.90", "MOV 10.00"}, unclear()},
		"queued already":                  {authorized, capture(euros), gestpay.OpSettle, "2019", []string{"AUT 49.90", "PRE 49.90"}, said(payment.Pending)},
		"given up before":                 {authorized, capture(euros), gestpay.OpSettle, "66", []string{"AUT 49.90", "CAN 49.90"}, lost(payment.Failed, payment.ReasonState)},
		"above the authorisation":         {authorized, capture(euros), gestpay.OpSettle, "58", []string{"AUT 49.90"}, never(payment.ReasonAmount)},
		"the authorisation is too old":    {authorized, capture(euros), gestpay.OpSettle, "64", []string{"AUT 49.90"}, never(payment.ReasonExpired)},
		"no such authorisation":           {authorized, capture(euros), gestpay.OpSettle, "63", []string{"AUT 49.90"}, never(payment.ReasonNotFound)},
		"not settleable, who knows why":   {authorized, capture(euros), gestpay.OpSettle, "2019", []string{"AUT 49.90"}, never(payment.ReasonState)},
		"another currency":                {authorized, capture(euros), gestpay.OpSettle, "65", nil, never(payment.ReasonInvalid)},
		"our address is not on the list":  {authorized, capture(euros), gestpay.OpSettle, "1142", nil, later(payment.ReasonConfiguration)},
		"a code that no table has":        {authorized, capture(euros), gestpay.OpSettle, "123456", nil, unclear()},
		"refunded already, by a clerk":    {captured, refund("r", 1500), gestpay.OpRefund, "2014", []string{"AUT 49.90", "MOV 49.90", "STO 15.00"}, never(payment.ReasonAmount)},
		"a clerk left too little":         {captured, refund("r", 1500), gestpay.OpRefund, "8015", []string{"AUT 49.90", "MOV 49.90", "STO 15.00"}, never(payment.ReasonAmount)},
		"more than is left":               {captured, refund("r", 1500), gestpay.OpRefund, "8015", []string{"AUT 49.90", "MOV 49.90"}, never(payment.ReasonAmount)},
		"not refundable":                  {captured, refund("r", 1500), gestpay.OpRefund, "2018", []string{"AUT 49.90", "MOV 49.90"}, never(payment.ReasonState)},
		"a refund into trouble":           {captured, refund("r", 1500), gestpay.OpRefund, "9999", nil, unclear()},
		"deleted already":                 {authorized, cancel(), gestpay.OpDelete, "2017", []string{"AUT 49.90", "CAN 49.90"}, said(payment.Approved)},
		"captured, too late to delete":    {authorized, cancel(), gestpay.OpDelete, "2017", []string{"AUT 49.90", "MOV 49.90"}, lost(payment.Failed, payment.ReasonState)},
		"queued, too late to delete":      {authorized, cancel(), gestpay.OpDelete, "2017", []string{"AUT 49.90", "PRE 49.90"}, lost(payment.Failed, payment.ReasonState)},
		"authorised and yet not deleted":  {authorized, cancel(), gestpay.OpDelete, "2017", []string{"AUT 49.90"}, later(payment.ReasonState)},
		"a charge with a token too old":   {newLife, byToken(euros), gestpay.OpPay, "1164", nil, never(payment.ReasonMandateInvalid)},
		"a charge with an unknown token":  {newLife, byToken(euros), gestpay.OpPay, "1165", nil, never(payment.ReasonMandateInvalid)},
		"a charge that a rule refused":    {newLife, byToken(euros), gestpay.OpPay, "2001", nil, lost(payment.Declined, payment.ReasonDeclined)},
		"a charge that a bank refused":    {newLife, byToken(euros), gestpay.OpPay, "74", nil, lost(payment.Declined, payment.ReasonDeclined)},
		"a charge by a shop nobody knows": {newLife, byToken(euros), gestpay.OpPay, "1131", nil, later(payment.ReasonConfiguration)},
		"a charge with 3-D Secure":        {newLife, byToken(euros), gestpay.OpPay, "8006", nil, never(payment.ReasonUnsupported)},
		"a charge with a wrong amount":    {newLife, byToken(euros), gestpay.OpPay, "1114", nil, never(payment.ReasonInvalid)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := answered(t, tc.life(t), tc.cmd, map[gestpay.Operation]string{
				tc.op: ko(tc.op, tc.code), gestpay.OpRead: transaction("OK", "0", tc.read...),
			})
			if got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestSubmit_RefusalAfterDoubt has a charge refused that may have been executed
// before: the refusal may be for that very reason.
func TestSubmit_RefusalAfterDoubt(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]outcome{"1114": unclear(), "2007": unclear(), "74": unclear(), "1169": later(payment.ReasonConfiguration)} {
		l := newLife(t)
		l.start(byReference(euros))
		l.add("open", payment.OutcomeUnknown{Attempt: 1})
		if got := answered(t, l, byReference(euros), map[gestpay.Operation]string{gestpay.OpPay: ko(gestpay.OpPay, code)}); got != want {
			t.Errorf("%s: %+v, want %+v", code, got, want)
		}
	}
	l := newLife(t)
	for n := range 3 {
		l.start(byReference(euros))
		l.add("open", payment.OutcomeUnknown{Attempt: n + 1})
	}
	got := answered(t, l, byReference(euros), map[gestpay.Operation]string{gestpay.OpPay: ko(gestpay.OpPay, "1114")})
	if got != never(payment.ReasonInvalid) {
		t.Errorf("the fourth time: %+v", got)
	}
}

// TestSubmit_KOOfATransaction has a payment end by a transaction that was refused,
// unless the code or an earlier attempt leaves another possible.
func TestSubmit_KOOfATransaction(t *testing.T) {
	t.Parallel()
	declined := lost(payment.Declined, payment.ReasonDeclined)
	for name, tc := range map[string]struct {
		code    string
		doubted bool
		want    outcome
	}{
		"declined":                 {"74", false, declined},
		"declined after a doubt":   {"74", true, unclear()},
		"a conflict":               {"4707", false, unclear()},
		"a string used twice":      {"1137", false, unclear()},
		"trouble":                  {"9999", false, unclear()},
		"trouble of another kind":  {"4705", false, unclear()},
		"no code at all":           {"0", false, unclear()},
		"a code that no table has": {"123456", false, unclear()},
	} {
		l := newLife(t)
		l.start(byReference(euros))
		if tc.doubted {
			l.add("open", payment.OutcomeUnknown{Attempt: 1})
		} else {
			l.add("open", payment.AttemptNotSent{Attempt: 1, Refused: true})
		}
		body := reply(gestpay.OpPay, "<TransactionResult>KO</TransactionResult><ShopTransactionID>"+order+"</ShopTransactionID><BankTransactionID>"+bank+"</BankTransactionID><ErrorCode>"+tc.code+"</ErrorCode>")
		if got := answered(t, l, byReference(euros), map[gestpay.Operation]string{gestpay.OpPay: body}); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// TestSubmit_RefundedByADoubtedAttempt has a refund be found that an attempt without
// an answer made before the one that was refused.
func TestSubmit_RefundedByADoubtedAttempt(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]outcome{
		"STO 15.00 08:30:00": said(payment.Approved), // between the two
		"STO 15.00 07:30:00": unclear(),              // before the command
	} {
		l := captured(t)
		l.start(refund("r", 1500))
		l.add("r", payment.OutcomeUnknown{Attempt: 1})
		cmd := refund("r", 1500)
		got := answered(t, l, cmd, map[gestpay.Operation]string{
			gestpay.OpRefund: ko(gestpay.OpRefund, "2014"), gestpay.OpRead: transaction("OK", "0", "AUT 49.90", "MOV 49.90", event),
		})
		if got != want {
			t.Errorf("%s: %+v, want %+v", event, got, want)
		}
	}
}

func TestSubmit_UndeletableIsTriedOften(t *testing.T) {
	t.Parallel()
	l := authorized(t)
	for n := range 7 {
		l.start(cancel())
		l.add("cancel", payment.AttemptNotSent{Attempt: n + 1, Refused: true})
	}
	got := answered(t, l, cancel(), map[gestpay.Operation]string{
		gestpay.OpDelete: ko(gestpay.OpDelete, "2017"), gestpay.OpRead: transaction("OK", "0", "AUT 49.90"),
	})
	if got != never(payment.ReasonState) {
		t.Errorf("the eighth time: %+v", got)
	}
}

func TestSubmit_ErrorsCarryTheCode(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.raw(gestpay.OpPay, 200, ko(gestpay.OpPay, " 5002 "))
	d.raw(gestpay.OpPay, 200, ko(gestpay.OpPay, "Anna"))
	client := mustClient(t, testConfig(d.URL))
	for _, want := range []string{"5002", ""} {
		_, err := client.Submit(t.Context(), newLife(t).start(byReference(euros)))
		checkQuiet(t, err)
		if got := provider.AsError(err).Code; got != want {
			t.Errorf("code %q, want %q", got, want)
		}
	}
}

func TestSubmit_LeftAloneForAsLongAsAsked(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.raw(gestpay.OpSettle, 429, "later")
	_, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), authorized(t).start(capture(euros)))
	if e := provider.AsError(err); e.Failure != provider.NotSent || e.Reason != payment.ReasonThrottled || !e.Answered {
		t.Errorf("%+v", e)
	}
	if got := axerve.Capability().PollAfter; got < time.Second {
		t.Errorf("polls after %v", got)
	}
}
