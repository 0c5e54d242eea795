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

// TestInquire_Vectors has every vector of callReadTrxS2S tell the fate of the
// hosted payment that it speaks of.
func TestInquire_Vectors(t *testing.T) {
	t.Parallel()
	want := map[string]struct {
		outcome
		captured int64
	}{
		"readtrx_authorized.xml":                    {outcome: said(payment.Approved)},
		"readtrx_captured_full_details.xml":         {said(payment.Approved), euros},
		"readtrx_captured_digital.xml":              {said(payment.Approved), euros},
		"readtrx_no_order_details.xml":              {said(payment.Approved), euros},
		"readtrx_cancelled.xml":                     {outcome: lost(payment.Failed, payment.ReasonExpired)},
		"readtrx_capture_reserved_pre.xml":          {outcome: said(payment.Approved)},
		"readtrx_pre_then_mov.xml":                  {said(payment.Approved), euros},
		"readtrx_partial_capture.xml":               {said(payment.Approved), 3000},
		"readtrx_refund_requested.xml":              {said(payment.Approved), euros},
		"readtrx_partially_refunded.xml":            {said(payment.Approved), euros},
		"readtrx_refunded_twice_full.xml":           {said(payment.Approved), euros},
		"readtrx_declined_code0.xml":                {outcome: lost(payment.Declined, payment.ReasonDeclined)},
		"readtrx_declined_code74.xml":               {outcome: lost(payment.Declined, payment.ReasonDeclined)},
		"readtrx_pending_xx.xml":                    {outcome: said(payment.Pending)},
		"readtrx_not_found.xml":                     {outcome: missing()},
		"readtrx_ambiguous.xml":                     {outcome: unclear()},
		"readtrx_call_failure.xml":                  {outcome: later(payment.ReasonUnavailable)},
		"readtrx_other_prefix_unknown_elements.xml": {said(payment.Approved), euros},
		"readtrx_unknown_event_type.xml":            {said(payment.Approved), euros},
	}
	for _, v := range mustVectors(t).Responses {
		if v.Operation != gestpay.OpRead {
			continue
		}
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(t, gestpay.OpRead, v.File)
			r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), newLife(t).start(hosted(euros)))
			w, ok := want[v.File]
			if got := outcomeOf(t, r, err); !ok || got != w.outcome {
				t.Errorf("%+v, want %+v: %v", got, w.outcome, err)
			}
			if r.Totals != nil && r.Totals.Captured != w.captured {
				t.Errorf("captured %d, want %d", r.Totals.Captured, w.captured)
			}
			if r.Status == payment.Approved && (r.Amount != euros || r.Ref != bank || r.Refs[axerve.RefBankID] != bank || r.Refs[axerve.RefShopID] != order) {
				t.Errorf("%d of %q, references %v", r.Amount, r.Ref, r.Refs)
			}
		})
	}
}

func TestInquire_BuyerDetails(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(t, gestpay.OpRead, "readtrx_captured_full_details.xml")
	l := newLife(t)
	c := l.start(hosted(euros))
	r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), c)
	if err != nil || r.Buyer == nil || r.Buyer.Shipping == nil || r.Buyer.Billing == nil {
		t.Fatalf("buyer %v, %v", r.Buyer != nil, err)
	}
	if r.Buyer.Name == "" || r.Buyer.Email == "" || strings.Join(r.Buyer.Billing.Lines, "|") != "Ringstrasse 3|Top 12" || r.Buyer.Shipping.Country != "IT" || r.Buyer.Shipping.Phone == "" {
		t.Errorf("buyer %+v, shipping %+v, billing %+v", r.Buyer, r.Buyer.Shipping, r.Buyer.Billing)
	}
	events, err := payment.Observe(l.Payment, payment.Observation{Source: payment.FromInquiry, Command: "open", Result: r}, l.at)
	if err != nil || len(events) == 0 || events[0].Data.Type() != payment.TypeBuyerDetails {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestInquire_BuyerWhoTellsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(t, gestpay.OpRead, "readtrx_no_order_details.xml")
	r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), newLife(t).start(hosted(euros)))
	if err != nil || r.Buyer != nil {
		t.Errorf("buyer %v, %v", r.Buyer, err)
	}
}

// doubt is an operation whose answer was lost, and what a read shows then.
type doubt struct {
	life func(testing.TB) *life
	cmd  payment.Command
	read string
	want outcome
}

// The four procedures by which doubt is resolved, by what a read shows.

