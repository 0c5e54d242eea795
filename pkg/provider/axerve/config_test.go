package axerve_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve"
)

func TestConfig_ZeroIsRefusedByField(t *testing.T) {
	t.Parallel()
	_, err := axerve.New(axerve.Config{})
	for _, field := range []string{"ShopLogin", "PublicURL", "EndpointKey"} {
		if !errors.Is(err, axerve.ErrConfig) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	if _, err := axerve.NewParser(axerve.Config{}); !errors.Is(err, axerve.ErrConfig) {
		t.Errorf("parser: %v", err)
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*axerve.Config)
		field  string
	}{
		"a shop with a blank":              {func(c *axerve.Config) { c.ShopLogin = "a b" }, "ShopLogin"},
		"a shop of 31 characters":          {func(c *axerve.Config) { c.ShopLogin = strings.Repeat("x", 31) }, "ShopLogin"},
		"an empty key behind a good one":   {func(c *axerve.Config) { c.APIKeys[1].Secret = "" }, "APIKeys[1]"},
		"a world nobody knows":             {func(c *axerve.Config) { c.Environment = "test" }, "Environment"},
		"real money in the sandbox":        {func(c *axerve.Config) { c.Live, c.SOAPBase, c.PageBase = true, "", "" }, "Environment"},
		"production without real money":    {func(c *axerve.Config) { c.Environment = axerve.Production }, "Environment"},
		"services without a host":          {func(c *axerve.Config) { c.SOAPBase = "axerve" }, "SOAPBase"},
		"a page with a query":              {func(c *axerve.Config) { c.PageBase = "https://axerve.example/?x=1" }, "PageBase"},
		"no public address":                {func(c *axerve.Config) { c.PublicURL = "" }, "PublicURL"},
		"a public address with a password": {func(c *axerve.Config) { c.PublicURL = "https://u:p@orc.example" }, "PublicURL"},
		"plain http where money is real": {func(c *axerve.Config) {
			c.Live, c.Environment, c.SOAPBase, c.PageBase = true, axerve.Production, "http://a.example", ""
		}, "SOAPBase"},
		"an endpoint key with a slash":       {func(c *axerve.Config) { c.EndpointKey = "a/b" }, "EndpointKey"},
		"a language the page does not speak": {func(c *axerve.Config) { c.Language = "pl" }, "Language"},
		"asking for ever":                    {func(c *axerve.Config) { c.AvoidAsterisk = 6 }, "AvoidAsterisk"},
	} {
		cfg := testConfig("https://axerve.example")
		tc.change(&cfg)
		err := cfg.Validate()
		if !errors.Is(err, axerve.ErrConfig) || !strings.Contains(err.Error(), tc.field+" ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*axerve.Config){
		"as it is":             func(*axerve.Config) {},
		"Axerve's own sandbox": func(c *axerve.Config) { c.SOAPBase, c.PageBase = "", "" },
		"known by address":     func(c *axerve.Config) { c.APIKeys = nil },
		"production": func(c *axerve.Config) {
			c.Live, c.Environment, c.SOAPBase, c.PageBase = true, axerve.Production, "", ""
		},
		"an Italian page": func(c *axerve.Config) { c.Language = "it_IT" },
	} {
		cfg := testConfig("https://axerve.example")
		change(&cfg)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfig_Responses(t *testing.T) {
	t.Parallel()
	cfg := testConfig("")
	cfg.PublicURL += "/"
	want := axerve.Responses{
		Positive: "https://orc.example/returns/axerve/k7/success", Negative: "https://orc.example/returns/axerve/k7/failure",
		ServerToServer: "https://orc.example/callbacks/axerve/k7",
	}
	if diff := cmp.Diff(want, cfg.Responses()); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestFormat_ShowsNoSecret(t *testing.T) {
	t.Parallel()
	for _, v := range []any{mustClient(t, testConfig("https://axerve.example")), mustParser(t, testConfig("https://axerve.example"))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(verb, v); got != "axerve:"+shop {
				t.Errorf("%s: %s", verb, got)
			}
		}
	}
	if strings.Contains(fmt.Sprintf("%+v", testConfig("")), apiKey) {
		t.Error("the configuration shows its key")
	}
}

func TestCapability_PaymentIDs(t *testing.T) {
	t.Parallel()
	limits := axerve.Capability().Limits
	sep := axerve.Capability().Rules.KeySeparator
	for id, want := range map[payment.ID]bool{
		"order-1": true, "p_" + payment.ID(strings.Repeat("a", 26)): true, "_": true, "a_-": true, "a_-b": true, "-a-b_c-": true,
		"a--b": false, "order_-2": false, "order 1": false, payment.ID(strings.Repeat("a", 29)): false, "": false,
	} {
		got := limits.PaymentID.MatchString(string(id)) && !limits.NotPaymentID.MatchString(string(id))
		if got != want {
			t.Errorf("%q is taken: %v, want %v", id, got, want)
		}
		if key := payment.AttemptKey(id, sep, 99); got && len(key) > 32 {
			t.Errorf("%q has keys of %d characters", id, len(key))
		}
	}
}

// TestClient_KeepsToIPv4 has a gateway at an address that a shop's list of callers
// cannot hold.
func TestClient_KeepsToIPv4(t *testing.T) {
	t.Parallel()
	_, err := mustClient(t, testConfig("http://[::1]:9")).Submit(t.Context(), newLife(t).start(hosted(euros)))
	if e := provider.AsError(err); e.Failure != provider.NotSent || e.Answered || !strings.Contains(err.Error(), "no suitable address") {
		t.Errorf("error %v", err)
	}
}
