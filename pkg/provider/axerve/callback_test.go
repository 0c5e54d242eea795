package axerve_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

const good = "a=" + shop + "&b=Zk3*aQ_77bC0xLmT9*p_R2"

// TestParseCallback_Vectors refuses what no Decrypt needs to see.
func TestParseCallback_Vectors(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://axerve.example"))
	for _, v := range mustVectors(t).Notifications {
		query := v.Query + v.Body
		want := provider.ErrUnverified
		switch {
		case strings.Contains(query, "paymentToken"):
			want = provider.ErrUnreadable
		case !strings.HasPrefix(query, "a="+shop+"&b=") && !strings.HasPrefix(query, "b=Zk3"), strings.HasSuffix(query, "b="):
			want = provider.ErrForged
		}
		cb, err := p.ParseCallback(nil, []byte(query))
		checkQuiet(t, err)
		if !errors.Is(err, want) || cb.Payment != "" || (cb.Dedup != "") != errors.Is(want, provider.ErrUnverified) {
			t.Errorf("%s: %+v, %v; want %v", query, cb, err, want)
		}
	}
}

func TestParseCallback_SaysWhyRESTIsRefused(t *testing.T) {
	t.Parallel()
	_, err := mustParser(t, testConfig("https://axerve.example")).ParseCallback(nil, []byte("a="+shop+"&Status=OK&paymentID=1&paymentToken=x"))
	if !errors.Is(err, provider.ErrUnreadable) || !strings.Contains(err.Error(), "SOAP") {
		t.Errorf("error %v", err)
	}
}

func TestParseCallback_Dedup(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://axerve.example"))
	mark := func(query string) string {
		cb, err := p.ParseCallback(nil, []byte(query))
		if !errors.Is(err, provider.ErrUnverified) {
			t.Fatalf("%s: %v", query, err)
		}
		return cb.Dedup
	}
	first := mark(good)
	if again := mark("b=Zk3%2AaQ_77bC0xLmT9%2Ap_R2&a=" + shop); again != first || first == "" {
		t.Errorf("a repeat is %q, the first was %q", again, first)
	}
	if other := mark("a=" + shop + "&b=other"); other == first {
		t.Error("another message has the same mark")
	}
}

// told is what a desk with these answers makes of a callback.
func told(t *testing.T, query string, answers map[gestpay.Operation]string) (*desk, provider.Callback, error) {
	t.Helper()
	d := newDesk(t)
	for op, body := range answers {
		d.raw(op, 200, body)
	}
	cb, err := mustClient(t, testConfig(d.URL)).VerifyCallback(t.Context(), http.Header{}, []byte(query))
	checkQuiet(t, err)
	return d, cb, err
}

