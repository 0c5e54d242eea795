package shop

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
)

func TestButton_PermissibleValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		environ map[string]string
		wrong   string // the variable; empty: nothing is wrong
	}{
		"the defaults":                             {nil, ""},
		"a merchant in the UK":                     {map[string]string{"LEDGER_CURRENCY": "GBP", "CHECKOUT_LANGUAGE": "en_GB"}, ""},
		"a merchant in the US":                     {map[string]string{"LEDGER_CURRENCY": "USD", "CHECKOUT_LANGUAGE": "en_US"}, ""},
		"a merchant in Japan":                      {map[string]string{"LEDGER_CURRENCY": "JPY", "CHECKOUT_LANGUAGE": "ja_JP"}, ""},
		"a German shop with digital goods":         {map[string]string{"CHECKOUT_LANGUAGE": "de_DE", "PRODUCT_TYPE": "PayOnly", "COLOR": "DarkGray"}, ""},
		"a language that Amazon chooses":           {map[string]string{"CHECKOUT_LANGUAGE": "auto", "COLOR": "LightGray"}, ""},
		"a sandbox key":                            {map[string]string{"PUBLIC_KEY_ID": "SANDBOX-AEXAMPLE0000"}, ""},
		"a ledger in francs":                       {map[string]string{"LEDGER_CURRENCY": "CHF"}, "LEDGER_CURRENCY"},
		"a US merchant with a European language":   {map[string]string{"LEDGER_CURRENCY": "USD", "CHECKOUT_LANGUAGE": "en_GB"}, "CHECKOUT_LANGUAGE"},
		"a European merchant with a US language":   {map[string]string{"CHECKOUT_LANGUAGE": "en_US"}, "CHECKOUT_LANGUAGE"},
		"a language that is written otherwise":     {map[string]string{"CHECKOUT_LANGUAGE": "de-DE"}, "CHECKOUT_LANGUAGE"},
		"a product type that does not exist":       {map[string]string{"PRODUCT_TYPE": "payandship"}, "PRODUCT_TYPE"},
		"a placement that is not in the checklist": {map[string]string{"PLACEMENT": "Home"}, "PLACEMENT"},
		"a colour of the shop's own":               {map[string]string{"COLOR": "Red"}, "COLOR"},
		"a seller that is none":                    {map[string]string{"MERCHANT_ID": "our shop"}, "MERCHANT_ID"},
		"a key that is none":                       {map[string]string{"PUBLIC_KEY_ID": "<script>"}, "PUBLIC_KEY_ID"},
		"a script that is no address":              {map[string]string{"SCRIPT_URL": "checkout.js"}, "SCRIPT_URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b Button
			err := conf.Load(&b, tt.environ)
			switch {
			case tt.wrong == "" && err != nil:
				t.Error(err)
			case tt.wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.wrong+" ")):
				t.Errorf("error %v, want one about %s", err, tt.wrong)
			}
		})
	}
}

