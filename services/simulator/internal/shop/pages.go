package shop

import (
	"encoding/json"
	"net/http"

	"github.com/payloom/payloom/pkg/payment"
)

// homeData is what the shelf shows.
type homeData struct {
	Products []product
	Currency payment.Currency
}

// Price returns what the product costs.
func (p product) Price(in payment.Currency) payment.Money { return priceIn(p.prices, in) }

// Price returns what the delivery costs.
func (d delivery) Price(in payment.Currency) payment.Money { return priceIn(d.prices, in) }

func (s *Shop) home(w http.ResponseWriter, _ *http.Request, v visitor) {
	s.show(w, http.StatusOK, "home.html", v.view("The weaver's shop", "home", homeData{shelf, s.button.currency()}))
}

// lines are a cart or an order as pages show it.
type lines struct {
	Items      []line
	Deliveries []choice
	Delivery   string // name of the one that is chosen
	Goods      payment.Money
	Sending    payment.Money
	Total      payment.Money
}

type line struct {
	product
	Quantity int
	Sum      payment.Money
	Max      int
}

type choice struct {
	delivery
	Cost   payment.Money
	Chosen bool
}

func (c cart) lines(in payment.Currency) lines {
	l := lines{Goods: c.goods(in), Sending: c.sending(in), Total: c.total(in)}
	for _, p := range shelf {
		if n := c.quantities[p.ID]; n > 0 {
			sum := payment.Money{Minor: p.prices[in] * int64(n), Currency: in}
			l.Items = append(l.Items, line{p, n, sum, maxQuantity})
		}
	}
	for _, d := range deliveries {
		l.Deliveries = append(l.Deliveries, choice{d, d.Price(in), d.ID == c.delivery})
		if d.ID == c.delivery {
			l.Delivery = d.Name
		}
	}
	return l
}

// cartData is what the cart shows.
type cartData struct {
	lines
	Button string // the button's parameters as JSON
	Page   bool   // whether a payment page is offered too
}

func (s *Shop) showCart(w http.ResponseWriter, r *http.Request, v visitor) {
	data := cartData{lines: v.cart.lines(s.button.currency()), Page: s.config.Page}
	if !v.cart.empty() {
		parameters, err := s.button.settings(data.Total)
		if err != nil {
			s.trouble(w, r, "", err)
			return
		}
		text, err := json.Marshal(parameters)
		if err != nil {
			s.trouble(w, r, "", err)
			return
		}
		data.Button = string(text)
	}
	page := v.view("Your cart", "cart", data)
	page.Script = s.button.ScriptURL
	s.show(w, http.StatusOK, "cart.html", page)
}

// changeCart adds a product, or takes over quantities and delivery. A cart that
// changed is another order.
func (s *Shop) changeCart(w http.ResponseWriter, r *http.Request, v visitor) {
	ask := func(name string) (string, bool) {
		_, ok := r.PostForm[name]
		return r.PostForm.Get(name), ok
	}
	if r.ParseForm() != nil {
		s.problem(w, http.StatusBadRequest, "This form cannot be read", "Please go back and try again.")
		return
	}
	s.memory.update(v.id, func(mine *session) {
		mine.cart, mine.order = mine.cart.with(ask), ""
		if id, ok := ask("add"); ok {
			if _, known := productOf(id); known {
				mine.cart.set(id, mine.cart.quantities[id]+1)
			}
		}
	})
	if r.Header.Get("Accept") == "application/json" {
		s.answerCart(w, s.memory.look(v.id).cart)
		return
	}
	http.Redirect(w, r, "/shop/cart", http.StatusSeeOther)
}

// cartAnswer is what the cart's script shows after a change, and what it tells
// the button.
type cartAnswer struct {
	Count    int               `json:"count"`
	Sums     map[string]string `json:"sums"` // by product
	Goods    string            `json:"goods"`
	Sending  string            `json:"sending"`
	Total    string            `json:"total"`
	Estimate estimate          `json:"estimatedOrderAmount"`
}

func (s *Shop) answerCart(w http.ResponseWriter, c cart) {
	l := c.lines(s.button.currency())
	text := func(m payment.Money) string {
		shown, _ := showMoney(m) // the currency is one of ours
		return shown
	}
	out := cartAnswer{Count: c.count(), Sums: map[string]string{}, Goods: text(l.Goods), Sending: text(l.Sending), Total: text(l.Total)}
	for _, i := range l.Items {
		out.Sums[i.ID] = text(i.Sum)
	}
	if !c.empty() {
		out.Estimate, _ = estimateOf(l.Total) // as above
	}
	answer(w, http.StatusOK, out)
}
