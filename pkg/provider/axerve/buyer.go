package axerve

import (
	"slices"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// buyerOf returns what Amazon told of the buyer, or nil when it told nothing.
func buyerOf(o *gestpay.OrderReferenceDetails) *payment.Buyer {
	if o == nil {
		return nil
	}
	b := &payment.Buyer{
		Name: o.BuyerName, Email: o.BuyerEmail, Phone: o.BuyerPhone,
		Shipping: addressOf(o.Shipping), Billing: addressOf(o.Billing),
	}
	if *b == (payment.Buyer{}) {
		return nil
	}
	return b
}

func addressOf(a *gestpay.Address) *payment.Address {
	if a == nil {
		return nil
	}
	lines := slices.Clone(a.Lines)
	if a.District != "" {
		lines = append(lines, a.District)
	}
	region := a.Region
	if region == "" {
		region = a.County
	}
	return &payment.Address{
		Name: a.Name, Lines: lines, City: a.City, Region: region,
		PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone,
	}
}
