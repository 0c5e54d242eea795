package wire

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
)

func TestCardNumber(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text         string
		tight, loose bool
	}{
		"sixteen digits":                      {"4111111111111111", true, true},
		"fifteen":                             {"340000000000009", true, true},
		"thirteen":                            {"4222222222222", true, true},
		"nineteen":                            {"6200000000000000000", true, true},
		"within text":                         {"card:4111111111111111.", true, true},
		"among letters":                       {"x4111111111111111y", true, true},
		"in groups":                           {"4111 1111-1111 1111", false, true},
		"in groups that are far apart":        {"4111  1111  1111  1111", false, false},
		"with a blank behind":                 {"4111111111111111 ", true, true},
		"a wrong check digit":                 {"4111111111111112", false, false},
		"twelve digits":                       {"400000000002", false, false},
		"twenty digits":                       {"41111111111111111111", false, false},
		"a time in milliseconds":              {"1700000000000", false, false},
		"zeros":                               {"0000000000000000", false, false},
		"a wallet's order reference":          {"S52-1234567-1234567", false, true},
		"a UUID that looks like one":          {"41111111-1111-4111-8000-000000000000", false, false},
		"a UUID with something behind":        {"41111111-1111-1111-1111-111111111111x4111111111111111", true, true},
		"digits of another script":            {"٤١١١١١١١١١١١١١١١", false, false},
		"nothing":                             {"", false, false},
		"the second of two numbers is a card": {"12345 and 4111111111111111", true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := cardNumber(tt.text, tight); got != tt.tight {
				t.Errorf("tight: %v", got)
			}
			if got := cardNumber(tt.text, loose); got != tt.loose {
				t.Errorf("loose: %v", got)
			}
		})
	}
}

// TestCardNumber_FindsAll writes card numbers in every way that people do.
func TestCardNumber_FindsAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[2-6][0-9]{11,17}`).Draw(t, "digits")
		check := byte('0')
		for ; !isCard(digits + string(check)); check++ {
			if check == '9' {
				t.Fatalf("%s has no check digit", digits)
			}
		}
		card := digits + string(check)
		before := rapid.StringMatching(`([a-z ]*[a-z])?`).Draw(t, "before")
		after := rapid.StringMatching(`([a-z][a-z ]*)?`).Draw(t, "after")
		if !cardNumber(before+card+after, tight) {
			t.Errorf("%s is not found", card)
		}
		sep := rapid.SampledFrom([]string{" ", "-"}).Draw(t, "separator")
		groups := card[:4] + sep + card[4:8] + sep + card[8:12] + sep + card[12:]
		if !cardNumber(before+groups+after, loose) {
			t.Errorf("%s is not found", groups)
		}
	})
}

// Whoever publishes commands straight to NATS meets the same refusal.
func TestValidate_RefusesCardNumbers(t *testing.T) {
	t.Parallel()
	const pan, grouped = "4111111111111111", "4111 1111 1111 1111"
	valid := map[string]func() payment.Command{"authorize": authorize, "payout": payout}
	for field, put := range map[string]func(*payment.Command){
		"description":    func(c *payment.Command) { c.Description = "card " + grouped },
		"statement_text": func(c *payment.Command) { c.StatementText = pan },
		"reference":      func(c *payment.Command) { c.Reference = pan },
		"payment_id":     func(c *payment.Command) { c.Payment = pan },
		"req_id":         func(c *payment.Command) { c.ReqID = pan; c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID) },
		"authorization.order_ref": func(c *payment.Command) {
			c.Authorization.Method, c.Authorization.OrderRef = payment.OrderReference, pan
		},
		"authorization.mandate":             func(c *payment.Command) { c.Authorization.Method, c.Authorization.Mandate = payment.MandateCharge, pan },
		"authorization.return_urls.success": func(c *payment.Command) { c.Authorization.Return.Success = "https://shop.example/?c=" + pan },
		"beneficiary.first_name":            func(c *payment.Command) { c.Beneficiary.FirstName = grouped },
		"beneficiary.customer_id":           func(c *payment.Command) { c.Beneficiary.CustomerID = pan },
		"beneficiary.address":               func(c *payment.Command) { c.Beneficiary.Address = grouped },
	} {
		c := valid["authorize"]()
		if field[0] == 'b' {
			c = valid["payout"]()
		}
		put(&c)
		invalid, ok := Validate(c).(*Invalid) //nolint:errorlint // it is returned as it is
		if !ok || !slices.ContainsFunc(invalid.Fields, func(f FieldError) bool { return f.Field == field && f.Code == "card_number" }) {
			t.Errorf("%s: %v", field, invalid)
		}
	}
}
