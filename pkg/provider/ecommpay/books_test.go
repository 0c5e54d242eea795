package ecommpay_test

import (
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
)

// TestBooks_OfEnds compares a payout's end as we learnt it with the platform's books,
// before and after the platform changed its mind.
func TestBooks_OfEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		minor  int64
		change func(s *ecommpaysim.Simulator) error
		kind   payment.BreakKind
		theirs string
	}{
		"paid out":                      {10000, nil, "", ""},
		"declined":                      {10091, nil, "", ""},
		"refused after it was accepted": {10093, nil, "", ""},
		"taken back":                    {10094, nil, "", ""},
		"another sum":                   {10000, func(s *ecommpaysim.Simulator) error { return s.Correct(project, payoutID, 9900, "INR") }, payment.AmountDiffers, ""},
		"a sum that is not taken":       {10000, func(s *ecommpaysim.Simulator) error { return s.Correct(project, payoutID, 1, "INR") }, payment.AmountDiffers, ""},
		"another currency":              {10000, func(s *ecommpaysim.Simulator) error { return s.Correct(project, payoutID, 10000, "USD") }, payment.CurrencyDiffers, "USD"},
		"taken back by hand": {10000, func(s *ecommpaysim.Simulator) error {
			_, err := s.Act(project, payoutID, ecommpaysim.ActTakeBack, "")
			return err
		}, payment.StateDiffers, "nothing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newCounter(t, tt.minor, nil)
			if err := x.submit(t.Context()); err != nil {
				t.Fatal(err)
			}
			x.hear()
			if tt.change != nil {
				if err := tt.change(x.sim.sim); err != nil {
					t.Fatal(err)
				}
			}
			says, err := x.client.Books(t.Context(), x.call())
			if err != nil {
				t.Fatal(err)
			}
			events := payment.Compare(x.Payment, says, "ask", x.at)
			if tt.kind == "" {
				if len(events) > 0 {
					t.Errorf("books %+v, %s: %+v", says, x.State, events)
				}
				return
			}
			if len(events) == 0 {
				t.Fatalf("books %+v: no break", says)
			}
			d, _ := events[0].Data.(payment.ReconcileBreak)
			if d.Break.Kind != tt.kind || d.Break.Theirs != tt.theirs || d.Break.Ref == "" {
				t.Errorf("break %+v, want %s", d.Break, tt.kind)
			}
		})
	}
}

func TestBooks_UnderWay(t *testing.T) {
	t.Parallel()
	x := newCounter(t, 10000, func(c *ecommpaysim.Config) { c.TimeScale = 1 })
	if err := x.submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if says, err := x.client.Books(t.Context(), x.call()); err != nil || !says.Found || !says.Pending {
		t.Errorf("books of a payout that is under way: %+v, %v", says, err)
	}
}
