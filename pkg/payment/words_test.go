package payment_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
)

func TestMoney_Decimal(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		money payment.Money
		want  string
	}{
		"euro have cents":                {payment.Money{Minor: 1050, Currency: "EUR"}, "10.50"},
		"cents alone have a leading nil": {payment.Money{Minor: 5, Currency: "EUR"}, "0.05"},
		"yen have none":                  {payment.Money{Minor: 1050, Currency: "JPY"}, "1050"},
		"krona of Iceland have none":     {payment.Money{Minor: 7, Currency: "ISK"}, "7"},
		"dinars have three":              {payment.Money{Minor: 1050, Currency: "KWD"}, "1.050"},
		"the largest amount fits":        {payment.Money{Minor: math.MaxInt64, Currency: "EUR"}, "92233720368547758.07"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.money.Decimal()
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestMoney_ThereAndBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := payment.Money{
			Minor:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]payment.Currency{"EUR", "JPY", "KWD", "UYW"}).Draw(t, "currency"),
		}
		s, err := m.Decimal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := payment.ParseDecimal(s, m.Currency)
		if err != nil || back != m {
			t.Fatalf("%v became %q became %v, %v", m, s, back, err)
		}
	})
}

func TestParseDecimal_Refuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", ".", "1.", ".5", "-1", "+1", "1.005", "1,5", "1e3", " 1", "1 ", "٣", "92233720368547758.08"} {
		if m, err := payment.ParseDecimal(s, "EUR"); !errors.Is(err, payment.ErrMoney) {
			t.Errorf("%q became %v, %v; want ErrMoney", s, m, err)
		}
	}
	if _, err := payment.ParseDecimal("1.5", "JPY"); err == nil {
		t.Error("half a yen was accepted")
	}
}

func TestCurrency_Known(t *testing.T) {
	t.Parallel()
	for _, c := range []payment.Currency{"", "eur", "EURO", "XXX", "R A", "UR ", "ZZZ"} {
		if c.Known() {
			t.Errorf("%q is taken for a currency", c)
		}
	}
	for _, m := range []payment.Money{{Minor: 0, Currency: "EUR"}, {Minor: -1, Currency: "EUR"}, {Minor: 1, Currency: "QQQ"}} {
		if m.Validate() == nil {
			t.Errorf("%v is taken for an amount", m)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	good := map[string]error{
		"merchant":   payment.Merchant("shop_1-a").Validate(),
		"payment id": payment.ID("7d444840-9dc0-11d1-b245-5ffdce74fad2").Validate(),
		"req id":     payment.ReqID(strings.Repeat("~", 255)).Validate(),
		"command id": payment.DeriveCommandID("demo", "1").Validate(),
	}
	for what, err := range good {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	bad := map[string]error{
		"merchant in capitals":  payment.Merchant("Shop").Validate(),
		"merchant too long":     payment.Merchant(strings.Repeat("a", 33)).Validate(),
		"payment id with a dot": payment.ID("a.b").Validate(),
		"payment id, wildcard":  payment.ID("*").Validate(),
		"payment id too long":   payment.ID(strings.Repeat("a", 65)).Validate(),
		"payment id, new line":  payment.ID("a\n").Validate(),
		"req id with a space":   payment.ReqID("a b").Validate(),
		"req id too long":       payment.ReqID(strings.Repeat("a", 256)).Validate(),
		"no req id":             payment.ReqID("").Validate(),
	}
	for what, err := range bad {
		if !errors.Is(err, payment.ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", what, err)
		}
	}
}

func TestDeriveCommandID_IsStableAndScoped(t *testing.T) {
	t.Parallel()
	if got := payment.DeriveCommandID("demo", "order-1"); got != "sg3knngfjdhqvkv6p4lya33bbu" {
		t.Errorf("the id of a request changed to %q: every replay would be a new payment", got)
	}
	if payment.DeriveCommandID("a", "bc") == payment.DeriveCommandID("ab", "c") {
		t.Error("merchant and req id run into one another")
	}
}

func TestShard_StaysWhereItIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id, n := rapid.String().Draw(t, "id"), rapid.IntRange(1, 64).Draw(t, "n")
		k := payment.Shard(id, n)
		if k < 0 || k >= n || k != payment.Shard(id, n) {
			t.Fatalf("shard %d of %d", k, n)
		}
	})
}