func TestRecovery_Charge(t *testing.T) {
	t.Parallel()
	paid := func(events ...string) string { return transaction("OK", "0", events...) }
	checkRecovery(t, map[string]doubt{
		"found, authorised":           {newLife, byReference(euros), paid("AUT 49.90"), said(payment.Approved)},
		"found, captured":             {newLife, byToken(euros), paid("AUT 49.90", "MOV 49.90"), said(payment.Approved)},
		"found, declined":             {newLife, byToken(euros), transaction("KO", "74", "AUT 49.90"), lost(payment.Declined, payment.ReasonDeclined)},
		"found, abandoned":            {newLife, hosted(euros), transaction("KO", "1143", "AUT 49.90"), lost(payment.Failed, payment.ReasonBuyerCancelled)},
		"found, not final":            {newLife, byToken(euros), transaction("XX", "0", "AUT 49.90"), said(payment.Pending)},
		"found, without events yet":   {newLife, byToken(euros), reply(gestpay.OpRead, "<TransactionResult>OK</TransactionResult><BankTransactionID>"+bank+"</BankTransactionID><ErrorCode>0</ErrorCode>"), said(payment.Pending)},
		"several with that id":        {newLife, byToken(euros), transaction("KO", "2012"), unclear()},
		"nothing, so far":             {newLife, byToken(euros), transaction("KO", "2011"), missing()},
		"another amount":              {newLife, byToken(euros), paid("AUT 10.00"), unclear()},
		"another currency":            {newLife, byToken(euros), strings.Replace(paid("AUT 49.90"), "242", "1", 1), unclear()},
		"the gateway is in trouble":   {newLife, byToken(euros), transaction("KO", "9999"), later(payment.ReasonUnavailable)},
		"we are not let in":           {newLife, byToken(euros), transaction("KO", "1142"), later(payment.ReasonConfiguration)},
		"nonsense":                    {newLife, byToken(euros), "<soap:Envelope", unclear()},
		"another payment's answer":    {newLife, byToken(euros), reply(gestpay.OpRead, "<TransactionResult>OK</TransactionResult><ShopTransactionID>other</ShopTransactionID><BankTransactionID>1</BankTransactionID><ErrorCode>0</ErrorCode>"), unclear()},
		"an order of the live Amazon": {newLife, byToken(euros), reply(gestpay.OpRead, "<TransactionResult>OK</TransactionResult><BankTransactionID>1</BankTransactionID><ErrorCode>0</ErrorCode><OrderReferenceDetails><ReleaseEnvironment>Live</ReleaseEnvironment></OrderReferenceDetails>"), unclear()},
	})
}

func TestRecovery_Capture(t *testing.T) {
	t.Parallel()
	paid := func(events ...string) string { return transaction("OK", "0", events...) }
	checkRecovery(t, map[string]doubt{
		"captured":                   {authorized, capture(euros), paid("AUT 49.90", "MOV 49.90"), said(payment.Approved)},
		"captured in part, as asked": {authorized, capture(3000), paid("AUT 49.90", "MOV 30"), said(payment.Approved)},
		"captured, queued before":    {authorized, capture(euros), paid("AUT 49.90", "PRE 49.90", "MOV 49.90"), said(payment.Approved)},
		"queued for the night":       {authorized, capture(euros), paid("AUT 49.90", "PRE 49.90"), said(payment.Pending)},
		"queued, another amount":     {authorized, capture(3000), paid("AUT 49.90", "PRE 49.90"), unclear()},
		"captured, another amount":   {authorized, capture(3000), paid("AUT 49.90", "MOV 49.90"), unclear()},
		"given up":                   {authorized, capture(euros), paid("AUT 49.90", "CAN 49.90"), lost(payment.Failed, payment.ReasonState)},
		"nothing but authorised":     {authorized, capture(euros), paid("AUT 49.90"), missing()},
		"no such transaction":        {authorized, capture(euros), transaction("KO", "2011"), unclear()},
		"a payment that is refused":  {authorized, capture(euros), transaction("KO", "74", "AUT 49.90"), unclear()},
	})
}

