package computop_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

func TestParseCallback_Accept(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	for _, c := range mustVectors(t).Accept {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			got, err := p.ParseCallback(nil, []byte(c.WireBody))
			if err != nil {
				t.Fatal(err)
			}
			want := provider.Callback{
				Payment: order, Dedup: got.Dedup,
				Observation: payment.Observation{Kind: payment.Authorize, Key: order, Ref: xidAuth, Hearsay: true, Result: payment.Result{
					Status: payment.Approved, Amount: 13490, Ref: xidAuth, Code: "00000000",
					Refs:    map[string]string{computop.RefPayID: payID, computop.RefChargeID: chargeID, computop.RefChargePermission: permit},
					Totals:  &payment.Totals{Authorized: 13490},
					Mandate: &payment.Mandate{ID: permit},
				}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("callback (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseCallback_Reject(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	for _, c := range mustVectors(t).Reject {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			got, err := p.ParseCallback(nil, []byte(c.WireBody))
			if c.ID == "ctp-neg-02-failure-data-replayed" {
				if err != nil || got.Observation.Result.Status != payment.Declined {
					t.Errorf("authentic, but no success: %+v, %v", got.Observation.Result, err)
				}
				return
			}
			if !errors.Is(err, provider.ErrForged) || !cmp.Equal(got, provider.Callback{}) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// The encrypted block of a failed payment, copied by its buyer from URLFailure to
// URLNotify, is authentic. It is no success, and a success copied to another
// address is one only of the payment it names.
func TestParseCallback_ReplayedFailure(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	l := opened(t, payment.CaptureAuto)
	failure := mustNotify(t, authNotify(map[string]string{"Status": "FAILED", "Code": "22520305", "AmountAuth": "0"})...)
	got, err := p.ParseCallback(nil, failure)
	if err != nil {
		t.Fatal(err)
	}
	got.Observation.Source = payment.FromCallback
	l.see(got.Observation)
	if l.State != payment.StateDeclined || l.Authorized != 0 {
		t.Errorf("state %q, authorised %d", l.State, l.Authorized)
	}
}

func TestParseCallback_States(t *testing.T) {
	t.Parallel()
	for i, c := range mustVectors(t).States {
		if c.Source != "notify" {
			continue
		}
		t.Run(fmt.Sprintf("%d %s %s", i, c.Status, c.Expect), func(t *testing.T) {
			t.Parallel()
			l, watched := c.before(t)
			got, err := mustParser(t, testConfig("https://paygate.example")).ParseCallback(nil, mustNotify(t, c.fields()...))
			if err != nil {
				t.Fatal(err)
			}
			got.Observation.Source = payment.FromCallback
			l.see(got.Observation)
			c.check(t, l, watched)
		})
	}
}

// fields are those of the case's message.
func (c stateCase) fields() []string {
	pairs := []string{"mid", mid, "PayID", payID, "XID", "e7e1ed455b302b64f6babc031bc44d10", "TransID", order, "Status", c.Status}
	if c.Code != nil {
		pairs = append(pairs, "Code", *c.Code)
	}
	if c.Type != nil {
		pairs = append(pairs, "NotificationType", *c.Type)
	}
	for i, name := range []string{"AmountAuth", "AmountCap", "AmountCred"} {
		if c.Amounts[i] != nil {
			pairs = append(pairs, name, fmt.Sprint(*c.Amounts[i]))
		}
	}
	return pairs
}

// before is the payment as it was when the case's message came, and the
// operation that the message is about.
func (c stateCase) before(t *testing.T) (*life, payment.CommandID) {
	t.Helper()
	switch {
	case strings.Contains(c.Source, "credit") || c.Type != nil && *c.Type == "CreditNotification":
		l := captured(t, *c.Amounts[1])
		refund := *c.Amounts[2]
		if refund == 0 {
			refund = 1500
		}
		l.start("watched", payment.Refund, refund, nil)
		return l, "watched"
	case c.Type != nil && *c.Type == "CaptureNotification":
		l := authorized(t)
		l.start("watched", payment.Capture, 5000, nil)
		return l, "watched"
	case strings.Contains(c.Source, "reverse"):
		l := authorized(t)
		l.start("watched", payment.Cancel, 0, nil)
		return l, "watched"
	}
	mode := payment.CaptureManual
	if c.Amounts[1] != nil && *c.Amounts[1] > 0 {
		mode = payment.CaptureAuto
	}
	return opened(t, mode), "open"
}

func (c stateCase) check(t *testing.T, l *life, watched payment.CommandID) {
	t.Helper()
	states := map[string]payment.State{
		"REQUIRES_ACTION": payment.StateRequiresAction, "AUTHORIZED": payment.StateAuthorized, "CAPTURED": payment.StateCaptured,
		"PARTIALLY_CAPTURED": payment.StatePartiallyCaptured, "PARTIALLY_REFUNDED": payment.StatePartiallyRefunded,
		"REFUNDED": payment.StateRefunded, "PENDING": payment.StatePending, "REVERSED": payment.StateCancelled,
		"unchanged, operation PENDING":                            payment.StatePartiallyCaptured,
		"unchanged (PARTIALLY_CAPTURED), refund operation FAILED": payment.StatePartiallyCaptured,
		"unchanged (AUTHORIZED), capture operation FAILED":        payment.StateAuthorized,
		"FAILED (cancelled by buyer)":                             payment.StateFailed,
		"not success: Code wins over Status; UNKNOWN, inquire":    payment.StatePending,
		"not success: Code is not 00000000; PENDING, inquire":     payment.StatePending,
	}
	want, ok := states[c.Expect]
	if !ok {
		t.Fatalf("nobody says what %q means", c.Expect)
	}
	if l.State != want {
		t.Errorf("state %q, want %q", l.State, want)
	}
	op, _ := l.Operation(watched)
	if strings.Contains(c.Expect, "operation FAILED") && op.Status != payment.OpDeclined {
		t.Errorf("operation %q", op.Status)
	}
	if strings.Contains(c.Expect, "cancelled by buyer") && op.Reason != payment.ReasonBuyerCancelled {
		t.Errorf("reason %q", op.Reason)
	}
	if strings.Contains(c.Expect, "operation PENDING") && op.Status != payment.OpPending {
		t.Errorf("operation %q", op.Status)
	}
}

// The other state cases are answers to calls.
func TestSubmit_States(t *testing.T) {
	t.Parallel()
	for i, c := range mustVectors(t).States {
		if c.Source == "notify" || c.Source == "any" || c.Source == "ShopUrl callback" {
			continue
		}
		t.Run(fmt.Sprintf("%d %s %s", i, c.Source, c.Expect), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			more := []string{"buttonpayload", "p", "buttonsignature", "s", "buttonpublickeyid", "k"}
			for _, endpoint := range []string{"amazonapa.aspx", "credit.aspx", "reverse.aspx"} {
				d.answer(t, endpoint, append(c.fields(), more...)...)
			}
			d.answer(t, "inquire.aspx", totals("13490", "0", "0")...)
			l, watched := c.before(t)
			call := provider.Call{Payment: l.Payment}
			call.Operation, _ = l.Operation(watched)
			switch c.Source {
			case "init response":
				l = newLife(t)
				call = l.start("open", payment.Authorize, 13490, button(payment.CaptureManual))
			case "update amount response":
				call, watched = l.start("update", payment.UpdateAmount, 12000, nil), "update"
			}
			got, err := mustClient(t, testConfig(d.URL)).Submit(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			l.see(payment.Observation{Source: payment.FromAnswer, Command: watched, Attempt: 1, Result: got})
			c.check(t, l, watched)
		})
	}
}

func TestParseCallback_Kinds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change map[string]string
		kind   payment.Kind
		status payment.Status
		amount int64
	}{
		"an authorisation": {nil, payment.Authorize, payment.Approved, 13490},
		"a sale":           {map[string]string{"AmountCap": "13490"}, payment.Authorize, payment.Approved, 13490},
		"a success with nothing authorised": {
			map[string]string{"AmountAuth": "0"}, payment.Authorize, payment.Pending, 0,
		},
		"a capture": {
			map[string]string{"NotificationType": "CaptureNotification", "Amount": "5000", "AmountCap": "5000"}, payment.Capture, payment.Approved, 5000,
		},
		"a capture, printed as in the documentation": {
			map[string]string{"NotificationType": "<CaptureNotification>", "Amount": "5000", "AmountCap": "5000"}, payment.Capture, payment.Approved, 5000,
		},
		"a capture in small letters": {
			map[string]string{"notificationtype": "capturenotification", "AmountCap": "5000"}, payment.Capture, payment.Approved, 0,
		},
		"a capture whose total has not moved": {
			map[string]string{"NotificationType": "CaptureNotification", "Amount": "5000"}, payment.Capture, payment.Pending, 5000,
		},
		"sums do not make a capture of it": {map[string]string{"AmountCap": "5000"}, payment.Authorize, payment.Approved, 13490},
		"nor a refund":                     {map[string]string{"AmountCap": "5000", "AmountCred": "1"}, payment.Authorize, payment.Approved, 13490},
		"a refund": {
			map[string]string{"NotificationType": "CreditNotification", "Amount": "1500", "AmountCap": "5000", "AmountCred": "1500"},
			payment.Refund, payment.Approved, 1500,
		},
		"a buyer still at the review page": {
			map[string]string{"Status": "REQUEST", "Code": "0", "AmountAuth": "0"}, payment.Authorize, payment.NeedBuyer, 0,
		},
		"something fatal": {map[string]string{"Status": "FAILED", "Code": "42520050"}, payment.Authorize, payment.Pending, 0},
		"a failure that no table has": {
			map[string]string{"Status": "FAILED", "Code": "22529999"}, payment.Authorize, payment.Pending, 0,
		},
		"another step was active": {map[string]string{"Status": "FAILED", "Code": "22520062"}, payment.Authorize, payment.Pending, 0},
		"a failed refund": {
			map[string]string{"Status": "FAILED", "Code": "22520954", "NotificationType": "CreditNotification", "Amount": "1500"},
			payment.Refund, payment.Failed, 1500,
		},
		"a failure for its amount": {
			map[string]string{"Status": "FAILED", "Code": "22520067", "NotificationType": "CaptureNotification"}, payment.Capture, payment.Failed, 0,
		},
	}
	p := mustParser(t, testConfig("https://paygate.example"))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.ParseCallback(nil, mustNotify(t, authNotify(tc.change)...))
			if err != nil {
				t.Fatal(err)
			}
			r := got.Observation.Result
			if got.Observation.Kind != tc.kind || r.Status != tc.status || r.Amount != tc.amount {
				t.Errorf("%s %s %d, want %s %s %d", got.Observation.Kind, r.Status, r.Amount, tc.kind, tc.status, tc.amount)
			}
		})
	}
}

