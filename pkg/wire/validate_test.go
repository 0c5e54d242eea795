package wire

import (
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
)

// wrong returns what Validate finds wrong with c, as field and code.
func wrong(t *testing.T, c payment.Command) []string {
	t.Helper()
	err := Validate(c)
	var invalid *Invalid
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		t.Fatalf("error %v, want an *Invalid", err)
	}
	var out []string
	for _, f := range invalid.Fields {
		if f.Detail == "" {
			t.Errorf("%s %s has no detail", f.Field, f.Code)
		}
		out = append(out, f.Field+" "+f.Code)
	}
	return out
}

func TestValidate_Accepts(t *testing.T) {
	t.Parallel()
	cases := map[string]func() payment.Command{
		"an authorisation with everything": authorize,
		"a payout":                         payout,
		"a capture":                        func() payment.Command { return followUp(payment.Capture) },
		"a refund":                         func() payment.Command { return followUp(payment.Refund) },
		"a change of amount":               func() payment.Command { return followUp(payment.UpdateAmount) },
		"a cancel":                         func() payment.Command { return followUp(payment.Cancel) },
		"a sync":                           func() payment.Command { return followUp(payment.Sync) },
		"a mandate without a payment": func() payment.Command {
			c := authorize()
			c.Amount.Minor, c.Authorization.Recurring.Only = 0, true
			return c
		},
		"a charge by mandate": func() payment.Command {
			c := authorize()
			c.Authorization = &payment.Authorization{Method: payment.MandateCharge, Mandate: "B01-1234567-8901234"}
			return c
		},
		"a charge by order reference": func() payment.Command {
			c := authorize()
			c.Authorization = &payment.Authorization{Method: payment.OrderReference, OrderRef: "S02-1234567-8901234"}
			return c
		},
		"a payout to an IPv6 address": func() payment.Command {
			c := payout()
			c.Beneficiary.IPAddress = "2001:db8::1"
			return c
		},
		"a text of 127 characters that are more bytes": func() payment.Command {
			c := authorize()
			c.Description = strings.Repeat("ü", 127)
			return c
		},
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := wrong(t, build()); got != nil {
				t.Errorf("refused: %q", got)
			}
		})
	}
}

// checkRefusals spoils a valid command in each of the ways, and compares what
// Validate says.
func checkRefusals(t *testing.T, valid func() payment.Command, cases map[string]refusal) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := valid()
			c.spoil(&command)
			if diff := cmp.Diff(c.want, wrong(t, command)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

type refusal struct {
	spoil func(*payment.Command)
	want  []string
}

func TestValidate_Identifiers(t *testing.T) {
	t.Parallel()
	checkRefusals(t, authorize, map[string]refusal{
		"an id of its own": {
			func(c *payment.Command) { c.ID = payment.DeriveCommandID("other", c.ReqID) },
			[]string{"command_id not_derived"},
		},
		"a malformed id": {func(c *payment.Command) { c.ID = "X" }, []string{"command_id format"}},
		"a merchant in upper case": {
			func(c *payment.Command) { c.Merchant = "Shop"; c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID) },
			[]string{"merchant format"},
		},
		"no req id": {
			func(c *payment.Command) { c.ReqID = ""; c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID) },
			[]string{"req_id format"},
		},
		"a req id with a space": {
			func(c *payment.Command) { c.ReqID = "a b"; c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID) },
			[]string{"req_id format"},
		},
		"a payment id with a dot":   {func(c *payment.Command) { c.Payment = "a.b" }, []string{"payment_id format"}},
		"a payment id of two lines": {func(c *payment.Command) { c.Payment = "a\n" }, []string{"payment_id format"}},
		"a long payment id": {
			func(c *payment.Command) { c.Payment = payment.ID(strings.Repeat("a", 65)) }, []string{"payment_id format"},
		},
		"no provider":          {func(c *payment.Command) { c.Provider = "" }, []string{"provider format"}},
		"a provider with dots": {func(c *payment.Command) { c.Provider = "a.>" }, []string{"provider format"}},
		"a malformed account":  {func(c *payment.Command) { c.Account = "a b" }, []string{"account format"}},
		"no kind":              {func(c *payment.Command) { c.Kind = "" }, []string{"kind required"}},
		"an unknown kind":      {func(c *payment.Command) { c.Kind = "bribe" }, []string{"kind unknown_value"}},
	})
}

