package axervesim

import (
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

func (r *rig) pay(id string, change func(*gestpay.PayRequest)) gestpay.Reply {
	r.t.Helper()
	req := gestpay.PayRequest{Shop: r.shop, Money: euro(12000), ShopTransactionID: gestpay.ShopTransactionID(id)}
	change(&req)
	return r.call(req)
}

func byOrder(reference string) func(*gestpay.PayRequest) {
	return func(q *gestpay.PayRequest) { q.OrderReference = reference }
}

func byToken(token string) func(*gestpay.PayRequest) {
	return func(q *gestpay.PayRequest) { q.Token = token }
}

func (r *rig) order(e Effect) string {
	r.t.Helper()
	id, err := r.sim.NewOrder(r.shop.Login, e, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func TestPay_ByOrderReference(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	order := r.order(EffectApprove)
	reply := r.pay("w-1", func(q *gestpay.PayRequest) {
		q.OrderReference, q.BuyerName, q.BuyerEmail, q.CustomInfo = order, "Anna Verdi", ":NOSEND:anna@example.org", "cart=7"
	})
	checkReply(t, "the charge", reply, gestpay.PaymentOK, "0")
	if reply.BuyerName != "Anna Verdi" || reply.BuyerEmail != "anna@example.org" || reply.CustomInfo["CART"] != "7" || reply.BankTransactionID == "" {
		t.Errorf("%+v", reply)
	}
	r.quiet()
	if n := len(r.inbox.all()); n != 0 {
		t.Errorf("%d notifications of what was answered at once", n)
	}
	read := r.read("w-1")
	if history(read) != "AUT 12000, MOV 12000" || read.Order.ID != order {
		t.Errorf("%s, order %s", history(read), read.Order.ID)
	}
	r.checkLedger("w-1", "charge 12000")
}

func TestPay_WhatBecomesOfAnOrder(t *testing.T) {
	t.Parallel()
	cases := map[Effect]struct {
		outcome gestpay.Outcome
		code    gestpay.Code
		read    gestpay.Outcome
	}{
		EffectDecline:   {gestpay.PaymentKO, "74", gestpay.PaymentKO},
		EffectBadMethod: {gestpay.CallFailed, "5001", gestpay.NotFound},
		EffectNoMethod:  {gestpay.CallFailed, "5002", gestpay.NotFound},
		EffectNoAddress: {gestpay.CallFailed, "5003", gestpay.NotFound},
	}
	for effect, c := range cases {
		t.Run(string(effect), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			order := r.order(effect)
			reply := r.pay("w-1", byOrder(order))
			checkReply(t, "the charge", reply, c.outcome, c.code)
			if (reply.BankTransactionID == "") != (c.read == gestpay.NotFound) {
				t.Errorf("%+v", reply)
			}
			if got := r.read("w-1").Outcome(); got != c.read {
				t.Errorf("read: %s", got)
			}
			r.checkLedger("w-1", "")
			if c.read != gestpay.NotFound {
				return
			}
			// Once the buyer has put it right, the same id may be used.
			if _, err := r.sim.NewOrder(unified, EffectApprove, order); err != nil {
				t.Fatal(err)
			}
			checkReply(t, "after the buyer acted", r.pay("w-1", byOrder(order)), gestpay.PaymentOK, "0")
		})
	}
}

func TestPay_Pending(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	checkReply(t, "the charge", r.pay("w-1", byOrder(r.order(EffectDelay))), gestpay.PaymentPending, "0")
	r.quiet()
	if got := strings.Join(r.results(), ", "); got != "OK w-1" {
		t.Errorf("notified %s", got)
	}
	r.checkLedger("w-1", "charge 12000")
}

func TestPay_OrdersThatAreNone(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.KnownOrdersOnly = true })
	stranger := r.as(separated).order(EffectApprove)
	for what, order := range map[string]string{
		"the live environment's": "P02-7654321-1234567",
		"no order reference":     "900417",
		"another shop's":         stranger,
		"nobody's":               "S02-7654321-1234567",
	} {
		checkReply(t, what, r.pay("w-1", byOrder(order)), gestpay.CallFailed, codeParameter)
	}
	easy := newRig(t)
	checkReply(t, "any, if one likes", easy.pay("w-1", byOrder("S02-7654321-1234567")), gestpay.PaymentOK, "0")
}

func TestPay_IDsAreUsedOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []gestpay.Code{"4707", "1137", "9999"} {
		r := newRig(t, func(c *Config) { c.DuplicateCode = code })
		order := r.order(EffectApprove)
		checkReply(t, "first", r.pay("w-1", byOrder(order)), gestpay.PaymentOK, "0")
		again := r.pay("w-1", byOrder(order))
		checkReply(t, "again", again, gestpay.Unknown, code)
		if again.BankTransactionID != "" || again.ShopTransactionID != "" {
			t.Errorf("%+v", again)
		}
		other := r.as(separated)
		checkReply(t, "in another shop", other.pay("w-1", byOrder(other.order(EffectApprove))), gestpay.PaymentOK, "0")
		r.checkLedger("w-1", "charge 12000")
	}
}

