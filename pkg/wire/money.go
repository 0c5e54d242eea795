package wire

import (
	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// encodeMoney returns nil for no money in no currency.
func (c *coder) encodeMoney(m payment.Money) *pb.Money {
	if m == (payment.Money{}) {
		return nil
	}
	c.demand(m.Currency != "", "currency")
	return &pb.Money{Value: m.Minor, Currency: string(m.Currency)}
}

func (c *coder) decodeMoney(m *pb.Money) payment.Money {
	if m == nil {
		return payment.Money{}
	}
	c.demand(m.GetCurrency() != "" || m.GetValue() == 0, "currency")
	return payment.Money{Minor: m.GetValue(), Currency: payment.Currency(m.GetCurrency())}
}