func TestValidate_Amounts(t *testing.T) {
	t.Parallel()
	checkRefusals(t, authorize, map[string]refusal{
		"no amount":         {func(c *payment.Command) { c.Amount = payment.Money{} }, []string{"amount required"}},
		"zero":              {func(c *payment.Command) { c.Amount.Minor = 0 }, []string{"amount.value positive"}},
		"less than zero":    {func(c *payment.Command) { c.Amount.Minor = -1 }, []string{"amount.value out_of_range"}},
		"no currency":       {func(c *payment.Command) { c.Amount.Currency = "" }, []string{"amount.currency format"}},
		"a small currency":  {func(c *payment.Command) { c.Amount.Currency = "eur" }, []string{"amount.currency format"}},
		"a currency of old": {func(c *payment.Command) { c.Amount.Currency = "DEM" }, []string{"amount.currency unknown_value"}},
		"no money, yet no mandate alone": {
			func(c *payment.Command) { c.Amount.Minor, c.Authorization.Recurring = 0, nil },
			[]string{"amount.value positive"},
		},
	})
	for _, k := range []payment.Kind{payment.UpdateAmount, payment.Capture, payment.Refund} {
		checkRefusals(t, func() payment.Command { return followUp(k) }, map[string]refusal{
			string(k) + " of nothing": {func(c *payment.Command) { c.Amount.Minor = 0 }, []string{"amount.value positive"}},
			string(k) + " of who knows what": {
				func(c *payment.Command) { c.Amount = payment.Money{} }, []string{"amount required"},
			},
		})
	}
	for _, k := range []payment.Kind{payment.Cancel, payment.Sync} {
		checkRefusals(t, func() payment.Command { return followUp(k) }, map[string]refusal{
			string(k) + " with an amount": {
				func(c *payment.Command) { c.Amount = payment.Money{Minor: 1, Currency: "EUR"} }, []string{"amount forbidden"},
			},
		})
	}
}

func TestValidate_Texts(t *testing.T) {
	t.Parallel()
	checkRefusals(t, authorize, map[string]refusal{
		"a long description": {
			func(c *payment.Command) { c.Description = strings.Repeat("a", 128) }, []string{"description too_long"},
		},
		"a description of two lines":      {func(c *payment.Command) { c.Description = "a\nb" }, []string{"description format"}},
		"a description that is not UTF-8": {func(c *payment.Command) { c.Description = "J\xfcrgen" }, []string{"description format"}},
		"a long statement text": {
			func(c *payment.Command) { c.StatementText = strings.Repeat("a", 17) }, []string{"statement_text too_long"},
		},
		"a long reference": {
			func(c *payment.Command) { c.Reference = strings.Repeat("a", 31) }, []string{"reference too_long"},
		},
	})
}

