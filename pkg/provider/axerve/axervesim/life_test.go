package axervesim

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

func TestHosted_Unified(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.encrypted("p-1", func(q *gestpay.EncryptRequest) {
		q.BuyerName, q.BuyerEmail, q.CustomInfo = "Anna Verdi", "anna@example.org", "cart=88*P1*NOTE=a%20b"
	})
	checkReply(t, "before the buyer came", r.read("p-1"), gestpay.NotFound, "2011")
	visit := r.decide("p-1", Approve)
	r.quiet()
	if !strings.HasPrefix(visit.ReturnURL, r.inbox.server.URL+"/ok?a="+unified+"&b=") {
		t.Errorf("return %s", visit.ReturnURL)
	}
	got := r.inbox.all()
	if len(got) != 1 || got[0].method != "GET" || got[0].path != "/notify" || len(got[0].agent) != 0 {
		t.Fatalf("notified %+v", got)
	}
	for _, query := range []string{got[0].query, queryOf(t, visit.ReturnURL)} {
		d := r.decrypt(query)
		minor, iso, err := d.AmountMinor()
		if d.Outcome() != gestpay.PaymentOK || err != nil || minor != 4990 || iso != "EUR" || d.PaymentMethod != "AMAZONPAY" ||
			d.BuyerName != "Anna Verdi" || d.AuthorizationCode == "" || string(d.BankTransactionID) != visit.BankTransactionID {
			t.Errorf("%+v", d)
		}
		if diff := cmp.Diff(map[string]string{"CART": "88", "NOTE": "a%20b"}, d.CustomInfo); diff != "" {
			t.Error(diff)
		}
	}
	if got[0].query == queryOf(t, visit.ReturnURL) {
		t.Error("browser and server carry the same string")
	}
	read := r.read("p-1")
	if history(read) != "AUT 4990, MOV 4990" || read.TransactionState != "MOV" || read.Company != "AMAZONPAY" {
		t.Errorf("%s, state %s", history(read), read.TransactionState)
	}
	if read.Events[1].Referred != read.Events[0].ID {
		t.Errorf("events %+v", read.Events)
	}
	r.checkLedger("p-1", "charge 4990")
	checkReply(t, "a settle of what was captured", r.settle("p-1", "", 4990), gestpay.OpKO, "2019")
	checkReply(t, "a delete of what was captured", r.delete("p-1", ""), gestpay.OpKO, "2017")
}

func TestHosted_AddressesComeWithTheRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.authorised("p-1")
	o := r.read("p-1").Order
	if o == nil || o.Shipping == nil || o.Billing == nil || o.Shipping.City != "Torino" || len(o.Billing.Lines) != 1 ||
		!gestpay.OrderReference(o.ID).Valid() || o.Environment != "Sandbox" || o.Expires().Sub(o.Created()) != orderLife {
		t.Fatalf("%+v", o)
	}
	if total, err := o.TotalMinor(); err != nil || total != 4990 || o.SellerOrderID != "p-1" {
		t.Errorf("total %d, %v", total, err)
	}
	digital := r.as(separated)
	digital.authorised("p-1")
	if o := digital.read("p-1").Order; o == nil || o.Shipping != nil || o.Billing != nil {
		t.Errorf("%+v", o)
	}
}

func TestSettle_OnceAndInPartIfOneLikes(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	bank := r.authorised("p-1")
	r.checkLedger("p-1", "authorize 4990")
	checkReply(t, "more than authorised", r.settle("p-1", bank, 4991), gestpay.OpKO, "58")
	done := r.settle("p-1", bank, 3000)
	checkReply(t, "a part", done, gestpay.OpOK, "0")
	if err := done.CheckIDs("p-1", bank); err != nil || done.ShopTransactionID != "p-1" {
		t.Errorf("%+v", done)
	}
	checkReply(t, "the rest", r.settle("p-1", bank, 1990), gestpay.OpKO, "2019")
	if got := history(r.read("p-1")); got != "AUT 4990, MOV 3000" {
		t.Error(got)
	}
	r.checkLedger("p-1", "authorize 4990, capture 3000")
}

