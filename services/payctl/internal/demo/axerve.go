package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// unified is the merchant's account at Axerve whose payments are captured with
// their authorisation.
const unified = "it-unified"

func plainAxerve() []scenario {
	return []scenario{
		{"hosted page, settle", payment.Axerve, 1, axerveSettle},
		{"hosted page, sale", payment.Axerve, 1, axerveSale},
		{"order reference", payment.Axerve, 1, orderReference},
		{"mandate, first and next", payment.Axerve, 2, axerveMandate},
		{"mandate alone, then a charge", payment.Axerve, 2, axerveAgreement},
		{"partial settle, partial refund", payment.Axerve, 1, axervePartial},
		{"delete", payment.Axerve, 1, axerveDelete},
		{"declined on the page (KO)", payment.Axerve, 1, axerveRefused(axervesim.Decline, "declined")},
		{"abandoned on the page", payment.Axerve, 1, axerveRefused(axervesim.Abandon, "failed")},
		{"undecided (XX), then OK", payment.Axerve, 1, axerveDelayed(axervesim.Delay, "authorized", 4200)},
		{"undecided (XX), then KO", payment.Axerve, 1, axerveDelayed(axervesim.DelayDecline, "declined", 0)},
	}
}

func troubledAxerve() []scenario {
	settle, refund := axervesim.OpSettle, axervesim.OpRefund
	return []scenario{
		{"settle, no answer", payment.Axerve, 1, under(axerveSettle, atAxerve(axervesim.Rule{Operation: settle, Fault: axervesim.FaultTimeoutAfter}))},
		{"settle, SOAP fault after effect", payment.Axerve, 1, under(axerveSettle, atAxerve(axervesim.Rule{Operation: settle, Fault: axervesim.FaultSOAPAfter}))},
		{"partial refund, reset after effect", payment.Axerve, 1, under(axervePartial, atAxerve(axervesim.Rule{Operation: refund, Fault: axervesim.FaultResetAfter}))},
		{"order reference, no answer", payment.Axerve, 1, under(orderReference, atAxerve(axervesim.Rule{Operation: axervesim.OpPay, Fault: axervesim.FaultResetAfter}))},
		{"notification that never comes, sync", payment.Axerve, 1, under(axerveAsked, atAxerve(axervesim.Rule{Operation: axervesim.OpNotify, Fault: axervesim.FaultVanish}))},
		{"notification after a forged one", payment.Axerve, 1, under(axerveSettle, atAxerve(axervesim.Rule{Operation: axervesim.OpNotify, Fault: axervesim.FaultForged}))},
		{"notification three times", payment.Axerve, 1, under(axerveSettle, atAxerve(axervesim.Rule{Operation: axervesim.OpNotify, Fault: axervesim.FaultDuplicate, Count: 2}))},
	}
}

// page opens a payment on Axerve's page and waits until the buyer is sent there.
func (r *runner) page(ctx context.Context, amount int64, more func(*api.Open)) (string, error) {
	body := api.Open{
		PaymentID: r.newID(), Provider: string(payment.Axerve), Method: "redirect", Amount: *money(amount), Reference: "demo",
		Return: &api.Return{Success: shopDone, Failure: shopFailed},
	}
	if more != nil {
		more(&body)
	}
	if _, err := r.send(ctx, "/v1/payments", body); err != nil {
		return "", err
	}
	return body.PaymentID, r.opened(ctx, body.PaymentID)
}

// The shop's pages.
const (
	shopDone   = "https://shop.example/done"
	shopFailed = "https://shop.example/failed"
)

// visit has the buyer decide on the page and follows the browser back: it must end
// at the shop's page.
func (r *runner) visit(ctx context.Context, id string, d axervesim.Decision, page string) error {
	v, err := r.env.Axerve.Decide(ctx, r.key(id), d)
	if err != nil {
		return fmt.Errorf("%w: the buyer's %s: %w", ErrWrong, d, err)
	}
	to, err := r.redirect(ctx, v.ReturnURL)
	if err != nil {
		return fmt.Errorf("%w: payment %s: the browser comes back to no page of the shop: %w", ErrWrong, id, err)
	}
	if !strings.HasPrefix(to, page+"?payment_id="+id+"&") {
		return fmt.Errorf("%w: payment %s: the browser is led to %q, must be %s", ErrWrong, id, to, page)
	}
	return nil
}

// bought has the buyer pay on the page.
func (r *runner) bought(ctx context.Context, amount int64, state string, more func(*api.Open)) (string, error) {
	id, err := r.page(ctx, amount, more)
	if err != nil {
		return id, err
	}
	if err := r.visit(ctx, id, axervesim.Approve, shopDone); err != nil {
		return id, err
	}
	r.expect(id, either(state == "captured", kindCharge, kindAuthorize), amount)
	_, err = r.reach(ctx, id, state)
	return id, err
}

func axerveSettle(ctx context.Context, r *runner) error {
	id, err := r.bought(ctx, 4999, "authorized", nil)
	if err != nil {
		return err
	}
	if err := r.capture(ctx, id, 4999); err != nil {
		return err
	}
	return r.sums(ctx, id, "captured", 4999, 4999, 0)
}

