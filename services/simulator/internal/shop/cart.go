package shop

import (
	"maps"

	"github.com/payloom/payloom/pkg/payment"
)

// maxQuantity is how many of one product an order may hold.
const maxQuantity = 9

// cart is what a buyer means to buy: quantities by product, and how it is sent.
type cart struct {
	quantities map[string]int
	delivery   string
}

func newCart() cart { return cart{quantities: map[string]int{}, delivery: deliveries[0].ID} }

func (c cart) clone() cart {
	c.quantities = maps.Clone(c.quantities)
	return c
}

// with returns the cart with quantities and delivery as they were asked for.
// Products and deliveries that do not exist are left out, quantities are brought
// into range.
func (c cart) with(ask func(name string) (string, bool)) cart {
	next := c.clone()
	for _, p := range shelf {
		if text, ok := ask("quantity-" + p.ID); ok {
			next.set(p.ID, quantity(text))
		}
	}
	if id, ok := ask("delivery"); ok {
		if _, known := deliveryOf(id); known {
			next.delivery = id
		}
	}
	return next
}

// set changes how many of a product there are; 0 takes it out.
func (c cart) set(id string, n int) {
	if n = min(n, maxQuantity); n > 0 {
		c.quantities[id] = n
		return
	}
	delete(c.quantities, id)
}

// quantity reads a number of one digit; whatever else it is counts as none.
func quantity(text string) int {
	if len(text) != 1 || text[0] < '0' || text[0] > '9' {
		return 0
	}
	return int(text[0] - '0')
}

func (c cart) count() int {
	n := 0
	for _, q := range c.quantities {
		n += q
	}
	return n
}

func (c cart) empty() bool { return c.count() == 0 }

// goods returns what the products cost.
func (c cart) goods(in payment.Currency) payment.Money {
	m := payment.Money{Currency: in}
	for _, p := range shelf {
		m.Minor += p.prices[in] * int64(c.quantities[p.ID])
	}
	return m
}

// sending returns what the delivery costs; for nothing, nothing.
func (c cart) sending(in payment.Currency) payment.Money {
	m := payment.Money{Currency: in}
	if d, ok := deliveryOf(c.delivery); ok && !c.empty() {
		m.Minor = d.prices[in]
	}
	return m
}

func (c cart) total(in payment.Currency) payment.Money {
	m := c.goods(in)
	m.Minor += c.sending(in).Minor
	return m
}