// TestParseCallback_SplicedSums: the buyer's browser sees the message of his success, and
// Blowfish lets him put other sums into it. They decide nothing.
func TestParseCallback_SplicedSums(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	cases := map[string]struct {
		mode  payment.CaptureMode
		taken string // AmountCap
		want  payment.State
		then  payment.State // when the genuine message has come, too
	}{
		"all is taken, and was to be":        {payment.CaptureAuto, "13490", payment.StateCaptured, payment.StateCaptured},
		"all is taken, and was not to be":    {payment.CaptureManual, "13490", payment.StatePending, payment.StateAuthorized},
		"part is taken, and was not to be":   {payment.CaptureManual, "5000", payment.StatePending, payment.StateAuthorized},
		"part is taken where all was to be":  {payment.CaptureAuto, "5000", payment.StatePending, payment.StateAuthorized},
		"nothing is taken, as it was to be":  {payment.CaptureManual, "0", payment.StateAuthorized, payment.StateAuthorized},
		"nothing is taken yet, but is to be": {payment.CaptureAuto, "0", payment.StateAuthorized, payment.StateAuthorized},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := opened(t, tc.mode)
			tell := func(taken string) {
				got, err := p.ParseCallback(nil, mustNotify(t, authNotify(map[string]string{"AmountCap": taken})...))
				if err != nil {
					t.Fatal(err)
				}
				got.Observation.Source = payment.FromCallback
				l.see(got.Observation)
			}
			if tell(tc.taken); l.State != tc.want {
				t.Errorf("state %q, want %q", l.State, tc.want)
			}
			if tell("0"); l.State != tc.then {
				t.Errorf("and then state %q, want %q", l.State, tc.then)
			}
		})
	}
	t.Run("a capture in doubt stays so", func(t *testing.T) {
		t.Parallel()
		l := authorized(t)
		l.start("capture", payment.Capture, 5000, nil)
		l.add("capture", payment.OutcomeUnknown{Attempt: 1})
		got, err := p.ParseCallback(nil, mustNotify(t, authNotify(map[string]string{"AmountCap": "5000"})...))
		if err != nil {
			t.Fatal(err)
		}
		got.Observation.Source = payment.FromCallback
		l.see(got.Observation)
		if op, _ := l.Operation("capture"); op.Status != payment.OpUnknown || l.Captured != 0 {
			t.Errorf("the capture is %s, captured %d", op.Status, l.Captured)
		}
	})
}