func TestRecovery_Refund(t *testing.T) {
	t.Parallel()
	paid := func(events ...string) string {
		return transaction("OK", "0", append([]string{"AUT 49.90", "MOV 49.90"}, events...)...)
	}
	refunded := func(t testing.TB) *life {
		t.Helper()
		l := captured(t)
		l.start(refund("first", 1000))
		l.add("first", payment.OperationSucceeded{Ref: bank, Amount: 1000})
		return l
	}
	checkRecovery(t, map[string]doubt{
		"executed, announced before":             {captured, refund("r", 1500), paid("REQ 15.00", "STO 15.00"), said(payment.Approved)},
		"executed, never announced":              {captured, refund("r", 1500), paid("STO 15.00"), said(payment.Approved)},
		"announced":                              {captured, refund("r", 1500), paid("REQ 15.00"), said(payment.Pending)},
		"nothing":                                {captured, refund("r", 1500), paid(), missing()},
		"something else":                         {captured, refund("r", 1500), paid("STO 3.00"), unclear()},
		"twice":                                  {captured, refund("r", 1500), paid("STO 15.00", "STO 15.00"), unclear()},
		"the second, executed":                   {refunded, refund("r", 1500), paid("STO 10.00", "REQ 15.00", "STO 15.00"), said(payment.Approved)},
		"the second, announced":                  {refunded, refund("r", 1500), paid("REQ 10.00", "STO 10.00", "REQ 15.00"), said(payment.Pending)},
		"the second, the first never announced":  {refunded, refund("r", 500), paid("STO 10.00", "REQ 5.00"), said(payment.Pending)},
		"nothing of the second":                  {refunded, refund("r", 1500), paid("REQ 10.00", "STO 10.00"), missing()},
		"of the second as much as of the first":  {refunded, refund("r", 1000), paid("STO 10.00", "STO 10.00"), said(payment.Approved)},
		"of that one nothing":                    {refunded, refund("r", 1000), paid("STO 10.00"), missing()},
		"less than we know of":                   {refunded, refund("r", 1500), paid(), unclear()},
		"the second, executed and the first not": {refunded, refund("r", 1500), paid("STO 15.00"), unclear()},
	})
}

// TestRecovery_RefundOfAnother has a doubted refund told from those that a person
// made, as far as it can be; the rest is for a person.
func TestRecovery_RefundOfAnother(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		events []string
		want   outcome
		person bool
	}{
		"just before ours, by a slow clock":     {[]string{"STO 15.00 07:56:00"}, said(payment.Approved), false},
		"before ours":                           {[]string{"STO 15.00 07:50:00"}, unclear(), true},
		"announced before ours, executed after": {[]string{"REQ 15.00 07:50:00", "STO 15.00"}, unclear(), true},
		"announced before ours":                 {[]string{"REQ 15.00 07:50:00"}, unclear(), true},
		"undated":                               {[]string{"STO 15.00 soon"}, unclear(), true},
		"another amount":                        {[]string{"STO 3.00"}, unclear(), true},
		"one of each":                           {[]string{"STO 15.00 07:50:00", "STO 15.00"}, unclear(), true},
	} {
		d := newDesk(t)
		d.raw(gestpay.OpRead, 200, transaction("OK", "0", append([]string{"AUT 49.90", "MOV 49.90"}, tc.events...)...))
		l := captured(t)
		r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), l.start(refund("r", 1500)))
		if got := outcomeOf(t, r, err); got != tc.want || err != nil && provider.AsError(err).Person != tc.person {
			t.Errorf("%s: %+v, want %+v: %v", name, got, tc.want, err)
		}
	}
}

func TestRecovery_Cancel(t *testing.T) {
	t.Parallel()
	paid := func(events ...string) string { return transaction("OK", "0", events...) }
	checkRecovery(t, map[string]doubt{
		"done":                    {authorized, cancel(), paid("AUT 49.90", "CAN 49.90"), said(payment.Approved)},
		"too late":                {authorized, cancel(), paid("AUT 49.90", "MOV 49.90"), lost(payment.Failed, payment.ReasonState)},
		"too late, from tonight":  {authorized, cancel(), paid("AUT 49.90", "PRE 49.90"), lost(payment.Failed, payment.ReasonState)},
		"authorised still":        {authorized, cancel(), paid("AUT 49.90"), missing()},
		"no such transaction now": {authorized, cancel(), transaction("KO", "2011"), unclear()},
	})
}

func checkRecovery(t *testing.T, cases map[string]doubt) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.raw(gestpay.OpRead, 200, tc.read)
			l := tc.life(t)
			c := l.start(tc.cmd)
			r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), c)
			if got := outcomeOf(t, r, err); got != tc.want {
				t.Errorf("%+v, want %+v: %v", got, tc.want, err)
			}
			if r.Status == payment.Approved && r.Amount != tc.cmd.Amount.Minor {
				t.Errorf("amount %d, want %d", r.Amount, tc.cmd.Amount.Minor)
			}
			if n := len(d.calls()); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

