package computop_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// What goes over the wire, by operation. The MACs are those of the vectors where
// these have the same fields.
func TestSubmit_Wire(t *testing.T) {
	t.Parallel()
	series := button(payment.CaptureManual)
	series.Recurring = &payment.Recurring{Cycle: payment.Month, Interval: 2, Amount: payment.Money{Minor: 999, Currency: "EUR"}}
	sale := button(payment.CaptureAuto)
	sale.Scope, sale.LocalCurrency, sale.Country = []string{"name", "email"}, "SEK", "UK"
	cases := map[string]struct {
		call     func(t *testing.T) provider.Call
		endpoint string
		want     map[string]string
	}{
		"a button with a later capture": {
			func(t *testing.T) provider.Call {
				t.Helper()
				c := newLife(t).start("open", payment.Authorize, 12990, button(payment.CaptureManual))
				c.Command.Reference, c.Command.Description = "R000000481", "Test:0000"
				return c
			},
			"amazonAPA.aspx",
			initFields(map[string]string{
				"TxType": "Authorize", "refnr": "R000000481", "OrderDesc": "Test:0000",
				"MAC": "683090918b4c64d5f0d6949e5f930778172cebdeca82c9f88ad5573f9c6d1ac9",
			}),
		},
		"a sale with everything that may be said": {
			func(t *testing.T) provider.Call {
				t.Helper()
				c := newLife(t).start("open", payment.Authorize, 12990, sale)
				c.Command.StatementText = "AMZ*Shop"
				return c
			},
			"amazonAPA.aspx",
			initFields(map[string]string{
				"TxType": "AuthorizeWithCapture", "CountryCode": "UK", "LocalCurrency": "SEK", "Scope": "name,email", "ChDesc": "AMZ*Shop",
			}),
		},
		"the first payment of a series": {
			func(t *testing.T) provider.Call {
				t.Helper()
				return newLife(t).start("open", payment.Authorize, 12990, series)
			},
			"amazonAPA.aspx",
			initFields(map[string]string{"TxType": "Authorize", "RTF": "I", "cycle": "Month", "Value": "2", "InstallmentAmount": "999"}),
		},
		"a further payment of a series": {
			func(t *testing.T) provider.Call {
				t.Helper()
				auth := &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureAuto, Country: "EU", Mandate: permit}
				return newLife(t).start("open", payment.Authorize, 12990, auth)
			},
			"amazonAPA.aspx",
			map[string]string{
				"MerchantID": mid, "TransID": order, "Amount": "12990", "Currency": "EUR", "CountryCode": "EU",
				"URLNotify": "https://orc.example/callbacks/computop/k7", "TxType": "AuthorizeWithCapture", "RTF": "R",
				"chargepermissionid": permit, "ReqId": "req00000000000000000000000000001",
				"MAC": "683090918b4c64d5f0d6949e5f930778172cebdeca82c9f88ad5573f9c6d1ac9",
			},
		},
		"a change of the amount": {
			func(t *testing.T) provider.Call {
				t.Helper()
				return opened(t, payment.CaptureManual).start("update", payment.UpdateAmount, 13490, nil)
			},
			"amazonAPA.aspx",
			map[string]string{
				"MerchantID": mid, "PayId": payID, "Amount": "13490", "Currency": "EUR", "CountryCode": "EU",
				"eventToken": "UpdateAuthorizeAmount", "MAC": "8b25ab3077432211d94f42586118643f48ecc3022fd66deff525a60379b36c48",
			},
		},
		"a capture": {
			func(t *testing.T) provider.Call {
				t.Helper()
				c := authorized(t).start("capture", payment.Capture, 5000, nil)
				c.Command.Reference, c.Command.StatementText = "R000000481", "AMZ*Shop"
				return c
			},
			"capture.aspx",
			map[string]string{
				"MerchantID": mid, "PayID": payID, "TransID": order, "Amount": "5000", "Currency": "EUR", "refnr": "R000000481",
				"ChDesc": "AMZ*Shop", "ReqId": "req00000000000000000000000000001",
				"MAC": "7530b3848a482cd786340c13c37f2cd3cd36df6666a171d8071909afbb357e31",
			},
		},
		"a refund": {
			func(t *testing.T) provider.Call {
				t.Helper()
				c := captured(t, 5000).start("refund", payment.Refund, 1500, nil)
				c.Command.Description = "Rückgabe Größe 42"
				return c
			},
			"credit.aspx",
			map[string]string{
				"MerchantID": mid, "PayID": payID, "TransID": order, "Amount": "1500", "Currency": "EUR",
				"OrderDesc": "Rückgabe Größe 42", "chargeid": chargeID, "ReqId": "req00000000000000000000000000001",
				"MAC": "c85579e84f6f5db677fd1b495d337115056f6f6d769459c7366ce6a8c5430943",
			},
		},
		"a refund without a reason": {
			func(t *testing.T) provider.Call {
				t.Helper()
				return captured(t, 5000).start("refund", payment.Refund, 1500, nil)
			},
			"credit.aspx",
			map[string]string{
				"MerchantID": mid, "PayID": payID, "TransID": order, "Amount": "1500", "Currency": "EUR",
				"OrderDesc": "Refund", "chargeid": chargeID, "ReqId": "req00000000000000000000000000001",
				"MAC": "c85579e84f6f5db677fd1b495d337115056f6f6d769459c7366ce6a8c5430943",
			},
		},
		"a cancellation": {
			func(t *testing.T) provider.Call {
				t.Helper()
				c := authorized(t).start("cancel", payment.Cancel, 0, nil)
				c.Command.Description = "customer cancelled"
				return c
			},
			"reverse.aspx",
			map[string]string{
				"MerchantID": mid, "PayID": payID, "chargeid": chargeID, "Reason": "customer cancelled",
				"ReqId": "req00000000000000000000000000001",
				"MAC":   "417a1152dfb694728e5950d0dcc8b972239fe96df0b1717382f294cebd0a2f12",
			},
		},
		"a cancellation whose reason is no letters": {
			func(t *testing.T) provider.Call {
				t.Helper()
				c := authorized(t).start("cancel", payment.Cancel, 0, nil)
				c.Command.Description = "order #4711"
				return c
			},
			"reverse.aspx",
			map[string]string{
				"MerchantID": mid, "PayID": payID, "chargeid": chargeID, "ReqId": "req00000000000000000000000000001",
				"MAC": "417a1152dfb694728e5950d0dcc8b972239fe96df0b1717382f294cebd0a2f12",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(t, "inquire.aspx", "Status", "OK", "Code", "00000000", "AmountAuth", "13490", "AmountCap", "0", "AmountCred", "0")
			_, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), tc.call(t))
			if provider.FailureOf(err) != provider.Unknown {
				t.Fatalf("an answer that is none: %v", err)
			}
			got := d.lastOf(t, tc.endpoint)
			if got.outer != mid {
				t.Errorf("MerchantID outside is %q", got.outer)
			}
			if _, given := tc.want["MAC"]; !given {
				tc.want["MAC"] = "683090918b4c64d5f0d6949e5f930778172cebdeca82c9f88ad5573f9c6d1ac9"
			}
			if diff := cmp.Diff(tc.want, got.fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// initFields are what every init has, and more.
func initFields(more map[string]string) map[string]string {
	fields := map[string]string{
		"MerchantID": mid, "TransID": order, "Amount": "12990", "Currency": "EUR", "CountryCode": "EU",
		"URLSuccess": "https://orc.example/returns/computop/k7/success",
		"URLFailure": "https://orc.example/returns/computop/k7/failure",
		"URLCancel":  "https://orc.example/returns/computop/k7/cancel",
		"ShopUrl":    "https://orc.example/returns/computop/k7/review",
		"URLNotify":  "https://orc.example/callbacks/computop/k7",
		"ReqId":      "req00000000000000000000000000001",
		"Response":   "encrypt",
	}
	for k, v := range more {
		fields[k] = v
	}
	return fields
}

func TestInquire_Wire(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := mustClient(t, testConfig(d.URL))
	_, _ = c.Inquire(t.Context(), authorized(t).start("capture", payment.Capture, 5000, nil))
	_, _ = c.Inquire(t.Context(), newLife(t).start("open", payment.Authorize, 12990, button(payment.CaptureManual)))
	want := []asked{
		{"inquire.aspx", mid, map[string]string{"MerchantID": mid, "PayID": payID, "TransID": order}},
		{"inquire24.aspx", mid, map[string]string{"MerchantID": mid, "TransID": order}},
	}
	if diff := cmp.Diff(want, d.asked(), cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// What Paygate would refuse, or misunderstand, never gets there.
func TestSubmit_RefusedBeforeACall(t *testing.T) {
	t.Parallel()
	open := func(change func(*provider.Call)) func(*testing.T) provider.Call {
		return func(t *testing.T) provider.Call {
			t.Helper()
			c := newLife(t).start("open", payment.Authorize, 12990, button(payment.CaptureManual))
			change(&c)
			return c
		}
	}
	refund := func(change func(*provider.Call)) func(*testing.T) provider.Call {
		return func(t *testing.T) provider.Call {
			t.Helper()
			c := captured(t, 5000).start("refund", payment.Refund, 1500, nil)
			change(&c)
			return c
		}
	}
	cases := map[string]struct {
		call   func(*testing.T) provider.Call
		reason payment.Reason
		names  string
	}{
		"an ampersand, which ends a value": {
			refund(func(c *provider.Call) { c.Command.Description = "A&B" }), payment.ReasonInvalid, "description",
		},
		"a euro sign, which ISO-8859-1 lacks": {
			refund(func(c *provider.Call) { c.Command.Description = "5 €" }), payment.ReasonInvalid, "description",
		},
		"a line break": {
			refund(func(c *provider.Call) { c.Command.Description = "A\nB" }), payment.ReasonInvalid, "description",
		},
		"a description of 128 characters": {
			refund(func(c *provider.Call) { c.Command.Description = strings.Repeat("ü", 128) }), payment.ReasonInvalid, "description",
		},
		"a reference of 31 characters": {
			refund(func(c *provider.Call) { c.Command.Reference = strings.Repeat("x", 31) }), payment.ReasonInvalid, "reference",
		},
		"a refund of a charge nobody knows": {
			refund(func(c *provider.Call) { delete(c.Payment.Refs, "charge_id") }), payment.ReasonNotFound, "charge id",
		},
		"a refund of a payment without PayID": {
			refund(func(c *provider.Call) { delete(c.Payment.Refs, "pay_id") }), payment.ReasonNotFound, "PayID",
		},
		"no authorization": {
			open(func(c *provider.Call) { c.Command.Authorization = nil }), payment.ReasonInvalid, "authorization",
		},
		"no capture mode, which would be a sale": {
			open(func(c *provider.Call) { c.Command.Authorization.Capture = "" }), payment.ReasonInvalid, "authorization.capture",
		},
		"no marketplace": {
			open(func(c *provider.Call) { c.Command.Authorization.Country = "" }), payment.ReasonInvalid, "authorization.country",
		},
		"an unknown marketplace": {
			open(func(c *provider.Call) { c.Command.Authorization.Country = "DE" }), payment.ReasonInvalid, "authorization.country",
		},
		"another currency outside EU and UK": {
			open(func(c *provider.Call) {
				c.Command.Authorization.Country, c.Command.Authorization.LocalCurrency = "US", "EUR"
			}), payment.ReasonInvalid, "authorization.local_currency",
		},
		"a local currency that is none": {
			open(func(c *provider.Call) { c.Command.Authorization.LocalCurrency = "EUX" }), payment.ReasonInvalid, "authorization.local_currency",
		},
		"a scope that Amazon does not have": {
			open(func(c *provider.Call) { c.Command.Authorization.Scope = []string{"birthday"} }), payment.ReasonInvalid, "authorization.scope",
		},
		"a statement text without a sale": {
			open(func(c *provider.Call) { c.Command.StatementText = "AMZ" }), payment.ReasonInvalid, "statement_text",
		},
		"a sale's statement text of 17 characters": {
			open(func(c *provider.Call) {
				c.Command.Authorization.Capture, c.Command.StatementText = payment.CaptureAuto, strings.Repeat("x", 17)
			}), payment.ReasonInvalid, "statement_text",
		},
		"an amount below the least": {
			open(func(c *provider.Call) { c.Operation.Amount.Minor = 99 }), payment.ReasonAmount, "amount.value",
		},
		"nothing": {
			open(func(c *provider.Call) { c.Operation.Amount.Minor = 0 }), payment.ReasonAmount, "amount",
		},
		"an amount of eleven digits": {
			open(func(c *provider.Call) { c.Operation.Amount.Minor = 10_000_000_000 }), payment.ReasonAmount, "amount.value",
		},
		"a currency that is none": {
			open(func(c *provider.Call) { c.Operation.Amount.Currency = "XXX" }), payment.ReasonAmount, "amount",
		},
		"a key too long for TransID": {
			open(func(c *provider.Call) { c.Operation.Attempt.Key = strings.Repeat("p", 65) }), payment.ReasonInvalid, "payment_id",
		},
		"a star in TransID, which is the MAC's separator": {
			open(func(c *provider.Call) { c.Operation.Attempt.Key = "a*b" }), payment.ReasonInvalid, "payment_id",
		},
		"58 weeks": {series(payment.Recurring{Cycle: payment.Week, Interval: 58}), payment.ReasonInvalid, "authorization.recurring.interval"},
		"a variable cycle with an interval": {
			series(payment.Recurring{Cycle: payment.Variable, Interval: 1}), payment.ReasonInvalid, "authorization.recurring.interval",
		},
		"a cycle that is none": {series(payment.Recurring{Cycle: "moon", Interval: 1}), payment.ReasonInvalid, "authorization.recurring.cycle"},
		"an instalment in another currency": {
			series(payment.Recurring{Cycle: payment.Year, Interval: 1, Amount: payment.Money{Minor: 1, Currency: "USD"}}),
			payment.ReasonInvalid, "authorization.recurring.amount",
		},
		"a mandate alone": {
			series(payment.Recurring{Cycle: payment.Year, Interval: 1, Only: true}), payment.ReasonUnsupported, "authorization.recurring.only",
		},
		"the provider's page": {
			open(func(c *provider.Call) { c.Command.Authorization.Method = payment.Redirect }), payment.ReasonUnsupported, "authorization.method",
		},
		"an order reference": {
			open(func(c *provider.Call) { c.Command.Authorization.Method = payment.OrderReference }), payment.ReasonUnsupported, "authorization.method",
		},
		"a payout": {
			open(func(c *provider.Call) { c.Operation.Kind = payment.Payout }), payment.ReasonUnsupported, "payout",
		},
		"a charge without its mandate": {
			open(func(c *provider.Call) { c.Command.Authorization.Method = payment.MandateCharge }), payment.ReasonInvalid, "authorization.mandate",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			_, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), tc.call(t))
			if e := provider.AsError(err); err == nil || e.Failure != provider.Rejected || e.Reason != tc.reason || !strings.Contains(err.Error(), tc.names) {
				t.Errorf("error %v", err)
			}
			if n := len(d.asked()); n != 0 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func series(r payment.Recurring) func(*testing.T) provider.Call {
	return func(t *testing.T) provider.Call {
		t.Helper()
		auth := button(payment.CaptureManual)
		auth.Recurring = &r
		return newLife(t).start("open", payment.Authorize, 12990, auth)
	}
}

func TestSubmit_LiveAccountsSimulateNothing(t *testing.T) {
	t.Parallel()
	cfg := testConfig("https://paygate.invalid/")
	cfg.Live = true
	client := mustClient(t, cfg)
	for _, text := range []string{"Test:0000", "test: 0305", " TEST:1"} {
		c := authorized(t).start("capture", payment.Capture, 5000, nil)
		c.Command.Description = text
		_, err := client.Submit(t.Context(), c)
		if provider.AsError(err).Failure != provider.Rejected || !strings.Contains(err.Error(), "description") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSubmit_FurtherChargesAreOffUnlessEnabled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	cfg := testConfig(d.URL)
	cfg.Recurring = false
	auth := &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureAuto, Country: "EU", Mandate: permit}
	_, err := mustClient(t, cfg).Submit(t.Context(), newLife(t).start("open", payment.Authorize, 12990, auth))
	if e := provider.AsError(err); e.Failure != provider.Rejected || e.Reason != payment.ReasonUnsupported || len(d.asked()) != 0 {
		t.Errorf("%v after %d calls", err, len(d.asked()))
	}
}
