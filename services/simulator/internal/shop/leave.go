package shop

import (
	"net/http"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// openingByPage is the command for a payment on Axerve's page. When money is taken
// is a setting of the merchant's account there, and so is nothing of it here.
func (s *Shop) openingByPage(o order) opening {
	return opening{
		PaymentID: o.PaymentID, Provider: string(payment.Axerve), Amount: moneyOf(o.Cart.total(s.button.currency())),
		Method: string(payment.Redirect), Description: "The weaver's shop",
		ReturnURLs: returnURLs{Success: s.absolute("confirmation"), Failure: s.absolute("failure")},
	}
}

// checkoutByPage opens the payment of the cart at Axerve, once however often it is
// asked for, and leads to where the buyer waits for the page.
func (s *Shop) checkoutByPage(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.place(v.id, payment.Axerve)
	if !ok {
		http.Redirect(w, r, "/shop/cart", http.StatusSeeOther)
		return
	}
	if _, err := s.payloom.send(r.Context(), "/v1/payments", o.key, s.openingByPage(o)); err != nil {
		s.log.Error("payment not opened", service.Route(r.Pattern), service.PaymentID(o.PaymentID), zap.Error(err))
		s.flash(v, "The payment page cannot be reached. Please try again.")
		http.Redirect(w, r, "/shop/cart", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, path("pay", o.PaymentID), http.StatusSeeOther)
}

// leave sends the buyer on to the payment page. It is a page of its own, since the
// policy allows a form to lead to the shop and nowhere else.
func (s *Shop) leave(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.own(v.id, r.URL.Query().Get("payment_id"))
	if !ok {
		s.lost(w, r, v)
		return
	}
	p, err := s.payloom.await(r.Context(), o.PaymentID, s.waits.button, func(p paid) bool {
		return p.does(payment.ActionRedirect) || p.end() != endOpen
	})
	switch {
	case err != nil:
		s.trouble(w, r, o.PaymentID, err)
	case p.State == payment.StateRequiresAction && p.does(payment.ActionRedirect):
		w.Header().Set("Refresh", "0; url="+p.Action.URL)
		s.show(w, http.StatusOK, "leave.html", v.view("To the payment page", "cart", p.Action.URL))
	case p.end() != endOpen || p.State == payment.StatePending:
		http.Redirect(w, r, path("confirmation", o.PaymentID), http.StatusSeeOther)
	default:
		w.Header().Set("Refresh", "2")
		s.show(w, http.StatusOK, "wait.html", v.view("One moment, please", "cart", "We are opening the payment page."))
	}
}