func TestValidate_Authorization(t *testing.T) {
	t.Parallel()
	checkRefusals(t, authorize, map[string]refusal{
		"none": {
			func(c *payment.Command) { c.Authorization = nil }, []string{"authorization required"},
		},
		"no method": {
			func(c *payment.Command) { c.Authorization.Method = "" }, []string{"authorization.method required"},
		},
		"an unknown method": {
			func(c *payment.Command) { c.Authorization.Method = "cash" }, []string{"authorization.method unknown_value"},
		},
		"an unknown capture mode": {
			func(c *payment.Command) { c.Authorization.Capture = "soon" }, []string{"authorization.capture unknown_value"},
		},
		"a country by name": {
			func(c *payment.Command) { c.Authorization.Country = "Japan" }, []string{"authorization.country format"},
		},
		"a local currency of old": {
			func(c *payment.Command) { c.Authorization.LocalCurrency = "DEM" },
			[]string{"authorization.local_currency unknown_value"},
		},
		"a detail twice": {
			func(c *payment.Command) { c.Authorization.Scope = []string{"name", "name"} },
			[]string{"authorization.scope repeated"},
		},
		"a detail without a name": {
			func(c *payment.Command) { c.Authorization.Scope = []string{"name", ""} },
			[]string{"authorization.scope[1] format"},
		},
		"more details than there are": {
			func(c *payment.Command) {
				c.Authorization.Scope = nil
				for i := range 100000 {
					c.Authorization.Scope = append(c.Authorization.Scope, strconv.Itoa(i))
				}
			},
			[]string{"authorization.scope too_long"},
		},
		"a language by name": {
			func(c *payment.Command) { c.Authorization.Language = "English" }, []string{"authorization.language format"},
		},
		"a mandate that is not charged": {
			func(c *payment.Command) { c.Authorization.Mandate = "m" }, []string{"authorization.mandate forbidden"},
		},
		"a charge without mandate": {
			func(c *payment.Command) { c.Authorization.Method = payment.MandateCharge },
			[]string{"authorization.mandate required"},
		},
		"an order reference that is not used": {
			func(c *payment.Command) { c.Authorization.OrderRef = "o" }, []string{"authorization.order_ref forbidden"},
		},
		"no order reference": {
			func(c *payment.Command) { c.Authorization.Method = payment.OrderReference },
			[]string{"authorization.order_ref required"},
		},
		"no way back to the shop": {
			func(c *payment.Command) { c.Authorization.Return = payment.ReturnURLs{} },
			[]string{"authorization.return_urls.success required"},
		},
		"a beneficiary": {
			func(c *payment.Command) { c.Beneficiary = payout().Beneficiary }, []string{"beneficiary forbidden"},
		},
	})
	checkRefusals(t, func() payment.Command { return followUp(payment.Capture) }, map[string]refusal{
		"with a capture": {
			func(c *payment.Command) { c.Authorization = authorize().Authorization }, []string{"authorization forbidden"},
		},
	})
}

