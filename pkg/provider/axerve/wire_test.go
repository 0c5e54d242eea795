package axerve_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// called is how a request's vector is made.
type called struct {
	key    string // shopTransactionId
	minor  int64
	cur    payment.Currency
	change func(*axerve.Config)
	make   func(*life) payment.Command
	read   bool // an inquiry, not the call
}

// golden are the calls that make the vectors' requests.
func golden() map[string]called {
	series := func(only bool) func(*life) payment.Command {
		return func(*life) payment.Command {
			c := hosted(0)
			c.Authorization.Recurring = &payment.Recurring{Cycle: payment.Month, Interval: 1, Only: only}
			return c
		}
	}
	english := func(*life) payment.Command {
		c := hosted(0)
		c.Authorization.Language = "en_GB"
		return c
	}
	paid := func(c payment.Command) func(*life) payment.Command { return func(*life) payment.Command { return c } }
	settled := capture(euros)
	settled.Reference = "cap_01HZXB"
	given := cancel()
	given.Description = "order cancelled"
	return map[string]called{
		"req_encrypt_amazonpay.xml":          {order, euros, "EUR", nil, english, false},
		"req_encrypt_minimal_ip_auth.xml":    {"A-1", 700, "GBP", func(c *axerve.Config) { c.APIKeys = nil }, paid(hosted(0)), false},
		"req_encrypt_paynowandrecurring.xml": {"sub_77_first", 999, "EUR", nil, series(false), false},
		"req_encrypt_onlyrecurring.xml":      {"sub_78_setup", 100, "EUR", nil, series(true), false},
		"req_pagam_order_reference.xml":      {"w-000123", 12000, "EUR", nil, paid(byReference(0)), false},
		"req_pagam_token.xml":                {"sub_77_2026-02", 999, "EUR", nil, paid(byToken(0)), false},
		"req_readtrx_by_shop_id.xml":         {order, euros, "EUR", nil, paid(hosted(0)), true},
		"req_readtrx_by_both.xml":            {order, euros, "EUR", nil, paid(settled), true},
		"req_settle.xml":                     {order, euros, "EUR", nil, paid(settled), false},
		"req_refund_partial.xml":             {order, 1500, "EUR", nil, paid(refund("refund", 0)), false},
		"req_delete.xml":                     {order, 0, "", nil, paid(given), false},
	}
}

func TestRequests_Vectors(t *testing.T) {
	t.Parallel()
	calls := golden()
	for _, v := range mustVectors(t).Requests {
		if v.Operation == gestpay.OpDecrypt {
			continue // see TestVerifyCallback_AsksDecrypt
		}
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			how, ok := calls[v.File]
			if !ok {
				t.Fatal("nothing makes it")
			}
			d := newDesk(t)
			got := how.send(t, d, v.Operation)
			_, want, err := gestpay.ReadEnvelope([]byte(mustRead(t, v.File)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(want), plain(got.payload)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if got.path != v.Path || got.action != v.Action || got.contentType != v.ContentType {
				t.Errorf("%s %s %s", got.path, got.action, got.contentType)
			}
		})
	}
}

// plain leaves out what a command of ours does not carry: the buyer's name and
// address come from Amazon.
func plain(n gestpay.Node) gestpay.Node {
	out := gestpay.Node{Space: n.Space, Name: n.Name, Text: strings.TrimSpace(n.Text)}
	for _, c := range n.Children {
		if c.Name != "buyerName" && c.Name != "buyerEmail" {
			out.Children = append(out.Children, plain(c))
		}
	}
	return out
}

// send makes the call, whatever it comes to, and returns what arrived.
func (how called) send(t *testing.T, d *desk, op gestpay.Operation) request {
	t.Helper()
	cfg := testConfig(d.URL)
	if how.change != nil {
		how.change(&cfg)
	}
	l := authorized(t)
	cmd := how.make(l)
	cmd.Amount = payment.Money{Minor: how.minor, Currency: how.cur}
	c := provider.Call{Command: cmd, Operation: payment.Operation{
		ID: cmd.ID, Kind: cmd.Kind, Amount: cmd.Amount, Attempt: payment.Attempt{Number: 1, Key: how.key},
	}}
	if !cmd.Kind.Opens() {
		c.Payment = l.Payment
	}
	client := mustClient(t, cfg)
	if how.read {
		_, err := client.Inquire(t.Context(), c)
		checkQuiet(t, err)
	} else {
		_, err := client.Submit(t.Context(), c)
		checkQuiet(t, err)
	}
	return d.one(t, op)
}

