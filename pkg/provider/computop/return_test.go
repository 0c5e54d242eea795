package computop_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// reviewFields are those that Paygate lists for the review page.
func reviewFields(more ...string) []string {
	return append([]string{
		"mid", mid, "PayID", payID, "XID", xidAuth, "TransID", order, "Status", "REQUEST", "Code", "0",
		"AmountAuth", "0", "AmountCap", "0", "AmountCred", "0",
		"bdaddrstreet2", "Hauptstraße 7", "bdaddrcity", "Köln", "bdaddrcountrycode", "DE", "bdaddrname", "Bill Payer",
		"bdphonenumber", "+49 221 1", "bdaddrzip", "50667",
		"AddrStreet", "Rue 1", "AddrStreet2", "2e étage", "AddrCity", "Paris", "AddrCountryCode", "FR", "addrname", "Rae Ceiver", "phonenumber", "+33 1",
		"AddrZip", "75001", "addrstate", "IDF", "amazonmerchantid", "A1", "rtf", "onetime", "amazonstatus", "Open",
		"amazonpayredirecturl", "https://payments.amazon.example/checkout?id=1%2B2", "amazoncheckoutsessionid", "s-1",
		"amazonpaymentdescriptor", "Visa ****1111",
	}, more...)
}

func mustForm(t testing.TB, body string) url.Values {
	t.Helper()
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

func TestParseReturn_Review(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	for name, body := range map[string]string{
		"as the documentation lists it": mustSeal(t, reviewFields()...),
		"with a MAC":                    string(mustNotify(t, reviewFields()...)),
		"with extras beside":            mustSeal(t, reviewFields()...) + "&Custom=a%7Cb",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.ParseReturn(provider.PageReview, mustForm(t, body))
			if err != nil {
				t.Fatal(err)
			}
			want := provider.Callback{
				Payment: order, Dedup: got.Dedup,
				Observation: payment.Observation{Kind: payment.Authorize, Key: order, Result: payment.Result{
					Status: payment.NeedBuyer,
					Action: &payment.Action{Type: payment.ActionReview, URL: "https://payments.amazon.example/checkout?id=1%2B2", SessionID: "s-1"},
					Buyer: &payment.Buyer{
						Name: "Bill Payer", Phone: "+33 1", Instrument: "Visa ****1111",
						Shipping: &payment.Address{
							Name: "Rae Ceiver", Lines: []string{"Rue 1", "2e étage"}, City: "Paris", Region: "IDF", PostalCode: "75001", Country: "FR", Phone: "+33 1",
						},
						Billing: &payment.Address{
							Name: "Bill Payer", Lines: []string{"Hauptstraße 7"}, City: "Köln", PostalCode: "50667", Country: "DE", Phone: "+49 221 1",
						},
					},
				}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("callback (-want +got):\n%s", diff)
			}
			l := opened(t, payment.CaptureManual)
			got.Observation.Source = payment.FromBrowser
			l.see(got.Observation)
			if l.State != payment.StateRequiresAction || l.Action.Type != payment.ActionReview || l.Buyer == nil || !l.Notified.IsZero() {
				t.Errorf("state %q, action %+v, notified %v", l.State, l.Action, l.Notified)
			}
		})
	}
}

// What the browser brings names the payment, whatever it says about money.
func TestParseReturn_NeverAnOutcome(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	for _, page := range []provider.Page{provider.PageSuccess, provider.PageFailure, provider.PageCancel} {
		for name, body := range map[string][]byte{
			"a success":     mustNotify(t, authNotify(nil)...),
			"a failure":     mustNotify(t, authNotify(map[string]string{"Status": "FAILED", "Code": "22520053"})...),
			"without a MAC": []byte(mustSeal(t, authNotify(nil)...)),
		} {
			got, err := p.ParseReturn(page, mustForm(t, string(body)))
			if err != nil {
				t.Errorf("%s, %s: %v", page, name, err)
				continue
			}
			want := payment.Observation{Kind: payment.Authorize, Key: order}
			if diff := cmp.Diff(want, got.Observation); diff != "" || got.Payment != order {
				t.Errorf("%s, %s (-want +got):\n%s", page, name, diff)
			}
			l := opened(t, payment.CaptureManual)
			before := l.Version
			got.Observation.Source = payment.FromBrowser
			l.see(got.Observation)
			if l.Version != before {
				t.Errorf("%s, %s: the payment learnt something", page, name)
			}
		}
	}
}

func TestParseReturn_Refused(t *testing.T) {
	t.Parallel()
	live := testConfig("https://paygate.example")
	live.Live = true
	cases := map[string]struct {
		page provider.Page
		body string
		want error
	}{
		"no page of ours":         {"thanks", string(mustNotify(t, authNotify(nil)...)), provider.ErrUnreadable},
		"nothing":                 {provider.PageSuccess, "", provider.ErrForged},
		"a wrong MAC":             {provider.PageSuccess, mustSeal(t, append(authNotify(nil), "MAC", strings.Repeat("0", 64))...), provider.ErrForged},
		"another password":        {provider.PageReview, mustSealWith(t, "another password", reviewFields()...), provider.ErrForged},
		"another merchant":        {provider.PageReview, mustSeal(t, "mid", "other", "PayID", payID, "TransID", order), provider.ErrForged},
		"no merchant and no MAC":  {provider.PageReview, mustSeal(t, reviewFields()[2:]...), provider.ErrForged},
		"two addresses":           {provider.PageReview, mustSeal(t, reviewFields("AmazonPayRedirectURL", "https://evil.example/")...), provider.ErrForged},
		"no address":              {provider.PageReview, mustSeal(t, "mid", mid, "PayID", payID, "TransID", order), provider.ErrUnreadable},
		"an address that is code": {provider.PageReview, mustSeal(t, "mid", mid, "PayID", payID, "TransID", order, "amazonpayredirecturl", "javascript:alert(1)"), provider.ErrUnreadable},
		"plain http where money is real": {
			provider.PageReview, mustSeal(t, "mid", mid, "PayID", payID, "TransID", order, "amazonpayredirecturl", "http://payments.amazon.example/"), provider.ErrUnreadable,
		},
		"no payment": {provider.PageCancel, mustSeal(t, "mid", mid, "PayID", payID, "TransID", "n/a"), provider.ErrUnreadable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := mustParser(t, live).ParseReturn(tc.page, mustForm(t, tc.body)); !errors.Is(err, tc.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func FuzzParseReturn(f *testing.F) {
	f.Add("review", mustSeal(f, reviewFields()...))
	f.Add("success", string(mustNotify(f, authNotify(nil)...)))
	f.Add("failure", "Len=1&Data=00")
	p := mustParser(f, testConfig("https://paygate.example"))
	f.Fuzz(func(t *testing.T, page, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		got, err := p.ParseReturn(provider.Page(page), form)
		if err != nil {
			return
		}
		if got.Payment.Validate() != nil {
			t.Errorf("payment %q", got.Payment)
		}
		if s := got.Observation.Result.Status; s.Final() || s == payment.Pending {
			t.Errorf("the browser brought the outcome %q", s)
		}
	})
}