func TestButton_Settings(t *testing.T) {
	t.Parallel()
	var yen Button
	if err := conf.Load(&yen, map[string]string{"LEDGER_CURRENCY": "JPY", "CHECKOUT_LANGUAGE": "auto", "PUBLIC_KEY_ID": "SANDBOX-A1"}); err != nil {
		t.Fatal(err)
	}
	var euro Button
	if err := conf.Load(&euro, nil); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		button Button
		total  payment.Money
		want   string // empty: an error
	}{
		"two decimals": {
			euro, payment.Money{Minor: 5099, Currency: "EUR"},
			`{"merchantId":"ADEMOSELLER01","ledgerCurrency":"EUR","checkoutLanguage":"en_GB","productType":"PayAndShip","placement":"Cart","buttonColor":"Gold","estimatedOrderAmount":{"amount":"50.99","currencyCode":"EUR"}}`,
		},
		"no decimals, no language": {
			yen, payment.Money{Minor: 5099, Currency: "JPY"},
			`{"merchantId":"ADEMOSELLER01","publicKeyId":"SANDBOX-A1","ledgerCurrency":"JPY","productType":"PayAndShip","placement":"Cart","buttonColor":"Gold","estimatedOrderAmount":{"amount":"5099","currencyCode":"JPY"}}`,
		},
		"an order of nothing":          {euro, payment.Money{Currency: "EUR"}, ""},
		"a currency that is not there": {euro, payment.Money{Minor: 1, Currency: "XXX"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := tt.button.settings(tt.total)
			if (err != nil) != (tt.want == "") {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			got, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestConfig_AllOrNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		environ map[string]string
		enabled bool
		wrong   []string
	}{
		"nothing":        {nil, false, nil},
		"only a key":     {map[string]string{"API_KEY": "k"}, true, []string{"INGRESS_URL", "QUERY_URL"}},
		"no key":         {map[string]string{"INGRESS_URL": "http://a", "QUERY_URL": "http://b"}, true, []string{"API_KEY"}},
		"all":            {map[string]string{"INGRESS_URL": "http://a", "QUERY_URL": "http://b/", "API_KEY": "k", "PUBLIC_URL": "https://shop.example"}, true, nil},
		"no addresses":   {map[string]string{"INGRESS_URL": "a", "QUERY_URL": "ftp://b", "API_KEY": "k", "PUBLIC_URL": "shop?x"}, true, []string{"INGRESS_URL", "QUERY_URL", "PUBLIC_URL"}},
		"a wrong button": {map[string]string{"BUTTON_COLOR": "Red"}, false, []string{"BUTTON_COLOR"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c Config
			err := conf.Load(&c, tt.environ)
			if c.Enabled() != tt.enabled {
				t.Errorf("enabled: %v", c.Enabled())
			}
			if (err != nil) != (len(tt.wrong) > 0) {
				t.Fatalf("error %v", err)
			}
			for _, name := range tt.wrong {
				if !strings.Contains(err.Error(), name+" ") {
					t.Errorf("the error does not name %s: %v", name, err)
				}
			}
		})
	}
}

func TestShowMoney(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]payment.Money{
		"€0.05":         {Minor: 5, Currency: "EUR"},
		"€999.00":       {Minor: 99900, Currency: "EUR"},
		"£1,290.50":     {Minor: 129050, Currency: "GBP"},
		"$1,234,567.89": {Minor: 123456789, Currency: "USD"},
		"¥19,800":       {Minor: 19800, Currency: "JPY"},
		"1,000.000 KWD": {Minor: 1000000, Currency: "KWD"},
	} {
		if got, err := showMoney(m); err != nil || got != want {
			t.Errorf("%d %s: %q, %v, want %q", m.Minor, m.Currency, got, err, want)
		}
	}
}

func TestCart_TakesWhatMakesSense(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		form map[string]string
		want int64 // total
	}{
		"nothing said":                  {nil, 3400 + 490},
		"more":                          {map[string]string{"quantity-loom": "3"}, 3*3400 + 490},
		"too many":                      {map[string]string{"quantity-loom": "10"}, 0},
		"fewer than none":               {map[string]string{"quantity-loom": "-1"}, 0},
		"none, and delivery of nothing": {map[string]string{"quantity-loom": "0", "delivery": "express"}, 0},
		"another product":               {map[string]string{"quantity-scarf": "1"}, 3400 + 4950 + 490},
		"a product that is not sold":    {map[string]string{"quantity-yacht": "1"}, 3400 + 490},
		"another delivery":              {map[string]string{"delivery": "express"}, 3400 + 1490},
		"a delivery that is not made":   {map[string]string{"delivery": "rocket"}, 3400 + 490},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCart()
			c.set("loom", 1)
			got := c.with(func(name string) (string, bool) { v, ok := tt.form[name]; return v, ok })
			if got.total("EUR").Minor != tt.want {
				t.Errorf("total %s", got.total("EUR"))
			}
			if c.total("EUR").Minor != 3400+490 {
				t.Errorf("the cart itself changed: %s", c.total("EUR"))
			}
		})
	}
}
