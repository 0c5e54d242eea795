package shop

import (
	"fmt"
	"net/http"

	"github.com/payloom/payloom/pkg/payment"
)

// reviewData is what the review page shows. It holds personal data.
type reviewData struct {
	lines
	PaymentID string
	Version   uint64
	Buyer     *buyer
	SessionID string // of the checkout at Amazon, for changes
	Confirm   string // where the buyer goes to confirm
	Asked     payment.Money
	Stale     bool // the payment is not of the order's amount: no confirming
	Sent      bool // goods are sent, so there is an address
}

// review is where the buyer comes back to after choosing instrument and address.
// Nothing in the address is believed but which order it is, of those that are the
// visitor's own.
func (s *Shop) review(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.own(v.id, r.URL.Query().Get("payment_id"))
	if !ok {
		s.lost(w, r, v)
		return
	}
	back := r.URL.Query().Has("result") // straight from Amazon, with news
	patience := s.waits.review
	if back && o.seen > 0 {
		patience = s.waits.change
	}
	p, err := s.payloom.await(r.Context(), o.PaymentID, patience, func(p paid) bool {
		return p.end() != endOpen || p.does(payment.ActionReview) && (!back || p.Version > o.seen)
	})
	switch {
	case err != nil:
		s.trouble(w, r, o.PaymentID, err)
	case p.end() != endOpen || p.State == payment.StatePending:
		http.Redirect(w, r, path("confirmation", o.PaymentID), http.StatusSeeOther)
	case back:
		// So that a reload does not wait for news again.
		http.Redirect(w, r, path("review", o.PaymentID), http.StatusSeeOther)
	case !p.does(payment.ActionReview):
		w.Header().Set("Refresh", "2")
		s.show(w, http.StatusOK, "wait.html", v.view("One moment, please", "cart", "We are fetching your details from Amazon."))
	default:
		s.showReview(w, v, o, p)
	}
}

func (s *Shop) showReview(w http.ResponseWriter, v visitor, o order, p paid) {
	s.memory.change(o.PaymentID, func(o *order) { o.seen = p.Version })
	o = s.settleAmount(o, p)
	data := reviewData{
		lines: o.Cart.lines(s.button.currency()), PaymentID: o.PaymentID, Version: p.Version, Buyer: p.Buyer,
		SessionID: p.Action.SessionID, Confirm: p.Action.URL, Asked: p.Amount.Plain(), Sent: s.button.ProductType == "PayAndShip",
	}
	data.Stale = data.Asked != data.Total
	page := v.view("Review your order", "cart", data)
	page.Script = s.button.ScriptURL
	s.show(w, http.StatusOK, "review.html", page)
}

// settleAmount takes over a change of the order that Payloom was slow with, once
// the payment has its amount.
func (s *Shop) settleAmount(o order, p paid) order {
	if o.wanted == nil || o.wanted.total(s.button.currency()) != p.Amount.Plain() {
		return o
	}
	o.Cart, o.wanted = *o.wanted, nil
	s.memory.change(o.PaymentID, func(kept *order) { kept.Cart, kept.wanted = o.Cart, nil })
	return o
}

// changeAmount changes the order on the review page and, with it, the amount of
// the payment.
func (s *Shop) changeAmount(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.own(v.id, r.PostFormValue("payment_id"))
	if !ok {
		s.lost(w, r, v)
		return
	}
	next := o.Cart.with(func(name string) (string, bool) {
		_, ok := r.PostForm[name]
		return r.PostForm.Get(name), ok
	})
	if next.empty() {
		s.flash(v, "An order needs at least one thing in it.")
		http.Redirect(w, r, path("review", o.PaymentID), http.StatusSeeOther)
		return
	}
	p, err := s.payloom.look(r.Context(), o.PaymentID, 0)
	if err != nil {
		s.trouble(w, r, o.PaymentID, err)
		return
	}
	s.memory.change(o.PaymentID, func(o *order) { o.wanted = &next })
	if want := next.total(s.button.currency()); p.does(payment.ActionReview) && p.Amount.Plain() != want {
		s.flash(v, s.updateAmount(r, o, p, want))
	}
	http.Redirect(w, r, path("review", o.PaymentID), http.StatusSeeOther)
}

// updateAmount has the payment's amount changed and returns what to tell the
// buyer: nothing when all went well.
func (s *Shop) updateAmount(r *http.Request, o order, p paid, to payment.Money) string {
	// The same change of the same payment is the same command.
	key := fmt.Sprintf("%s:amount:%d:%d", o.PaymentID, p.Version, to.Minor)
	id, err := s.payloom.send(r.Context(), "/v1/payments/"+o.PaymentID+"/amount", key, map[string]money{"amount": moneyOf(to)})
	if err != nil {
		s.failed(r, o.PaymentID, err)
		return "The amount could not be changed. Please try again."
	}
	p, err = s.payloom.await(r.Context(), o.PaymentID, s.waits.operation, func(p paid) bool { return p.done(id) || p.end() != endOpen })
	if err != nil {
		s.failed(r, o.PaymentID, err)
		return "We do not know yet whether the amount was changed. Please reload this page in a moment."
	}
	op, found := p.operation(id)
	switch {
	case !found || !op.Status.Terminal():
		return "The new amount is on its way. Please reload this page in a moment."
	case op.Status != payment.OpSucceeded:
		return "The amount could not be changed" + because(op.Reason) + "."
	}
	return ""
}

func (s *Shop) flash(v visitor, text string) {
	if text != "" {
		s.memory.update(v.id, func(mine *session) { mine.flash = text })
	}
}