func TestVerifyCallback_AsksDecrypt(t *testing.T) {
	t.Parallel()
	d, _, _ := told(t, good, map[gestpay.Operation]string{gestpay.OpDecrypt: mustRead(t, "decrypt_ko_declined.xml")})
	got := d.one(t, gestpay.OpDecrypt)
	_, want, err := gestpay.ReadEnvelope([]byte(mustRead(t, "req_decrypt.xml")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain(want), plain(got.payload)); diff != "" || got.path != gestpay.CryptPath {
		t.Errorf("%s (-want +got):\n%s", got.path, diff)
	}
}

func TestVerifyCallback_Vectors(t *testing.T) {
	t.Parallel()
	paid := func(amount string) string { return transaction("OK", "0", "AUT "+amount) }
	read := func(id, body string) string { return strings.ReplaceAll(body, order, id) }
	whole := func(status payment.Status, reason payment.Reason) outcome {
		return outcome{status: status, reason: reason}
	}
	cases := map[string]struct {
		read string
		want outcome
		id   payment.ID
		sum  payment.Money
	}{
		"decrypt_ok.xml":                         {paid("49.90"), whole(payment.Approved, ""), order, money(euros)},
		"decrypt_ok_amount_without_decimals.xml": {paid("50"), whole(payment.Approved, ""), order, money(5000)},
		"decrypt_ok_currency_mismatch.xml":       {strings.Replace(paid("49.90"), "242", "1", 1), whole(payment.Approved, ""), order, payment.Money{Minor: euros, Currency: "USD"}},
		"decrypt_ok_with_token.xml":              {read("sub_77_first", paid("9.99")), whole(payment.Approved, ""), "sub_77_first", money(999)},
		"decrypt_ok_token_only.xml":              {transaction("KO", "2011"), whole(payment.Approved, ""), "sub_78_setup", money(100)},
		"decrypt_custominfo.xml":                 {paid("49.90"), whole(payment.Approved, ""), order, money(euros)},
		"decrypt_entities.xml":                   {paid("49.90"), whole(payment.Approved, ""), order, money(euros)},
		"decrypt_ko_declined.xml":                {"", whole(payment.Declined, payment.ReasonDeclined), order, money(euros)},
		"decrypt_ko_abandoned.xml":               {"", whole(payment.Failed, payment.ReasonBuyerCancelled), order, money(euros)},
		"decrypt_ko_amazon_wallet.xml":           {"", whole(payment.Declined, payment.ReasonDeclined), order, money(euros)},
		"decrypt_xx.xml":                         {"", whole(payment.Pending, ""), order, money(euros)},
		"decrypt_call_failure_system.xml":        {"", later(payment.ReasonUnavailable), "", payment.Money{}},
		"decrypt_call_failure_ip.xml":            {"", later(payment.ReasonConfiguration), "", payment.Money{}},
	}
	for _, v := range mustVectors(t).Responses {
		if v.Operation != gestpay.OpDecrypt || v.File == "decrypt_call_failure_bad_string.xml" {
			continue
		}
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			tc, ok := cases[v.File]
			if !ok {
				t.Fatal("nobody looks at it")
			}
			answers := map[gestpay.Operation]string{gestpay.OpDecrypt: mustRead(t, v.File)}
			if tc.read != "" {
				answers[gestpay.OpRead] = strings.ReplaceAll(tc.read, "<BankTransactionID>"+bank, "<BankTransactionID>"+bankIn(t, v.File))
			}
			_, cb, err := told(t, good, answers)
			got := outcomeOf(t, cb.Observation.Result, err)
			if got != tc.want || cb.Payment != tc.id || cb.Asked != tc.sum {
				t.Errorf("%+v of %s over %v, want %+v of %s over %v: %v", got, cb.Payment, cb.Asked, tc.want, tc.id, tc.sum, err)
			}
			if err == nil && (cb.Dedup == "" || cb.Observation.Kind != payment.Authorize || cb.Observation.Key != string(tc.id)) {
				t.Errorf("callback %+v", cb)
			}
		})
	}
}