func TestPay_IDsMayBeReusedWhereTheGatewayAllows(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.ReuseIDs = true })
	first := r.pay("w-1", byOrder(r.order(EffectApprove)))
	second := r.pay("w-1", byOrder(r.order(EffectApprove)))
	if first.BankTransactionID == second.BankTransactionID {
		t.Error("two payments share a bank id")
	}
	checkReply(t, "read by the shop's id", r.read("w-1"), gestpay.Ambiguous, "2012")
	got := r.call(gestpay.ReadRequest{Shop: r.shop, ShopTransactionID: "w-1", BankTransactionID: second.BankTransactionID})
	checkReply(t, "read by both", got, gestpay.PaymentOK, "0")
	checkReply(t, "a refund by the shop's id", r.refund("w-1", "", 100), gestpay.OpKO, "2012")
	r.checkLedger("w-1", "charge 12000, charge 12000")
}

// mandate brings a token about.
func (r *rig) mandate(id, agreement string) string {
	r.t.Helper()
	r.encrypted(id, func(q *gestpay.EncryptRequest) { q.BillingAgreement = agreement })
	visit := r.decide(id, Approve)
	token := r.decrypt(queryOf(r.t, visit.ReturnURL)).Token
	if token == "" || len(token) > 25 {
		r.t.Fatalf("token %q", token)
	}
	return token
}

func TestToken_PaysNowAndLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.mandate("sub-1", gestpay.PayNowAndRecurring)
	r.checkLedger("sub-1", "mandate 0, charge 4990")
	checkReply(t, "next", r.pay("sub-1-2", byToken(token)), gestpay.PaymentOK, "0")
	checkReply(t, "next, with a used id", r.pay("sub-1", byToken(token)), gestpay.Unknown, "4707")
	checkReply(t, "without paymentTypes", r.pay("sub-1-3", func(q *gestpay.PayRequest) { q.Token, q.NoPaymentType = token, true }), gestpay.PaymentOK, "0")
	checkReply(t, "nobody's", r.pay("sub-1-4", byToken("AMZTOK0000000000000000000")), gestpay.CallFailed, "1165")
	checkReply(t, "by another shop", r.as(separated).pay("sub-1-4", byToken(token)), gestpay.CallFailed, "1165")
	if err := r.sim.RevokeToken(token); err != nil {
		t.Fatal(err)
	}
	checkReply(t, "revoked", r.pay("sub-1-5", byToken(token)), gestpay.CallFailed, "1164")
	r.checkLedger("sub-1-2", "charge 12000")
	r.checkLedger("sub-1-5", "")
}

func TestToken_Only(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.TokenNeedsPaymentType = true }).as(separated)
	token := r.mandate("sub-2", gestpay.OnlyRecurring)
	read := r.read("sub-2")
	if read.Outcome() != gestpay.PaymentOK || len(read.Events) != 0 || !read.Found() {
		t.Errorf("%+v", read)
	}
	r.checkLedger("sub-2", "mandate 0")
	checkReply(t, "a settle of it", r.settle("sub-2", "", 4990), gestpay.OpKO, "2019")
	checkReply(t, "a refund of it", r.refund("sub-2", "", 4990), gestpay.OpKO, "2018")
	checkReply(t, "without paymentTypes", r.pay("sub-2-2", func(q *gestpay.PayRequest) { q.Token, q.NoPaymentType = token, true }), gestpay.CallFailed, codeNoCard)
	checkReply(t, "next", r.pay("sub-2-2", byToken(token)), gestpay.PaymentOK, "0")
	r.checkLedger("sub-2-2", "authorize 12000")
	r.encrypted("p-1")
	if got := r.decrypt(queryOf(t, r.decide("p-1", Approve).ReturnURL)).Token; got != "" {
		t.Errorf("token %q without an agreement", got)
	}
}

func TestPay_NeedsMeans(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	checkReply(t, "neither", r.pay("w-1", func(*gestpay.PayRequest) {}), gestpay.CallFailed, codeNoCard)
	checkReply(t, "both", r.pay("w-1", func(q *gestpay.PayRequest) {
		q.OrderReference, q.Token = r.order(EffectApprove), "AMZTOK0000000000000000077"
	}), gestpay.CallFailed, codeParameter)
	checkReply(t, "an order without its type", r.pay("w-1", func(q *gestpay.PayRequest) {
		q.OrderReference, q.NoPaymentType = r.order(EffectApprove), true
	}), gestpay.CallFailed, codeNoCard)
}
