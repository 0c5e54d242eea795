package simulation

import (
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// shop is who gives commands, who pays, and the sweeper that asks about payments
// which have waited for their buyer for too long.
type shop struct {
	*world
	commands []payment.Command
}

func newShop(w *world) *shop { return &shop{world: w} }

// open draws what is asked for in this world.
func (s *shop) open() {
	for i := range 1 + s.rng.IntN(3) {
		s.payment(payment.ID(fmt.Sprintf("p%d", i+1)))
	}
}

func (s *shop) payment(id payment.ID) {
	begin := between(s.rng, time.Millisecond, time.Minute)
	amount := 1 + s.rng.Int64N(10_000)
	opening := payment.Command{Kind: payment.Authorize, Authorization: &payment.Authorization{Method: payment.MandateCharge, Capture: payment.CaptureManual}}
	switch s.rng.IntN(5) {
	case 0:
		opening = payment.Command{Kind: payment.Payout}
	case 1:
		opening.Authorization.Method = payment.Button
	}
	if opening.Authorization != nil && s.rng.IntN(4) == 0 {
		opening.Authorization.Capture = payment.CaptureAuto
	}
	s.order(id, opening, amount, begin)
	if s.rng.IntN(16) == 0 { // somebody else's, under the same id
		s.order(id, opening, amount, begin+between(s.rng, time.Millisecond, time.Minute))
	}
	kinds := []payment.Kind{
		payment.Capture, payment.Capture, payment.Capture, payment.Refund, payment.Refund, payment.Cancel, payment.Sync,
	}
	for range s.rng.IntN(6) {
		s.order(id, payment.Command{Kind: kinds[s.rng.IntN(len(kinds))]}, s.part(amount), begin+between(s.rng, time.Millisecond, commandsWithin-time.Minute))
	}
}

// part draws an amount for a follow-up: all of it, a part, or too much.
func (s *shop) part(amount int64) int64 {
	switch s.rng.IntN(4) {
	case 0:
		return amount
	case 1:
		return amount/2 + 1
	case 2:
		return amount + 1
	}
	return 1 + s.rng.Int64N(amount)
}

// order has c accepted at a time.
func (s *shop) order(id payment.ID, c payment.Command, amount int64, at time.Duration) {
	c.Merchant, c.Payment, c.Provider = merchant, id, label
	c.ReqID = payment.ReqID(fmt.Sprintf("%s-%d", id, len(s.commands)+1))
	c.ID = payment.DeriveCommandID(merchant, c.ReqID)
	if c.Kind != payment.Cancel && c.Kind != payment.Sync {
		c.Amount = payment.Money{Minor: amount, Currency: currency}
	}
	s.commands = append(s.commands, c)
	s.after(at-s.now, func() {
		c.At = s.time()
		s.trace("the shop asks: %s %s (%s) of %s, %d", c.Kind, c.ReqID, c.ID, c.Payment, c.Amount.Minor)
		s.broker.hand(&message{kind: "command", command: c, stored: s.now})
	})
}

// sees is told of every event: the buyer comes by way of the ledger.
func (s *shop) sees(e payment.Event) {
	s.count(string(e.Data.Type()))
	d, ok := e.Data.(payment.ActionRequired)
	if !ok {
		return
	}
	if n := s.rng.IntN(4); n > 0 {
		s.after(between(s.rng, time.Second, sessionLife-time.Minute), func() { s.bank.decide(d.Action.SessionID, n > 1) })
	}
	s.after(sessionLife+time.Minute, func() { s.ask(e.Payment, sessionLife) })
}

// ask has the provider asked about a payment whose buyer was not heard of, and
// again when the wait has doubled.
func (s *shop) ask(id payment.ID, wait time.Duration) {
	if s.broker.log(id).head().Payment.State != payment.StateRequiresAction || wait > mostTime/4 {
		return
	}
	s.order(id, payment.Command{Kind: payment.Sync}, 0, s.now)
	s.after(wait, func() { s.ask(id, 2*wait) })
}