func bankIn(t *testing.T, file string) string {
	t.Helper()
	r, err := gestpay.Parse(gestpay.OpDecrypt, 200, []byte(mustRead(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(r.BankTransactionID)
}

func TestVerifyCallback_BadString(t *testing.T) {
	t.Parallel()
	_, cb, err := told(t, "a="+shop+"&b=FORGED", map[gestpay.Operation]string{gestpay.OpDecrypt: mustRead(t, "decrypt_call_failure_bad_string.xml")})
	if !errors.Is(err, provider.ErrForged) || cb.Payment != "" {
		t.Errorf("%+v, %v", cb, err)
	}
}

func TestVerifyCallback_ForeignIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"a=GESPAY99999&b=x", "a=" + shop, "", "a=" + shop + "&b=x&Status=OK"} {
		d, _, err := told(t, query, nil)
		if err == nil || len(d.calls()) != 0 {
			t.Errorf("%q: %d calls, %v", query, len(d.calls()), err)
		}
	}
}

// decrypted writes an answer to Decrypt.
func decrypted(result, code, shopID, bankID, amount, token string) string {
	return reply(gestpay.OpDecrypt, "<TransactionResult>"+result+"</TransactionResult><ShopTransactionID>"+shopID+"</ShopTransactionID><BankTransactionID>"+bankID+
		"</BankTransactionID><Currency>242</Currency><Amount>"+amount+"</Amount><ErrorCode>"+code+"</ErrorCode><TOKEN>"+token+"</TOKEN>")
}

// TestVerifyCallback_Reads has the transaction's events and Decrypt told together.
func TestVerifyCallback_Reads(t *testing.T) {
	t.Parallel()
	ok := decrypted("OK", "0", order, bank, "49.90", "")
	cases := map[string]struct {
		told, read string
		want       outcome
		captured   int64
		token      string
	}{
		"captured too":                         {ok, transaction("OK", "0", "AUT 49.90", "MOV 49.90"), said(payment.Approved), euros, ""},
		"with a token":                         {decrypted("OK", "0", order, bank, "49.90", "AMZTOK7"), transaction("OK", "0", "AUT 49.90"), said(payment.Approved), 0, "AMZTOK7"},
		"a token and no transaction":           {decrypted("OK", "0", order, "", "1.00", "AMZTOK7"), "", said(payment.Approved), 0, "AMZTOK7"},
		"a token and no amount":                {decrypted("OK", "0", order, "", "", "AMZTOK7"), "", said(payment.Approved), 0, "AMZTOK7"},
		"a token and nothing to pay":           {decrypted("OK", "0", order, bank, "0.00", "AMZTOK7"), transaction("OK", "0", "AUT 0.00"), said(payment.Approved), 0, "AMZTOK7"},
		"a token, and money by the read alone": {decrypted("OK", "0", order, bank, "", "AMZTOK7"), transaction("OK", "0", "AUT 49.90"), unclear(), 0, ""},
		"not readable yet":                     {ok, transaction("KO", "2011"), missing(), 0, ""},
		"not readable at all":                  {ok, transaction("KO", "9999"), later(payment.ReasonUnavailable), 0, ""},
		"not final by the read":                {ok, transaction("XX", "0", "AUT 49.90"), said(payment.Pending), 0, ""},
		"refused by the read":                  {ok, transaction("KO", "74", "AUT 49.90"), unclear(), 0, ""},
		"several by the read":                  {ok, transaction("KO", "2012"), unclear(), 0, ""},
		"another amount by the read":           {ok, transaction("OK", "0", "AUT 4.99"), unclear(), 0, ""},
		"another payment by the read":          {ok, strings.ReplaceAll(transaction("OK", "0", "AUT 49.90"), order, "other"), unclear(), 0, ""},
		"a string used twice, paid the first":  {decrypted("KO", "1137", order, bank, "49.90", ""), transaction("OK", "0", "AUT 49.90"), said(payment.Approved), 0, ""},
		"a string used twice, refused twice":   {decrypted("KO", "1137", order, bank, "49.90", ""), transaction("KO", "74", "AUT 49.90"), lost(payment.Failed, payment.ReasonUnclear), 0, ""},
		"a technical refusal, nothing to read": {decrypted("KO", "9999", order, "", "49.90", ""), transaction("KO", "2011"), said(payment.Pending), 0, ""},
		"given up without an amount":           {decrypted("KO", "1143", order, "", "", ""), "", lost(payment.Failed, payment.ReasonBuyerCancelled), 0, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := map[gestpay.Operation]string{gestpay.OpDecrypt: tc.told}
			if tc.read != "" {
				answers[gestpay.OpRead] = tc.read
			}
			_, cb, err := told(t, good, answers)
			r := cb.Observation.Result
			if got := outcomeOf(t, r, err); got != tc.want {
				t.Errorf("%+v, want %+v: %v", got, tc.want, err)
			}
			if r.Totals != nil && r.Totals.Captured != tc.captured {
				t.Errorf("captured %d, want %d", r.Totals.Captured, tc.captured)
			}
			if (r.Mandate != nil) != (tc.token != "") || r.Mandate != nil && r.Mandate.ID != tc.token {
				t.Errorf("mandate %v, want %q", r.Mandate, tc.token)
			}
		})
	}
}

