package shop

import (
	"net/http"
	"strconv"

	"github.com/payloom/payloom/pkg/payment"
)

// outcomeData is what the page at the end of a checkout shows.
type outcomeData struct {
	lines
	PaymentID string
	Version   uint64
	End       end
	State     payment.State
	Reason    payment.Reason
	Asked     payment.Money
	Review    string // where the buyer may go on, if the payment is open still
}

// outcome is the page behind all three addresses that a buyer may come back to.
// Which of them it was proves nothing, as a buyer can copy what one of them was
// called with to another: what is shown is what Payloom knows.
func (s *Shop) outcome(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.own(v.id, r.URL.Query().Get("payment_id"))
	if !ok {
		s.lost(w, r, v)
		return
	}
	p, err := s.payloom.await(r.Context(), o.PaymentID, s.waits.outcome, func(p paid) bool { return p.end() != endOpen })
	if err != nil {
		s.trouble(w, r, o.PaymentID, err)
		return
	}
	s.conclude(v, o, p)
	v.session = s.memory.look(v.id)
	data := outcomeData{
		lines: o.Cart.lines(s.button.currency()), PaymentID: o.PaymentID, Version: p.Version,
		End: p.end(), State: p.State, Reason: p.reason(), Asked: p.Amount.Plain(),
	}
	if p.State == payment.StateRequiresAction && p.does(payment.ActionReview) {
		data.Review = path("review", o.PaymentID)
	}
	s.show(w, http.StatusOK, "outcome.html", v.view(titleOf(p.end()), "cart", data))
}

func titleOf(e end) string {
	switch e {
	case endGood:
		return "Thank you"
	case endBad:
		return "You have not been charged"
	case endOpen:
		return "Your payment is being confirmed"
	}
	return ""
}

// conclude empties the cart that was paid for. One that was not is kept, and the
// button opens another payment for it.
func (s *Shop) conclude(v visitor, o order, p paid) {
	s.memory.update(v.id, func(mine *session) {
		if mine.order != o.PaymentID || p.end() == endOpen {
			return
		}
		mine.order = ""
		if p.end() == endGood {
			mine.cart = newCart()
		}
	})
}

// status tells the page's script when there is something new to show.
func (s *Shop) status(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.own(v.id, r.URL.Query().Get("payment_id"))
	if !ok {
		answer(w, http.StatusNotFound, struct{}{})
		return
	}
	// A wrong number is 0, and the answer comes at once.
	after, _ := strconv.ParseUint(r.URL.Query().Get("after_version"), 10, 64)
	p, err := s.payloom.look(r.Context(), o.PaymentID, after)
	if err != nil {
		s.failed(r, o.PaymentID, err)
		answer(w, http.StatusServiceUnavailable, struct{}{})
		return
	}
	answer(w, http.StatusOK, struct {
		State   payment.State `json:"state"`
		Version uint64        `json:"version"`
		Done    bool          `json:"done"`
	}{p.State, p.Version, p.end() != endOpen})
}
