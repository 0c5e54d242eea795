package shop

import (
	"net/http"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// opening is the command that opens a payment, as the ingress takes it.
type opening struct {
	PaymentID   string     `json:"payment_id"`
	Provider    string     `json:"provider"`
	Amount      money      `json:"amount"`
	Capture     string     `json:"capture,omitempty"`
	Method      string     `json:"method"`
	Country     string     `json:"country,omitempty"`
	Description string     `json:"description"`
	ReturnURLs  returnURLs `json:"return_urls"`
}

type returnURLs struct {
	Success string `json:"success"`
	Failure string `json:"failure"`
	Cancel  string `json:"cancel,omitempty"`
	Review  string `json:"review,omitempty"`
}

func (s *Shop) opening(o order) opening {
	return opening{
		PaymentID: o.PaymentID, Provider: string(payment.Computop), Amount: moneyOf(o.Cart.total(s.button.currency())),
		// Goods are paid for when they are sent: the merchant captures then.
		Capture: string(payment.CaptureManual), Method: string(payment.Button), Country: s.button.country(),
		Description: "The weaver's shop",
		ReturnURLs: returnURLs{
			Success: s.absolute("confirmation"), Failure: s.absolute("failure"), Cancel: s.absolute("cancel"), Review: s.absolute("review"),
		},
	}
}

// checkoutAnswer is what the cart's script gets: the button's parameters for
// initCheckout, or a page to go to, or what to tell the buyer.
type checkoutAnswer struct {
	PayloadJSON string `json:"payloadJSON,omitempty"`
	Signature   string `json:"signature,omitempty"`
	PublicKeyID string `json:"publicKeyId,omitempty"`
	Go          string `json:"go,omitempty"`
	Problem     string `json:"problem,omitempty"`
}

// checkout opens the payment of the cart, once however often it is asked for, and
// answers with what the button needs.
func (s *Shop) checkout(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.place(v.id, payment.Computop)
	if !ok {
		answer(w, http.StatusConflict, checkoutAnswer{Problem: "Your cart is empty."})
		return
	}
	if _, err := s.payloom.send(r.Context(), "/v1/payments", o.key, s.opening(o)); err != nil {
		s.noCheckout(w, r, o, err)
		return
	}
	p, err := s.payloom.await(r.Context(), o.PaymentID, s.waits.button, func(p paid) bool { return p.Action != nil || p.end() != endOpen })
	if err != nil {
		s.noCheckout(w, r, o, err)
		return
	}
	s.answerCheckout(w, v, p, o)
}

func (s *Shop) answerCheckout(w http.ResponseWriter, v visitor, p paid, o order) {
	switch {
	case p.does(payment.ActionButton):
		answer(w, http.StatusOK, checkoutAnswer{PayloadJSON: p.Action.Payload, Signature: p.Action.Signature, PublicKeyID: p.Action.PublicKeyID})
	case p.does(payment.ActionReview):
		// The buyer was at Amazon already and went back to the cart.
		answer(w, http.StatusOK, checkoutAnswer{Go: path("review", o.PaymentID)})
	case p.end() == endGood:
		answer(w, http.StatusOK, checkoutAnswer{Go: path("confirmation", o.PaymentID)})
	case p.end() == endBad:
		s.renew(v, o)
		answer(w, http.StatusConflict, checkoutAnswer{Problem: "The payment could not be opened (" + words(p.reason()) + "). Please try again."})
	default:
		answer(w, http.StatusServiceUnavailable, checkoutAnswer{Problem: "Amazon Pay takes longer than usual. Please press the button again."})
	}
}

// noCheckout says that nothing came of a click. Pressing the button again sends
// the same command under the same key.
func (s *Shop) noCheckout(w http.ResponseWriter, r *http.Request, o order, err error) {
	s.log.Error("payment not opened", service.Route(r.Pattern), service.PaymentID(o.PaymentID), zap.Error(err))
	answer(w, http.StatusServiceUnavailable, checkoutAnswer{Problem: "Amazon Pay cannot be reached. Please press the button again."})
}

// renew makes the next press of the button open another payment, if the cart's
// is the order's still.
func (s *Shop) renew(v visitor, o order) {
	s.memory.update(v.id, func(mine *session) {
		if mine.order == o.PaymentID {
			mine.order = ""
		}
	})
}