// axerveAsked has Axerve asked about a payment of which no notification tells.
func axerveAsked(ctx context.Context, r *runner) error {
	id, err := r.page(ctx, 4999, nil)
	if err != nil {
		return err
	}
	if err := r.visit(ctx, id, axervesim.Approve, shopDone); err != nil {
		return err
	}
	r.expect(id, kindAuthorize, 4999)
	if _, err := r.send(ctx, "/v1/payments/"+id+"/sync", api.FollowUp{}); err != nil {
		return err
	}
	return r.sums(ctx, id, "authorized", 4999, 0, 0)
}

func atUnified(o *api.Open) { o.Account = unified }

func axerveSale(ctx context.Context, r *runner) error {
	id, err := r.bought(ctx, 1250, "captured", atUnified)
	if err != nil {
		return err
	}
	return r.sums(ctx, id, "captured", 1250, 1250, 0)
}

// orderReference pays with what Amazon's widgets gave to the shop; the buyer's
// addresses come with the answer.
func orderReference(ctx context.Context, r *runner) error {
	id := r.newID()
	r.expect(id, kindCharge, 2600)
	if _, err := r.send(ctx, "/v1/payments", api.Open{
		PaymentID: id, Provider: string(payment.Axerve), Account: unified, Method: "order_reference", OrderRef: "S02-1234567-1234567",
		Amount: *money(2600), Reference: "demo",
	}); err != nil {
		return err
	}
	return r.sums(ctx, id, "captured", 2600, 2600, 0)
}

func axerveMandate(ctx context.Context, r *runner) error {
	id, err := r.bought(ctx, 999, "captured", func(o *api.Open) { atUnified(o); series(o) })
	if err != nil {
		return err
	}
	r.expect(id, kindMandate, 0)
	return r.next(ctx, id)
}

// axerveAgreement has the buyer agree to a series and pay nothing yet.
func axerveAgreement(ctx context.Context, r *runner) error {
	id, err := r.page(ctx, 999, func(o *api.Open) {
		atUnified(o)
		series(o)
		o.Recurring.Only = true
	})
	if err != nil {
		return err
	}
	if err := r.visit(ctx, id, axervesim.Approve, shopDone); err != nil {
		return err
	}
	r.expect(id, kindMandate, 0)
	if err := r.sums(ctx, id, "agreed", 0, 0, 0); err != nil {
		return err
	}
	return r.next(ctx, id)
}

// next charges the mandate of a payment once more.
func (r *runner) next(ctx context.Context, id string) error {
	p, err := r.await(ctx, id, "its mandate", func(p api.Payment) (bool, error) { return p.Mandate != nil, nil })
	if err != nil {
		return err
	}
	next := r.newID()
	r.expect(next, kindCharge, 999)
	if _, err := r.send(ctx, "/v1/payments", api.Open{
		PaymentID: next, Provider: string(payment.Axerve), Account: unified, Method: "mandate", Mandate: p.Mandate.ID,
		Amount: *money(999), Reference: "demo",
	}); err != nil {
		return err
	}
	return r.sums(ctx, next, "captured", 999, 999, 0)
}

func axervePartial(ctx context.Context, r *runner) error {
	id, err := r.bought(ctx, 10000, "authorized", nil)
	if err != nil {
		return err
	}
	if err := r.capture(ctx, id, 6000); err != nil {
		return err
	}
	if err := r.refund(ctx, id, 2500); err != nil {
		return err
	}
	return r.sums(ctx, id, "partially_refunded", 10000, 6000, 2500)
}

func axerveDelete(ctx context.Context, r *runner) error {
	id, err := r.bought(ctx, 7000, "authorized", nil)
	if err != nil {
		return err
	}
	r.expect(id, kindCancel, 7000)
	if err := r.follow(ctx, id, "cancel", api.FollowUp{}); err != nil {
		return err
	}
	return r.sums(ctx, id, "cancelled", 7000, 0, 0)
}

// axerveRefused drives a payment that comes to nothing on the page.
func axerveRefused(d axervesim.Decision, state string) func(context.Context, *runner) error {
	return func(ctx context.Context, r *runner) error {
		id, err := r.page(ctx, 3300, nil)
		if err != nil {
			return err
		}
		if err := r.visit(ctx, id, d, shopFailed); err != nil {
			return err
		}
		return r.sums(ctx, id, state, 0, 0, 0)
	}
}

// axerveDelayed drives a payment that Amazon decides about after the buyer has
// left.
func axerveDelayed(d axervesim.Decision, state string, authorized int64) func(context.Context, *runner) error {
	return func(ctx context.Context, r *runner) error {
		id, err := r.page(ctx, 4200, nil)
		if err != nil {
			return err
		}
		if err := r.visit(ctx, id, d, shopDone); err != nil {
			return err
		}
		if authorized > 0 {
			r.expect(id, kindAuthorize, authorized)
		}
		return r.sums(ctx, id, state, authorized, 0, 0)
	}
}