func TestSubmit_RefusedWithoutACall(t *testing.T) {
	t.Parallel()
	with := func(c payment.Command, change func(*payment.Authorization)) payment.Command {
		a := *c.Authorization
		change(&a)
		c.Authorization = &a
		return c
	}
	cases := map[string]struct {
		key    string
		cmd    payment.Command
		reason payment.Reason
	}{
		"no authorization":              {order, payment.Command{Kind: payment.Authorize, Amount: money(1)}, payment.ReasonInvalid},
		"a button":                      {order, with(hosted(1), func(a *payment.Authorization) { a.Method = payment.Button }), payment.ReasonUnsupported},
		"a currency without a number":   {order, payment.Command{Kind: payment.Authorize, Amount: payment.Money{Minor: 1, Currency: "KWD"}, Authorization: hosted(1).Authorization}, payment.ReasonAmount},
		"ten characters":                {order, hosted(100_000_000), payment.ReasonAmount},
		"nothing":                       {order, hosted(0), payment.ReasonAmount},
		"an id of 29 characters":        {strings.Repeat("x", 29), hosted(1), payment.ReasonInvalid},
		"two dashes":                    {"a--b", hosted(1), payment.ReasonInvalid},
		"an order reference for live":   {order, with(byReference(1), func(a *payment.Authorization) { a.OrderRef = "P02-1234567-1234567" }), payment.ReasonInvalid},
		"no order reference":            {order, with(byReference(1), func(a *payment.Authorization) { a.OrderRef = "4711" }), payment.ReasonInvalid},
		"a token that is too long":      {order, with(byToken(1), func(a *payment.Authorization) { a.Mandate = strings.Repeat("x", 26) }), payment.ReasonInvalid},
		"no token":                      {order, with(byToken(1), func(a *payment.Authorization) { a.Mandate = "" }), payment.ReasonInvalid},
		"a series without the buyer":    {order, with(byReference(1), func(a *payment.Authorization) { a.Recurring = &payment.Recurring{} }), payment.ReasonUnsupported},
		"a capture of nothing opened":   {order, capture(1), payment.ReasonNotFound},
		"a refund of nothing opened":    {order, refund("r", 1), payment.ReasonNotFound},
		"a cancel of nothing opened":    {order, cancel(), payment.ReasonNotFound},
		"another amount before it":      {order, payment.Command{Kind: payment.UpdateAmount, Amount: money(1)}, payment.ReasonUnsupported},
		"a payout":                      {order, payment.Command{Kind: payment.Payout, Amount: money(1)}, payment.ReasonUnsupported},
		"a capture of a negative":       {order, capture(-1), payment.ReasonAmount},
		"a refund in no currency":       {order, payment.Command{Kind: payment.Refund, Amount: payment.Money{Minor: 1}}, payment.ReasonAmount},
		"an attempt beyond 32 letters":  {strings.Repeat("x", 28) + "_-100", hosted(1), payment.ReasonInvalid},
		"an id that ends like a key's":  {"order_-7_-2", hosted(1), payment.ReasonInvalid},
		"an id of letters nobody takes": {"order.1", hosted(1), payment.ReasonInvalid},
	}
	d := newDesk(t)
	client := mustClient(t, testConfig(d.URL))
	for name, tc := range cases {
		_, err := client.Submit(t.Context(), provider.Call{Command: tc.cmd, Operation: payment.Operation{
			Kind: tc.cmd.Kind, Amount: tc.cmd.Amount, Attempt: payment.Attempt{Number: 1, Key: tc.key},
		}})
		if got := outcomeOf(t, payment.Result{}, err); got != (outcome{failure: provider.Rejected, reason: tc.reason}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if n := len(d.calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestSubmit_SecondCaptureIsNotSent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	l := captured(t)
	c := provider.Call{Payment: l.Payment, Operation: payment.Operation{
		ID: "again", Kind: payment.Capture, Amount: money(1), Attempt: payment.Attempt{Number: 1, Key: order},
	}}
	_, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), c)
	if got := outcomeOf(t, payment.Result{}, err); got.failure != provider.Rejected || got.reason != payment.ReasonState || len(d.calls()) != 0 {
		t.Errorf("%+v after %d calls", got, len(d.calls()))
	}
}

func TestSubmit_Page(t *testing.T) {
	t.Parallel()
	encrypted := func(text string) string {
		return reply(gestpay.OpEncrypt, "<TransactionResult>OK</TransactionResult><CryptDecryptString>"+text+"</CryptDecryptString><ErrorCode>0</ErrorCode>")
	}
	for name, tc := range map[string]struct {
		avoid   int
		strings []string
		want    string
		calls   int
	}{
		"an asterisk, and nobody minds":     {0, []string{"a*b"}, "a*b", 1},
		"an asterisk, then none":            {3, []string{"a*b", "c*d", "e_f"}, "e_f", 3},
		"asterisks for ever":                {2, []string{"a*b"}, "a*b", 3},
		"none, and a string to be escaped":  {2, []string{"a+b/c="}, "a%2Bb%2Fc%3D", 1},
		"none at once, whatever comes next": {5, []string{"plain", "a*b"}, "plain", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			for _, s := range tc.strings {
				d.raw(gestpay.OpEncrypt, 200, encrypted(s))
			}
			cfg := testConfig(d.URL)
			cfg.AvoidAsterisk = tc.avoid
			got, err := mustClient(t, cfg).Submit(t.Context(), newLife(t).start(hosted(euros)))
			if err != nil {
				t.Fatal(err)
			}
			want := payment.Result{
				Status: payment.NeedBuyer, Ref: order, Refs: map[string]string{axerve.RefShopID: order},
				Action: &payment.Action{Type: payment.ActionRedirect, URL: d.URL + "/pagam/pagam.aspx?a=" + shop + "&b=" + tc.want},
			}
			if diff := cmp.Diff(want, got); diff != "" || len(d.calls()) != tc.calls {
				t.Errorf("%d calls (-want +got):\n%s", len(d.calls()), diff)
			}
		})
	}
}