func TestSettle_ByOneID(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	bank := r.authorised("p-1")
	r.authorised("p-2")
	checkReply(t, "ids of two payments", r.settle("p-2", bank, 4990), gestpay.OpKO, "2011")
	done := r.settle("", bank, 4990)
	if done.Outcome() != gestpay.OpOK || done.ShopTransactionID != "" || done.BankTransactionID != bank {
		t.Errorf("%+v", done)
	}
	checkReply(t, "by the shop's id", r.settle("p-2", "", 4990), gestpay.OpOK, "0")
}

func TestSettle_OtherCurrency(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	r.authorised("p-1")
	usd, err := gestpay.NewMoney(4990, "USD")
	if err != nil {
		t.Fatal(err)
	}
	got := r.call(gestpay.SettleRequest{Shop: r.shop, Money: usd, ShopTransactionID: "p-1"})
	checkReply(t, "dollars", got, gestpay.OpKO, "65")
}

func TestSettle_QueuedForTheNight(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.TimeScale = 1 }).as(separated)
	bank := r.authorised("p-1")
	r.rule(Rule{Operation: OpSettle, Fault: FaultQueued, Times: 1})
	checkReply(t, "the settle", r.settle("p-1", bank, 4990), gestpay.Unknown, "9999")
	read := r.read("p-1")
	if l, err := read.Ledger(); err != nil || !l.CapturePending() || read.TransactionState != "PRE" {
		t.Errorf("%+v, %v, state %s", l, err, read.TransactionState)
	}
	r.checkLedger("p-1", "authorize 4990, (capture 4990)")
	checkReply(t, "once more", r.settle("p-1", bank, 4990), gestpay.OpKO, "2019")
	checkReply(t, "a delete", r.delete("p-1", bank), gestpay.OpKO, "2017")
	checkReply(t, "a refund", r.refund("p-1", bank, 100), gestpay.OpKO, "2018")
	if err := r.sim.Night(separated, "p-1"); err != nil {
		t.Fatal(err)
	}
	if got := history(r.read("p-1")); got != "AUT 4990, PRE 4990, MOV 4990" {
		t.Error(got)
	}
	r.checkLedger("p-1", "authorize 4990, capture 4990")
	if err := r.sim.Night(separated, "p-1"); err == nil {
		t.Error("a second night captured again")
	}
}

func TestRefund_InPartsUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bank := r.authorised("p-1")
	r.quiet()
	first := r.refund("p-1", bank, 1500)
	checkReply(t, "a part", first, gestpay.OpOK, "0")
	checkReply(t, "more than is left", r.refund("p-1", bank, 3491), gestpay.OpKO, "2014")
	r.quiet()
	if got := history(r.read("p-1")); got != "AUT 4990, MOV 4990, REQ 1500, STO 1500" {
		t.Error(got)
	}
	checkReply(t, "the rest", r.refund("p-1", "", 3490), gestpay.OpOK, "0")
	r.quiet()
	checkReply(t, "once more", r.refund("p-1", bank, 1), gestpay.OpKO, "2014")
	r.checkLedger("p-1", "charge 4990, refund 1500, refund 3490")
	l, err := r.read("p-1").Ledger()
	if err != nil || l.Refunded != 4990 || l.RefundPending() != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestRefund_ShowsAsRequestedFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.TimeScale = 0.001 })
	bank := r.authorised("p-1")
	checkReply(t, "the refund", r.refund("p-1", bank, 1500), gestpay.OpOK, "0")
	read := r.read("p-1")
	if l, err := read.Ledger(); err != nil || l.RefundPending() != 1500 || read.TransactionState != "MOV" {
		t.Errorf("%+v, %v, state %s", l, err, read.TransactionState)
	}
	r.checkLedger("p-1", "charge 4990, (refund 1500)")
}

func TestRefund_AtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.RefundAtOnce = true })
	bank := r.authorised("p-1")
	for range mostRefunds {
		checkReply(t, "a refund", r.refund("p-1", bank, 10), gestpay.OpOK, "0")
	}
	checkReply(t, "one too many", r.refund("p-1", bank, 10), gestpay.OpKO, "2018")
	if read := r.read("p-1"); read.TransactionState != "STO" || len(read.Events) != 2+mostRefunds {
		t.Errorf("%s", history(read))
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	bank := r.authorised("p-1")
	checkReply(t, "the delete", r.delete("p-1", bank), gestpay.OpOK, "0")
	again := r.delete("p-1", bank)
	checkReply(t, "once more", again, gestpay.OpKO, "2017")
	if again.BankTransactionID != bank || again.ShopTransactionID != "" {
		t.Errorf("%+v", again)
	}
	checkReply(t, "a settle", r.settle("p-1", bank, 4990), gestpay.OpKO, "2019")
	if got := history(r.read("p-1")); got != "AUT 4990, CAN 4990" {
		t.Error(got)
	}
	r.checkLedger("p-1", "authorize 4990, cancel 4990")
}