// TestVerifyCallback_TheStory has payments learn what was told.
func TestVerifyCallback_TheStory(t *testing.T) {
	t.Parallel()
	agreement := hosted(100)
	agreement.Authorization.Recurring = &payment.Recurring{Cycle: payment.Month, Only: true}
	series := hosted(euros)
	series.Authorization.Recurring = &payment.Recurring{Cycle: payment.Month}
	cases := map[string]struct {
		cmd        payment.Command
		told, read string
		state      payment.State
		mandate    bool
	}{
		"authorised":          {hosted(euros), decrypted("OK", "0", order, bank, "49.90", ""), transaction("OK", "0", "AUT 49.90"), payment.StateAuthorized, false},
		"captured at once":    {hosted(euros), decrypted("OK", "0", order, bank, "49.90", ""), transaction("OK", "0", "AUT 49.90", "MOV 49.90"), payment.StateCaptured, false},
		"declined":            {hosted(euros), decrypted("KO", "74", order, bank, "49.90", ""), "", payment.StateDeclined, false},
		"given up":            {hosted(euros), decrypted("KO", "1143", order, "", "49.90", ""), "", payment.StateFailed, false},
		"too old":             {hosted(euros), decrypted("KO", "4800", order, "", "49.90", ""), "", payment.StateExpired, false},
		"not final":           {hosted(euros), decrypted("XX", "0", order, bank, "49.90", ""), "", payment.StatePending, false},
		"the first of a row":  {series, decrypted("OK", "0", order, bank, "49.90", "AMZTOK7"), transaction("OK", "0", "AUT 49.90"), payment.StateAuthorized, true},
		"an agreement":        {agreement, decrypted("OK", "0", order, bank, "1.00", "AMZTOK7"), transaction("KO", "2011"), payment.StateAgreed, true},
		"an agreement, shown": {agreement, decrypted("OK", "0", order, bank, "1.00", "AMZTOK7"), transaction("OK", "0", "AUT 1.00"), payment.StateAgreed, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t)
			l.start(tc.cmd)
			l.add("open", payment.ActionRequired{Attempt: 1, Ref: order, Action: payment.Action{Type: payment.ActionRedirect}})
			answers := map[gestpay.Operation]string{gestpay.OpDecrypt: tc.told}
			if tc.read != "" {
				answers[gestpay.OpRead] = tc.read
			}
			_, cb, err := told(t, good, answers)
			if err != nil || cb.Asked != (payment.Money{}) && cb.Asked != l.Amount {
				t.Fatalf("asked %v, %v", cb.Asked, err)
			}
			cb.Observation.Source = payment.FromCallback
			for range 2 {
				events, err := payment.Observe(l.Payment, cb.Observation, l.at)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					l.Payment = payment.Fold(l.Payment, l.Next(e))
				}
			}
			if l.State != tc.state || (l.Mandate != nil) != tc.mandate || l.Frozen != "" {
				t.Errorf("state %q, mandate %v, frozen %q", l.State, l.Mandate, l.Frozen)
			}
		})
	}
}

func TestVerifyCallback_LaterAttempt(t *testing.T) {
	t.Parallel()
	_, cb, err := told(t, good, map[gestpay.Operation]string{
		gestpay.OpDecrypt: decrypted("KO", "74", order+"_-12", bank, "49.90", ""),
	})
	if err != nil || cb.Payment != order || cb.Observation.Key != order+"_-12" {
		t.Errorf("%+v, %v", cb, err)
	}
}

