package shop

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// shownOrders is how many of the latest orders the merchant sees.
const shownOrders = 25

// row is an order as the merchant sees it. It holds no personal data.
type row struct {
	PaymentID  string
	Placed     time.Time
	What       string
	Known      bool
	State      payment.State
	End        end
	Version    uint64
	Amount     payment.Money
	Authorized payment.Money
	Captured   payment.Money
	Refunded   payment.Money
	Operations []operation
	Capture    string // in major units: what may be captured; empty: nothing
	Refund     string // likewise
	Cancel     bool
	Payout     bool // money goes to a customer
}

// ordersData is what the merchant's corner shows.
type ordersData struct {
	Rows   []row
	Payout *payoutForm // nil: none is offered
}

// payoutForm is the form for one payout.
type payoutForm struct {
	ID     string
	Fields []field
}

func (s *Shop) ordersData(ctx context.Context) ordersData {
	data := ordersData{Rows: s.rows(ctx)}
	if s.config.Payouts {
		data.Payout = &payoutForm{newPayoutID(), payoutFields()}
	}
	return data
}

// showOrders is the merchant's corner. In a real shop it is behind a login.
func (s *Shop) showOrders(w http.ResponseWriter, r *http.Request, v visitor) {
	s.show(w, http.StatusOK, "orders.html", v.view("Orders", "orders", s.ordersData(r.Context())))
}

// showRows is the list alone, for the script that keeps it up to date.
func (s *Shop) showRows(w http.ResponseWriter, r *http.Request, v visitor) {
	s.show(w, http.StatusOK, "rows", v.view("", "orders", ordersData{Rows: s.rows(r.Context())}))
}

// rows asks for all orders at once. One that nothing can be told of is shown too.
func (s *Shop) rows(ctx context.Context) []row {
	ctx, cancel := context.WithTimeout(ctx, s.waits.rows)
	defer cancel()
	orders := s.memory.all(shownOrders)
	rows := make([]row, len(orders))
	var all sync.WaitGroup
	for i, o := range orders {
		all.Go(func() {
			p, err := s.payloom.look(ctx, o.PaymentID, 0)
			rows[i] = s.row(o, p, err == nil)
		})
	}
	all.Wait()
	return rows
}

func (s *Shop) row(o order, p paid, known bool) row {
	in := s.button.currency()
	if o.payout != (payment.Money{}) {
		in = o.payout.Currency
	}
	of := func(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: in} }
	r := row{
		PaymentID: o.PaymentID, Placed: o.Placed, What: o.summary(), Known: known, Payout: o.payout != (payment.Money{}),
		State: p.State, End: p.end(), Version: p.Version, Amount: o.amount(in),
		Authorized: of(p.Authorized), Captured: of(p.Captured), Refunded: of(p.Refunded),
		Operations: p.Operations, Cancel: p.State == payment.StateAuthorized,
	}
	if p.Amount.Value > 0 {
		r.Amount = p.Amount.Plain()
	}
	r.Capture, r.Refund = major(of(p.Capturable)), major(of(p.Refundable))
	return r
}

// major writes an amount for an input field; nothing for nothing.
func major(m payment.Money) string {
	if m.Minor <= 0 {
		return ""
	}
	text, _ := m.Decimal() // the currency is one of ours
	return text
}

// amount is what the order, or the payout, is of.
func (o order) amount(in payment.Currency) payment.Money {
	if o.payout != (payment.Money{}) {
		return o.payout
	}
	return o.Cart.total(in)
}

// summary says in a line what is ordered.
func (o order) summary() string {
	if o.payout != (payment.Money{}) {
		return "Payout to a customer"
	}
	return o.Cart.summary()
}

// summary says in a line what is in the cart.
func (c cart) summary() string {
	var parts []string
	for _, p := range shelf {
		if n := c.quantities[p.ID]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d × %s", n, p.Name))
		}
	}
	return strings.Join(parts, ", ")
}

// act carries out a button of the merchant's corner.
func (s *Shop) act(w http.ResponseWriter, r *http.Request, v visitor) {
	o, ok := s.memory.order(r.PathValue("id"))
	if !ok {
		s.lost(w, r, v)
		return
	}
	body, err := s.command(r)
	if err != nil {
		s.flash(v, "Nothing was done: "+err.Error()+".")
	} else {
		s.flash(v, s.carryOut(r, o, body))
	}
	http.Redirect(w, r, "/shop/orders", http.StatusSeeOther)
}

// deed is what a button of the merchant's does.
type deed struct{ path, name string }

// deeds by the last part of their address.
var deeds = map[string]deed{"capture": {"captures", "capture"}, "refund": {"refunds", "refund"}, "cancel": {"cancel", "cancellation"}}

// command returns the body of the command that the form asks for.
func (s *Shop) command(r *http.Request) (map[string]any, error) {
	what := r.PathValue("action")
	switch {
	case deeds[what] == deed{}:
		return nil, fmt.Errorf("%q is no action", what)
	case what == "cancel":
		return map[string]any{"reason": "Cancelled by the shop"}, nil
	}
	amount, err := payment.ParseDecimal(strings.TrimSpace(r.PostFormValue("amount")), s.button.currency())
	if err != nil || amount.Minor <= 0 {
		return nil, fmt.Errorf("write the amount as in 12.50, in %s", s.button.currency())
	}
	return map[string]any{"amount": moneyOf(amount), "description": "The weaver's shop"}, nil
}

// carryOut sends a command and returns what to tell the merchant.
func (s *Shop) carryOut(r *http.Request, o order, body map[string]any) string {
	what, does := r.PathValue("action"), deeds[r.PathValue("action")]
	// A button that is pressed twice on one page is one command.
	key := fmt.Sprintf("%s:%s:%s:%s", o.PaymentID, what, keyPart(r.PostFormValue("version")), keyPart(r.PostFormValue("amount")))
	id, err := s.payloom.send(r.Context(), "/v1/payments/"+o.PaymentID+"/"+does.path, key, body)
	if err != nil {
		s.failed(r, o.PaymentID, err)
		return "Payloom did not take the " + does.name + ": " + err.Error() + "."
	}
	p, err := s.payloom.await(r.Context(), o.PaymentID, s.waits.operation, func(p paid) bool { return p.done(id) })
	if err != nil {
		s.failed(r, o.PaymentID, err)
		return "The " + does.name + " is on its way; how it stands cannot be looked up right now."
	}
	op, found := p.operation(id)
	switch {
	case !found || !op.Status.Terminal():
		return "The " + does.name + " is on its way."
	case op.Status == payment.OpSucceeded:
		return "The " + does.name + " is done."
	}
	return "The " + does.name + " came to nothing" + because(op.Reason) + "."
}

// because writes a reason, if there is one.
func because(r payment.Reason) string {
	if r == "" {
		return ""
	}
	return ": " + words(r)
}

// keyPart makes text fit for an Idempotency-Key.
func keyPart(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c == '.' {
			return c
		}
		return -1
	}, text[:min(len(text), 24)])
}

// failed notes that Payloom did not do what it was asked to.
func (s *Shop) failed(r *http.Request, paymentID string, err error) {
	s.log.Error("payloom failed", service.Route(r.Pattern), service.PaymentID(paymentID), zap.Error(err))
}