// TestKeys_ChargesRepeatTheirFirst has what may have been executed go out again
// under the same id, which Amazon Pay takes once; pages get an id of their own.
func TestKeys_ChargesRepeatTheirFirst(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cmd  payment.Command
		op   gestpay.Operation
		want []string
	}{
		"page":            {hosted(euros), gestpay.OpEncrypt, []string{order, order + "_-2", order + "_-3"}},
		"order reference": {byReference(euros), gestpay.OpPay, []string{order, order, order}},
		"token":           {byToken(euros), gestpay.OpPay, []string{order, order, order}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			client, l := mustClient(t, testConfig(d.URL)), newLife(t)
			for n := range tc.want {
				if n > 0 {
					l.add("open", payment.OutcomeUnknown{Attempt: n})
				}
				_, err := client.Submit(t.Context(), l.start(tc.cmd))
				checkQuiet(t, err)
			}
			var got []string
			for _, r := range d.calls() {
				if r.payload.Name == string(tc.op) {
					got = append(got, r.payload.Get("shopTransactionId"))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeys_AnotherCommandTakesAnother(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client, l := mustClient(t, testConfig(d.URL)), newLife(t)
	l.start(byReference(euros))
	l.add("open", payment.OutcomeUnknown{Attempt: 1})
	l.start(byReference(euros))
	l.add("open", payment.OperationRejected{Kind: payment.Authorize, Reason: payment.ReasonDeclined})
	second := byReference(euros)
	second.ID = "second"
	_, err := client.Submit(t.Context(), l.start(second))
	checkQuiet(t, err)
	if got := d.one(t, gestpay.OpPay).payload.Get("shopTransactionId"); got != order+"_-3" {
		t.Errorf("id %q", got)
	}
}

func TestSubmit_ChargeWithoutType(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	cfg := testConfig(d.URL)
	cfg.TokenOnly = true
	_, err := mustClient(t, cfg).Submit(t.Context(), newLife(t).start(byToken(euros)))
	checkQuiet(t, err)
	if _, found := d.one(t, gestpay.OpPay).payload.Child("paymentTypes"); found {
		t.Error("paymentTypes was sent")
	}
}