func TestVerifyCallback_NamesNoPayment(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"an id that cannot be ours":    decrypted("KO", "74", "Order 1/2", bank, "49.90", ""),
		"an amount that cannot be one": decrypted("OK", "0", order, bank, "much", ""),
		"an OK without an amount":      decrypted("OK", "0", order, bank, "", ""),
	} {
		if _, cb, err := told(t, good, map[gestpay.Operation]string{gestpay.OpDecrypt: answer}); !errors.Is(err, provider.ErrUnreadable) || cb.Payment != "" {
			t.Errorf("%s: %+v, %v", name, cb, err)
		}
	}
}

func TestReturns(t *testing.T) {
	t.Parallel()
	form, err := url.ParseQuery(good)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.raw(gestpay.OpDecrypt, 200, decrypted("OK", "0", order+"_-2", bank, "49.90", ""))
	client, p := mustClient(t, testConfig(d.URL)), mustParser(t, testConfig(d.URL))
	for _, page := range []provider.Page{provider.PageSuccess, provider.PageFailure} {
		if _, err := p.ParseReturn(page, form); !errors.Is(err, provider.ErrUnverified) {
			t.Errorf("%s: %v", page, err)
		}
		cb, err := client.VerifyReturn(t.Context(), page, form)
		want := provider.Callback{
			Payment: order, Asked: money(euros), Observation: payment.Observation{Kind: payment.Authorize, Key: order + "_-2"},
		}
		if diff := cmp.Diff(want, cb, cmpopts.IgnoreFields(provider.Callback{}, "Dedup")); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", page, err, diff)
		}
	}
	for _, page := range []provider.Page{provider.PageReview, provider.PageCancel, "admin"} {
		if _, err := p.ParseReturn(page, form); !errors.Is(err, provider.ErrUnreadable) {
			t.Errorf("%s: %v", page, err)
		}
		if _, err := client.VerifyReturn(t.Context(), page, form); !errors.Is(err, provider.ErrUnreadable) {
			t.Errorf("%s: %v", page, err)
		}
	}
	if _, err := p.ParseReturn(provider.PageSuccess, url.Values{"a": {"GESPAY99999"}, "b": {"x"}}); !errors.Is(err, provider.ErrForged) {
		t.Errorf("a foreign shop: %v", err)
	}
	for _, r := range d.calls() {
		if r.payload.Name != string(gestpay.OpDecrypt) {
			t.Errorf("a return led to %s", r.payload.Name)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	for _, v := range mustVectors(f).Notifications {
		f.Add([]byte(v.Query + v.Body))
	}
	p := mustParser(f, testConfig("https://axerve.example"))
	f.Fuzz(func(t *testing.T, body []byte) {
		cb, err := p.ParseCallback(nil, body)
		known := errors.Is(err, provider.ErrForged) || errors.Is(err, provider.ErrUnreadable) || errors.Is(err, provider.ErrUnverified)
		if !known || cb.Payment != "" || cb.Observation.Result.Status != "" {
			t.Errorf("%+v, %v", cb, err)
		}
	})
}

// TestVerifyCallback_AnyAnswer has Decrypt's answer arrive with one bit changed,
// wherever it may be: no success comes of it that nobody has read.
func TestVerifyCallback_AnyAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client := mustClient(t, testConfig(d.URL))
	answer := []byte(mustRead(t, "decrypt_ok.xml"))
	for i := range answer {
		flipped := slices.Clone(answer)
		flipped[i] ^= 1 << (i % 8)
		d.mu.Lock()
		d.answers[gestpay.OpDecrypt], d.asked = []canned{{200, string(flipped)}}, nil
		d.mu.Unlock()
		cb, err := client.VerifyCallback(t.Context(), nil, []byte(good))
		checkQuiet(t, err)
		switch {
		case err != nil && cb.Payment != "":
			t.Errorf("byte %d: %v with %+v", i, err, cb)
		case err == nil && (cb.Payment.Validate() != nil || cb.Dedup == "" || cb.Observation.Result.Status == payment.Approved):
			t.Errorf("byte %d: %+v", i, cb)
		}
	}
}

var _ provider.CallbackVerifier = (*axerve.Client)(nil)
