package computopsim

import (
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// TestLife walks one payment from the button to the refund, with both ciphers.
func TestLife(t *testing.T) {
	t.Parallel()
	for _, mid := range []string{shopMID, aesMID} {
		t.Run(mid, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).as(mid)
			r.t = t
			payID := r.opened("T-1", "refnr", "R1", "UserData", "u=1")
			review := r.returned(r.decide("T-1", Review).ReviewURL)
			checkReview(r, review)

			update := r.call("amazonapa.ASPX", paygate.NewMessage("PayId", payID, "Amount", "12000", "Currency", "EUR",
				"CountryCode", "EU", "eventToken", "UpdateAuthorizeAmount"))
			checkCode(t, "update", update, "0")
			checkTotals(t, "update", update, "0/0/0")
			if update.Get("TransID") != "n/a" || update.Get("Status") != "AUTHORIZE_REQUEST" {
				t.Errorf("update: %s", update)
			}

			back := r.returned(r.decide("T-1", Approve).ReturnURL)
			r.quiet()
			auth := r.lastNotify()
			for what, m := range map[string]paygate.Message{"return": back, "notify": auth} {
				checkCode(t, what, m, paygate.Success)
				checkTotals(t, what, m, "12000/0/0")
				if m.Get("Status") != "AUTHORIZED" || !r.genuine(m) || m.Get("userdata") != "u=1" {
					t.Errorf("%s: %s", what, m)
				}
			}
			charge := auth.Get("chargeid")

			captured := r.capture(payID, "T-1", "5000", "ReqId", "cap1")
			checkCode(t, "capture", captured, paygate.Success)
			checkTotals(t, "capture", captured, "12000/5000/0")
			if _, found := captured.Lookup("MAC"); found {
				t.Error("an answer carries a MAC")
			}
			r.quiet()
			note := r.lastNotify()
			if note.Get("NotificationType") != "CaptureNotification" || note.Get("XID") != captured.Get("XID") ||
				len(note.Get("OrderID")) != 19 || len(note.Get("AmazonRefID")) != 27 || !r.genuine(note) {
				t.Errorf("capture notify: %s", note)
			}

			credit := r.credit(payID, "T-1", "1500", charge)
			checkCode(t, "credit", credit, "62520985")
			checkTotals(t, "credit", credit, "12000/5000/0")
			r.quiet()
			note = r.lastNotify()
			checkTotals(t, "credit notify", note, "12000/5000/1500")
			if note.Get("NotificationType") != "CreditNotification" || note.Get("refundid") != credit.Get("refundid") || !r.genuine(note) {
				t.Errorf("credit notify: %s", note)
			}

			for endpoint, m := range map[string]paygate.Message{
				"inquire.aspx":   paygate.NewMessage("PayID", payID, "TransID", "T-1"),
				"inquire24.aspx": paygate.NewMessage("TransID", "T-1"),
			} {
				inquiry := r.call(endpoint, m)
				checkCode(t, endpoint, inquiry, paygate.Success)
				checkTotals(t, endpoint, inquiry, "12000/5000/1500")
			}
			if got := r.ledger("T-1"); got != "authorize 12000, capture 5000, refund 1500" {
				t.Errorf("ledger: %s", got)
			}
		})
	}
}