func TestParseCallback_Unreadable(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	for name, change := range map[string]map[string]string{
		"a type that nobody knows":         {"NotificationType": "LunarNotification"},
		"no TransID":                       {"TransID": ""},
		"a TransID that is no payment":     {"TransID": "a b"},
		"a PayID that is none":             {"PayID": "n/a"},
		"an amount that is none":           {"AmountAuth": "134.90"},
		"an amount that is below zero":     {"AmountAuth": "-1"},
		"an amount that does not fit n10":  {"AmountAuth": "99999999999999999999"},
		"a TransID that begins with a dot": {"TransID": ".2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := p.ParseCallback(nil, mustNotify(t, authNotify(change)...)); !errors.Is(err, provider.ErrUnreadable) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestParseCallback_Forged(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	good := authNotify(nil)
	mac := paygate.NotifyMAC(macKey, payID, order, mid, "AUTHORIZED", "00000000")
	cases := map[string][]byte{
		"nothing":                      nil,
		"no form":                      []byte("<xml/>"),
		"plain text":                   []byte(paygate.NewMessage(append(good, "MAC", mac)...).String()),
		"65 KiB":                       bytes.Repeat([]byte("A"), 65<<10),
		"a MAC with another password":  []byte(mustSeal(t, append(slices.Clone(good), "MAC", paygate.NotifyMAC("other", payID, order, mid, "AUTHORIZED", "00000000"))...)),
		"a MAC cut short":              []byte(mustSeal(t, append(slices.Clone(good), "MAC", mac[:62])...)),
		"an empty MAC":                 []byte(mustSeal(t, append(slices.Clone(good), "MAC", " ")...)),
		"another password":             []byte(mustSealWith(t, "another password", append(slices.Clone(good), "MAC", mac)...)),
		"a MAC over another merchant":  []byte(mustSeal(t, append(slices.Clone(good), "MAC", paygate.NotifyMAC(macKey, payID, order, "other", "AUTHORIZED", "00000000"))...)),
		"another merchant's id inside": []byte(mustSeal(t, append(slices.Clone(good), "MAC", mac, "MerchantID", "other")...)),
		"a second AmountAuth":          []byte(mustSeal(t, append(slices.Clone(good), "MAC", mac, "amountauth", "1")...)),
		"a second Data":                []byte(mustSeal(t, append(slices.Clone(good), "MAC", mac)...) + "&data=00"),
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := p.ParseCallback(nil, body); !errors.Is(err, provider.ErrForged) || !cmp.Equal(got, provider.Callback{}) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// Whatever bit of the message is flipped, the fields under the MAC do not change
// their meaning without the parser noticing.
func TestParseCallback_EveryBit(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	body := mustNotify(t, authNotify(nil)...)
	at := bytes.Index(body, []byte("Data=")) + len("Data=")
	end := at + bytes.IndexAny(body[at:], "&")
	if end < at {
		end = len(body)
	}
	data, err := hex.DecodeString(string(body[at:end]))
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		forged := slices.Clone(data)
		forged[i] ^= 1
		text := string(body[:at]) + hex.EncodeToString(forged) + string(body[end:])
		got, err := p.ParseCallback(nil, []byte(text))
		if err != nil {
			continue
		}
		if got.Payment != order || got.Observation.Result.Status == payment.Approved && got.Observation.Result.Amount != 13490 {
			t.Errorf("byte %d: %+v", i, got)
		}
	}
}

func TestParseCallback_KeyRotation(t *testing.T) {
	t.Parallel()
	cfg := testConfig("https://paygate.example")
	cfg.CipherKeys = append([]computop.Key{secret("2", "new cipher key!!")}, cfg.CipherKeys...)
	cfg.MACKeys = append([]computop.Key{secret("2", "new mac key")}, cfg.MACKeys...)
	rotated := mustParser(t, cfg)
	old := mustNotify(t, authNotify(nil)...)
	if _, err := rotated.ParseCallback(nil, old); err != nil {
		t.Errorf("a notify under the old keys: %v", err)
	}
	mac := paygate.NotifyMAC("new mac key", payID, order, mid, "AUTHORIZED", "00000000")
	for name, key := range map[string]string{"both keys new": "new cipher key!!", "the MAC key new": cipherKey} {
		body := mustSealWith(t, key, append(authNotify(nil), "MAC", mac)...)
		if _, err := rotated.ParseCallback(nil, []byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg.CipherKeys, cfg.MACKeys = cfg.CipherKeys[:1], cfg.MACKeys[:1]
	if _, err := mustParser(t, cfg).ParseCallback(nil, old); !errors.Is(err, provider.ErrForged) {
		t.Errorf("a notify under retired keys: %v", err)
	}
}

func TestParseCallback_LaterAttempt(t *testing.T) {
	t.Parallel()
	got, err := mustParser(t, testConfig("https://paygate.example")).ParseCallback(nil, mustNotify(t, authNotify(map[string]string{"TransID": order + ".12"})...))
	if err != nil || got.Payment != order || got.Observation.Key != order+".12" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseCallback_Dedup(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	dedup := func(change map[string]string) string {
		got, err := p.ParseCallback(nil, mustNotify(t, authNotify(change)...))
		if err != nil {
			t.Fatal(err)
		}
		return got.Dedup
	}
	first := dedup(nil)
	if first == "" || first != dedup(map[string]string{"Description": "other words", "NewParam": "x"}) {
		t.Error("a repeat has another key")
	}
	if first != dedup(map[string]string{"XID": xidNext}) {
		t.Error("another step with the same totals has another key: strangers can make those")
	}
	seen := map[string]string{first: "first"}
	refused := func(step string) map[string]string {
		return map[string]string{"XID": step, "NotificationType": "CaptureNotification", "Code": "22520100", "Status": "FAILED"}
	}
	for name, change := range map[string]map[string]string{
		"refused step": refused(xidAuth), "refused step after it": refused(xidNext), "status": {"Status": "OK"}, "code": {"Code": "22520100", "Status": "FAILED"},
		"total": {"AmountCap": "13490"}, "type": {"NotificationType": "CaptureNotification", "AmountCap": "2"}, "payment": {"PayID": strings.Repeat("c", 32)},
	} {
		key := dedup(change)
		if other, twice := seen[key]; twice {
			t.Errorf("another %s has the key of %s", name, other)
		}
		seen[key] = name
	}
}

// TestParseCallback_Mangled: five fields are all that the MAC covers, and a stranger
// who changes a block of the rest gets what Paygate never writes.
func TestParseCallback_Mangled(t *testing.T) {
	t.Parallel()
	p := mustParser(t, testConfig("https://paygate.example"))
	for name, change := range map[string]map[string]string{
		"a control character":          {"Description": "succ\x07ss"},
		"one of the upper half":        {"Description": "succ\u0085ss"},
		"a name that is none":          {"Descr\u00f6ption": "x"},
		"a name with a blank":          {"Amount Auth": "1"},
		"a step that cannot be one":    {"XID": "0123456789abcdef0123456\u00e6\u00f889abcdef"},
		"a step with a sign in it":     {"XID": "0123456789abcdef01234567/9abcdef"},
		"nothing":                      nil,
		"a part that is no field":      {"Description": "succ&ess"},
		"a description with an eszett": {"Description": "Stra\u00dfe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.ParseCallback(nil, mustNotify(t, authNotify(change)...))
			if good := change == nil || strings.Contains(change["Description"], "\u00df"); good != (err == nil) {
				t.Errorf("%v", err)
			}
			if err != nil && !errors.Is(err, provider.ErrForged) {
				t.Errorf("%v, want forged", err)
			}
		})
	}
}

func FuzzParseCallback(f *testing.F) {
	v := mustVectors(f)
	for _, c := range append(v.Accept, v.Reject...) {
		f.Add([]byte(c.WireBody))
	}
	f.Add(mustNotify(f, authNotify(nil)...))
	p := mustParser(f, testConfig("https://paygate.example"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := p.ParseCallback(nil, body)
		if err != nil {
			if !errors.Is(err, provider.ErrForged) && !errors.Is(err, provider.ErrUnreadable) {
				t.Errorf("error %v", err)
			}
			return
		}
		if got.Payment.Validate() != nil || got.Dedup == "" || got.Observation.Result.Status == "" {
			t.Errorf("callback %+v", got)
		}
		if r := got.Observation.Result; r.Status == payment.Approved && r.Code != "00000000" {
			t.Errorf("a success with code %q", r.Code)
		}
	})
}
