package shop

import "github.com/payloom/payloom/pkg/payment"

// product is something on the shelf. prices are minor units by currency.
type product struct {
	ID, Name, Text string
	prices         prices
}

type prices map[payment.Currency]int64

// shelf is all that is sold.
var shelf = []product{
	{"blanket", "Herringbone blanket", "Woven of undyed lambswool, 130\u00a0×\u00a0180\u00a0cm.", prices{"EUR": 12900, "GBP": 10900, "USD": 13900, "JPY": 19800}},
	{"scarf", "Indigo scarf", "Soft linen, dyed in the yarn. Gets softer still.", prices{"EUR": 4950, "GBP": 4250, "USD": 5450, "JPY": 7800}},
	{"loom", "Little loom", "All a beginner needs: frame, shuttle, comb and two skeins.", prices{"EUR": 3400, "GBP": 2900, "USD": 3700, "JPY": 5400}},
}

// delivery is a way to send an order.
type delivery struct {
	ID, Name, Text string
	prices         prices
}

var deliveries = []delivery{
	{"standard", "Standard", "3 to 5 days", prices{"EUR": 490, "GBP": 390, "USD": 590, "JPY": 700}},
	{"express", "Express", "the day after tomorrow", prices{"EUR": 1490, "GBP": 1290, "USD": 1690, "JPY": 1900}},
	{"pickup", "Pick-up", "in our workshop", prices{"EUR": 0, "GBP": 0, "USD": 0, "JPY": 0}},
}

func productOf(id string) (product, bool) {
	for _, p := range shelf {
		if p.ID == id {
			return p, true
		}
	}
	return product{}, false
}

func deliveryOf(id string) (delivery, bool) {
	for _, d := range deliveries {
		if d.ID == id {
			return d, true
		}
	}
	return delivery{}, false
}