func checkReview(r *rig, m paygate.Message) {
	r.t.Helper()
	checkCode(r.t, "review", m, "0")
	if m.Get("Status") != "REQUEST" || m.Get("rtf") != "onetime" || m.Get("AddrStreet") != "Große Gasse 7" {
		r.t.Errorf("review: %s", m)
	}
	session := m.Get("amazoncheckoutsessionid")
	if m.Get("amazonpayredirecturl") != r.server.URL+"/amazon/confirm/"+session || session == "" {
		r.t.Errorf("review leads to %q", m.Get("amazonpayredirecturl"))
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cases := map[string]struct {
		decision Decision
		extra    []string
		url      string
		status   string
		code     paygate.Code
		totals   string
		ledger   string
	}{
		"approve an authorisation": {Approve, nil, "https://shop.example/ok?", "AUTHORIZED", "00000000", "10000/0/0", "authorize 10000"},
		"approve a sale":           {Approve, []string{"TxType", "AuthorizeWithCapture"}, "https://shop.example/ok?", "OK", "00000000", "10000/10000/0", "charge 10000"},
		"sale is the default":      {Approve, []string{"TxType", "-"}, "https://shop.example/ok?", "OK", "00000000", "10000/10000/0", "charge 10000"},
		"decline":                  {Decline, nil, "https://shop.example/nok?", "FAILED", "22520100", "0/0/0", ""},
		"abandon":                  {Abandon, nil, "https://shop.example/cancel?", "FAILED", "22520053", "0/0/0", ""},
		"simulated decline":        {Approve, []string{"OrderDesc", "Test:0305"}, "https://shop.example/nok?", "FAILED", "22520305", "0/0/0", ""},
		"simulated success":        {Approve, []string{"OrderDesc", "Test:0000"}, "https://shop.example/ok?", "AUTHORIZED", "00000000", "10000/0/0", "authorize 10000"},
		"no simulation":            {Approve, []string{"OrderDesc", "Test: 0305"}, "https://shop.example/ok?", "AUTHORIZED", "00000000", "10000/0/0", "authorize 10000"},
	}
	for name, c := range cases {
		transID := strings.ReplaceAll(name, " ", "-")
		r.opened(transID, c.extra...)
		visit := r.decide(transID, c.decision)
		if !strings.HasPrefix(visit.ReturnURL, c.url) || !strings.HasPrefix(visit.ReviewURL, "https://shop.example/review?o=1&Len=") {
			t.Errorf("%s: leads to %s", name, visit.ReturnURL)
		}
		r.quiet()
		for what, m := range map[string]paygate.Message{"return": r.returned(visit.ReturnURL), "notify": r.lastNotify()} {
			checkCode(t, name+": "+what, m, c.code)
			checkTotals(t, name+": "+what, m, c.totals)
			if m.Get("Status") != c.status || m.Get("TransID") != transID || !r.genuine(m) {
				t.Errorf("%s: %s: %s", name, what, m)
			}
		}
		if got := r.ledger(transID); got != c.ledger {
			t.Errorf("%s: ledger %q, want %q", name, got, c.ledger)
		}
		if _, err := r.sim.Decide(r.mid, transID, Approve); err == nil {
			t.Errorf("%s: decided twice", name)
		}
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opened("T-1")
	back := r.returned(r.decide("T-1", Delay).ReturnURL)
	checkCode(t, "return", back, "62520985")
	r.quiet()
	notes := r.notifies()
	if len(notes) != 2 || notes[0].Get("Status") != "PENDING" || notes[1].Get("Status") != "AUTHORIZED" {
		t.Errorf("notifies %v", notes)
	}
	if got := r.ledger("T-1"); got != "authorize 10000" {
		t.Errorf("ledger %q", got)
	}
}

func TestReverse_UndoesTheLastStep(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID, charge := r.authorised("T-1")
	r.capture(payID, "T-1", "4000")
	reverse := func(reqID string, extra ...string) paygate.Message {
		return r.call("reverse.aspx", with(paygate.NewMessage("PayID", payID, "chargeid", charge, "Reason", "changed mind", "ReqId", reqID), extra...))
	}
	first := reverse("rev1")
	checkCode(t, "the capture", first, paygate.Success)
	checkTotals(t, "the capture", first, "10000/0/0")
	again := reverse("rev1")
	if again.Get("XID") != first.Get("XID") {
		t.Errorf("a repeat was executed: %s", again)
	}
	second := reverse("rev2", "TransID", "T-1", "Amount", "10000", "Currency", "EUR")
	checkCode(t, "the authorisation", second, paygate.Success)
	checkTotals(t, "the authorisation", second, "0/0/0")
	checkCode(t, "nothing left", reverse("rev3"), "22521519")
	checkCode(t, "capture afterwards", r.capture(payID, "T-1", "100"), "22520075")
	if got := r.ledger("T-1"); got != "(authorize 10000), (capture 4000), reverse 4000, reverse 10000" {
		t.Errorf("ledger %q", got)
	}
}

func TestReverse_UndoesARefundUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.RefundDelay = 4 * defaultPendingDelay })
	payID, charge := r.authorised("T-1", "TxType", "AuthorizeWithCapture")
	checkCode(t, "credit", r.credit(payID, "T-1", "2000", charge), "62520985")
	checkCode(t, "reverse", r.call("reverse.aspx", paygate.NewMessage("PayID", payID, "chargeid", charge)), paygate.Success)
	r.quiet()
	p := r.payment("T-1")
	if p.AmountCred != 0 || p.Crediting != 0 || p.AmountCap != 10000 || r.ledger("T-1") != "charge 10000, (refund 2000), reverse 2000" {
		t.Errorf("payment %+v, ledger %q", p, r.ledger("T-1"))
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, _ := r.authorised("S-1", "RTF", "I", "cycle", "Month", "Value", "1", "InstallmentAmount", "0", "TxType", "AuthorizeWithCapture")
	permission := r.payment("S-1").Permission
	next := func(transID string, extra ...string) paygate.Message {
		return r.call("amazonAPA.aspx", with(paygate.NewMessage("PayID", first, "TransID", transID, "Amount", "2500", "Currency", "EUR",
			"CountryCode", "EU", "URLNotify", r.shop.server.URL+"/notify", "RTF", "R", "TxType", "AuthorizeWithCapture",
			"chargepermissionid", permission), extra...))
	}
	answer := next("S-2")
	checkCode(t, "next", answer, paygate.Success)
	checkTotals(t, "next", answer, "2500/2500/0")
	r.quiet()
	if note := r.lastNotify(); note.Get("PayID") != answer.Get("PayID") || note.Get("PayID") == first || !r.genuine(note) {
		t.Errorf("notify %s", note)
	}
	checkCode(t, "refund of the next", r.credit(answer.Get("PayID"), "S-2", "2500", answer.Get("chargeid")), "62520985")
	checkCode(t, "TransID again", next("S-2"), "20170002")
	checkCode(t, "stranger's permission", next("S-3", "chargepermissionid", "S02-0000000-0000000"), "20120000")
	checkCode(t, "another currency", next("S-3", "Currency", "USD"), "20120006")
	checkCode(t, "declined", next("S-3", "OrderDesc", "Test:0100"), "22520100")
	if r.ledger("S-2") != "charge 2500, refund 2500" || r.ledger("S-3") != "" {
		t.Errorf("ledger %q and %q", r.ledger("S-2"), r.ledger("S-3"))
	}
	oneTime, _ := r.authorised("O-1")
	checkCode(t, "a one-time permission", next("S-4", "PayID", oneTime, "chargepermissionid", r.payment("O-1").Permission), "20120000")
}