func TestHosted_Refusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		decision Decision
		stage    Stage
		code     gestpay.Code
		found    gestpay.Outcome
	}{
		"declined":  {Decline, StageDeclined, "74", gestpay.PaymentKO},
		"abandoned": {Abandon, StageAbandoned, "1143", gestpay.NotFound},
		"timed out": {Timeout, StageExpired, "4800", gestpay.NotFound},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.encrypted("p-1")
			visit := r.decide("p-1", c.decision)
			r.quiet()
			if visit.Stage != c.stage || !strings.HasPrefix(visit.ReturnURL, r.inbox.server.URL+"/ko?lang=en&a=") {
				t.Errorf("%+v", visit)
			}
			d := r.decrypt(r.inbox.all()[0].query)
			checkReply(t, "Decrypt", d, gestpay.PaymentKO, c.code)
			if string(d.BankTransactionID) != visit.BankTransactionID || d.AuthorizationCode != "" {
				t.Errorf("%+v", d)
			}
			if got := r.read("p-1").Outcome(); got != c.found {
				t.Errorf("read: %s", got)
			}
			r.checkLedger("p-1", "")
			checkReply(t, "a refund", r.refund("p-1", gestpay.BankTransactionID(visit.BankTransactionID), 100), gestpay.OpKO, map[bool]gestpay.Code{true: "2011", false: "2018"}[visit.BankTransactionID == ""])
		})
	}
}

func TestDeclined_ReadsWithEitherCode(t *testing.T) {
	t.Parallel()
	for zero, want := range map[bool]gestpay.Code{false: "74", true: "0"} {
		r := newRig(t, func(c *Config) { c.DeclinedReadsZero = zero })
		r.encrypted("p-1")
		r.decide("p-1", Decline)
		read := r.read("p-1")
		checkReply(t, "read", read, gestpay.PaymentKO, want)
		if history(read) != "AUT 4990" {
			t.Error(history(read))
		}
	}
}

func TestPending_EndsWithASecondNotification(t *testing.T) {
	t.Parallel()
	for decision, want := range map[Decision]string{Delay: "OK p-1", DelayDecline: "KO p-1"} {
		r := newRig(t)
		r.encrypted("p-1")
		visit := r.decide("p-1", decision)
		if visit.Result != "XX" || !strings.Contains(visit.ReturnURL, "/ok?") {
			t.Errorf("%+v", visit)
		}
		if d := r.decrypt(queryOf(t, visit.ReturnURL)); d.Outcome() != gestpay.PaymentPending {
			t.Errorf("Decrypt: %s", d.Outcome())
		}
		r.quiet()
		// The second may overtake the first on its way, as it may in life.
		told := r.results()
		slices.Sort(told)
		if diff := cmp.Diff([]string{want, "XX p-1"}, told); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPending_ReadsAsPending(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.TimeScale = 0.001 })
	r.encrypted("p-1")
	r.decide("p-1", Delay)
	read := r.read("p-1")
	if read.Outcome() != gestpay.PaymentPending || len(read.Events) != 0 || read.TransactionState != "" {
		t.Errorf("%+v", read)
	}
	r.checkLedger("p-1", "")
	if err := r.sim.Settle(unified, "p-1", true); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.Settle(unified, "p-1", false); err == nil {
		t.Error("decided twice")
	}
	r.checkLedger("p-1", "charge 4990")
}

func TestBackOffice_TellsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	r.authorised("p-1")
	r.authorised("p-2")
	r.quiet()
	before := len(r.inbox.all())
	if err := r.sim.BackOffice(separated, "p-1", true); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.BackOffice(separated, "p-2", false); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.BackOffice(separated, "p-2", true); err == nil {
		t.Error("captured what was cancelled")
	}
	r.quiet()
	if got := history(r.read("p-1")) + "; " + history(r.read("p-2")); got != "AUT 4990, MOV 4990; AUT 4990, CAN 4990" {
		t.Error(got)
	}
	if len(r.inbox.all()) != before {
		t.Error("somebody was told")
	}
}