func TestValidate_URLs(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://shop.example":                 true,
		"https://shop.example:8443/a?b=c#d":    true,
		"http://localhost:3000/back":           true,
		"http://127.0.0.1:3000":                true,
		"http://[::1]:3000/back":               true,
		"http://shop.example/back":             false,
		"http://localhost.shop.example/":       false,
		"http://localhost:80@shop.example/":    false,
		"https://user:secret@shop.example/":    false,
		"https:///back":                        false,
		"https://shop.example/a b":             false,
		"https://shop.example/\n":              false,
		"//shop.example/back":                  false,
		"/back":                                false,
		"javascript:alert(1)":                  false,
		"https://" + strings.Repeat("a", 2048): false,
	} {
		c := authorize()
		c.Authorization.Return.Failure = url
		got := wrong(t, c)
		if (got == nil) != ok {
			t.Errorf("%s: %q", url, got)
		}
		if !ok && !strings.HasPrefix(got[0], "authorization.return_urls.failure ") {
			t.Errorf("%s: %q, want the field by name", url, got)
		}
	}
	c := authorize()
	c.Authorization.Return = payment.ReturnURLs{Success: "x", Failure: "x", Cancel: "x", Review: "x"}
	want := []string{
		"authorization.return_urls.success https", "authorization.return_urls.failure https",
		"authorization.return_urls.cancel https", "authorization.return_urls.review https",
	}
	if diff := cmp.Diff(want, wrong(t, c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestValidate_Recurring(t *testing.T) {
	t.Parallel()
	ranges := map[payment.Cycle][2]int{
		payment.Year: {1, 3}, payment.Month: {1, 36}, payment.Week: {1, 57}, payment.Day: {1, 1095}, payment.Variable: {0, 0},
	}
	if len(ranges) != len(cycles.numbers) {
		t.Errorf("%d ranges for %d cycles", len(ranges), len(cycles.numbers))
	}
	for cycle, r := range ranges {
		for interval, ok := range map[int]bool{
			r[0] - 1: false, r[0]: true, r[1]: true, r[1] + 1: false, math.MaxInt: false, math.MinInt: false,
		} {
			c := authorize()
			c.Authorization.Recurring = &payment.Recurring{Cycle: cycle, Interval: interval}
			var want []string
			if !ok {
				want = []string{"authorization.recurring.interval out_of_range"}
			}
			if diff := cmp.Diff(want, wrong(t, c)); diff != "" {
				t.Errorf("%d %s (-want +got):\n%s", interval, cycle, diff)
			}
		}
	}
	checkRefusals(t, authorize, map[string]refusal{
		"no cycle": {
			func(c *payment.Command) { c.Authorization.Recurring.Cycle = "" },
			[]string{"authorization.recurring.cycle required"},
		},
		"an amount below zero": {
			func(c *payment.Command) { c.Authorization.Recurring.Amount.Minor = -1 },
			[]string{"authorization.recurring.amount.value out_of_range"},
		},
		"an amount in a currency of old": {
			func(c *payment.Command) { c.Authorization.Recurring.Amount.Currency = "DEM" },
			[]string{"authorization.recurring.amount.currency unknown_value"},
		},
	})
}

func TestValidate_Beneficiary(t *testing.T) {
	t.Parallel()
	checkRefusals(t, payout, map[string]refusal{
		"none": {func(c *payment.Command) { c.Beneficiary = nil }, []string{"beneficiary required"}},
		"an empty one": {
			func(c *payment.Command) { c.Beneficiary = &payment.Beneficiary{} },
			[]string{
				"beneficiary.customer_id required", "beneficiary.ip_address required", "beneficiary.first_name required",
				"beneficiary.last_name required", "beneficiary.email required", "beneficiary.address required",
				"beneficiary.account_number format",
			},
		},
		"a host for an address": {
			func(c *payment.Command) { c.Beneficiary.IPAddress = "example.com" }, []string{"beneficiary.ip_address format"},
		},
		"an e-mail address without a host": {
			func(c *payment.Command) { c.Beneficiary.Email = "asha" }, []string{"beneficiary.email format"},
		},
		"a number with a plus": {
			func(c *payment.Command) { c.Beneficiary.AccountNumber = "+919876543210" },
			[]string{"beneficiary.account_number format"},
		},
		"a number too short": {
			func(c *payment.Command) { c.Beneficiary.AccountNumber = "987654321" },
			[]string{"beneficiary.account_number format"},
		},
		"a name too long": {
			func(c *payment.Command) { c.Beneficiary.LastName = strings.Repeat("a", 256) },
			[]string{"beneficiary.last_name too_long"},
		},
	})
}

// What is wrong is said without repeating it: it may be personal data.
func TestInvalid_HoldsNoValues(t *testing.T) {
	t.Parallel()
	const canary = "canary\x01"
	c := payout()
	*c.Beneficiary = payment.Beneficiary{
		CustomerID: canary, IPAddress: canary, FirstName: canary, LastName: canary, Email: canary,
		Address: canary, AccountNumber: canary,
	}
	c.Description, c.StatementText, c.Reference = canary, canary, canary
	err := Validate(c)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v, want one without the values", err)
	}
	if n := len(wrong(t, c)); n != 10 {
		t.Errorf("%d fields, want 10: %q", n, wrong(t, c))
	}
}

func TestFormats_SayEveryPattern(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../proto/payloom/v1/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatalf("no proto files, %v", err)
	}
	pattern := regexp.MustCompile(`pattern(?: =|:) "(.*?[^\\])"`)
	used := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			used[strings.ReplaceAll(m[1], `\\`, `\`)] = true
		}
	}
	want, got := slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(formats))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-proto files +formats):\n%s", diff)
	}
}