// TestRecovery_AcceptedIsNotMissing has what was accepted not show yet.
func TestRecovery_AcceptedIsNotMissing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		life func(testing.TB) *life
		cmd  payment.Command
		read string
	}{
		"capture": {authorized, capture(euros), transaction("OK", "0", "AUT 49.90")},
		"refund":  {captured, refund("r", 1500), transaction("OK", "0", "AUT 49.90", "MOV 49.90")},
	} {
		d := newDesk(t)
		d.raw(gestpay.OpRead, 200, tc.read)
		l := tc.life(t)
		l.start(tc.cmd)
		l.add(tc.cmd.ID, payment.OperationPending{Attempt: 1, Ref: bank})
		r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), l.call(tc.cmd))
		if err != nil || r.Status != payment.Pending {
			t.Errorf("%s: %q, %v", name, r.Status, err)
		}
	}
}

// TestRecovery_DoneIsCountedOnce asks again about what is in the sums already.
func TestRecovery_DoneIsCountedOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.raw(gestpay.OpRead, 200, transaction("OK", "0", "AUT 49.90", "MOV 49.90", "STO 15.00"))
	l := captured(t)
	l.start(refund("r", 1500))
	l.add("r", payment.OperationSucceeded{Ref: bank, Amount: 1500})
	client := mustClient(t, testConfig(d.URL))
	for _, cmd := range []payment.Command{refund("r", 1500), capture(euros), hosted(euros)} {
		r, err := client.Inquire(t.Context(), l.call(cmd))
		if err != nil || r.Status != payment.Approved || r.Amount != cmd.Amount.Minor {
			t.Errorf("%s: %q %d, %v", cmd.Kind, r.Status, r.Amount, err)
		}
	}
}

func TestRecovery_MandateComesByCallback(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.raw(gestpay.OpRead, 200, transaction("OK", "0", "AUT 1.00"))
	cmd := hosted(100)
	cmd.Authorization.Recurring = &payment.Recurring{Cycle: payment.Month, Only: true}
	r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), newLife(t).start(cmd))
	if err != nil || r.Status != payment.Pending {
		t.Errorf("%q, %v", r.Status, err)
	}
}

func TestInquire_AnOutageIsNoAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.raw(gestpay.OpRead, 503, mustRead(t, "maintenance_page.html"))
	r, err := mustClient(t, testConfig(d.URL)).Inquire(t.Context(), authorized(t).start(capture(euros)))
	want := outcome{failure: provider.NotSent, reason: payment.ReasonUnavailable}
	if got := outcomeOf(t, r, err); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestInquire_Unsupported(t *testing.T) {
	t.Parallel()
	_, err := mustClient(t, testConfig("http://127.0.0.1:1")).Inquire(t.Context(), provider.Call{Operation: payment.Operation{Kind: payment.Payout}})
	if got := outcomeOf(t, payment.Result{}, err); got.failure != provider.Rejected || got.reason != payment.ReasonUnsupported {
		t.Errorf("%+v", got)
	}
}

// TestCapability_TheNightPasses has an attempt of any hour of two years be
// doubted until six o'clock of the next day.
func TestCapability_TheNightPasses(t *testing.T) {
	t.Parallel()
	rome, err := time.LoadLocation(gestpay.EventZone)
	if err != nil {
		t.Fatal(err)
	}
	settle := axerve.Capability().Recovery[payment.Capture].Settle
	for at := time.Date(2026, 1, 1, 0, 0, 0, 0, rome); at.Year() < 2028; at = at.Add(20 * time.Minute) {
		morning := time.Date(at.Year(), at.Month(), at.Day()+1, 6, 0, 0, 0, rome)
		if wait := morning.Sub(at); wait > settle {
			t.Fatalf("%v: the night is over after %v, believed after %v", at, wait, settle)
		}
	}
}

func TestCapability_AgreesWithTheCodec(t *testing.T) {
	t.Parallel()
	can := axerve.Capability()
	for _, c := range can.Limits.Currencies {
		if _, ok := gestpay.UICCode(string(c)); !ok {
			t.Errorf("%s has no number", c)
		}
		w, ok := can.Limits.Amount[c]
		if !ok {
			w = can.Limits.Amount[""]
		}
		for minor, good := range map[int64]bool{w.Min - 1: false, w.Min: true, w.Max: true, w.Max + 1: false} {
			text, err := gestpay.FormatAmount(minor, string(c))
			if (err == nil) != good {
				t.Errorf("%d %s: %v", minor, c, err)
			}
			decimal, _ := payment.Money{Minor: minor, Currency: c}.Decimal()
			if good && text != decimal {
				t.Errorf("%d %s is %s to one and %s to the other", minor, c, text, decimal)
			}
		}
	}
	if diff := cmp.Diff([]payment.Kind{payment.Authorize, payment.Capture, payment.Refund, payment.Cancel, payment.Sync}, can.Rules.Kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}
