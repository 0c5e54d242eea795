package ecommpay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
)

func TestConfig_ZeroIsRefusedByField(t *testing.T) {
	t.Parallel()
	_, err := ecommpay.New(ecommpay.Config{})
	if !errors.Is(err, ecommpay.ErrConfig) {
		t.Fatalf("error %v", err)
	}
	for _, field := range []string{"ProjectID", "Secrets", "BaseURL", "PublicURL", "EndpointKey"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	if _, err := ecommpay.NewParser(ecommpay.Config{}); !errors.Is(err, ecommpay.ErrConfig) {
		t.Errorf("parser: %v", err)
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*ecommpay.Config)
		field  string
	}{
		"a project below zero":             {func(c *ecommpay.Config) { c.ProjectID = -1 }, "ProjectID"},
		"an empty secret":                  {func(c *ecommpay.Config) { c.Secrets[0].Secret = "" }, "Secrets[0]"},
		"an empty secret behind a good":    {func(c *ecommpay.Config) { c.Secrets = append(c.Secrets, key("2", "")) }, "Secrets[1]"},
		"a base URL without host":          {func(c *ecommpay.Config) { c.BaseURL = "gate" }, "BaseURL"},
		"a base URL with a user":           {func(c *ecommpay.Config) { c.BaseURL = "https://u:p@gate.example" }, "BaseURL"},
		"a base URL of no known kind":      {func(c *ecommpay.Config) { c.BaseURL = "ftp://gate.example" }, "BaseURL"},
		"a public URL with a query":        {func(c *ecommpay.Config) { c.PublicURL = "https://orc.example/?a=1" }, "PublicURL"},
		"a public URL with a semicolon":    {func(c *ecommpay.Config) { c.PublicURL = "https://orc.example/a;b" }, "PublicURL"},
		"plain http where money is real":   {func(c *ecommpay.Config) { c.Live, c.BaseURL = true, "http://gate.example" }, "BaseURL"},
		"callbacks by http where it is so": {func(c *ecommpay.Config) { c.Live, c.PublicURL = true, "http://orc.example" }, "PublicURL"},
		"an endpoint key with a slash":     {func(c *ecommpay.Config) { c.EndpointKey = "a/b" }, "EndpointKey"},
		"a listing without address":        {func(c *ecommpay.Config) { *c = withData(*c); c.Data.BaseURL = "" }, "Data.BaseURL"},
		"a listing by http where it is so": {func(c *ecommpay.Config) { *c = withData(*c); c.Live, c.Data.BaseURL = true, "http://data.example" }, "Data.BaseURL"},
		"a listing without token":          {func(c *ecommpay.Config) { *c = withData(*c); c.Data.Token = "" }, "Data.Token"},
		"a token with a semicolon":         {func(c *ecommpay.Config) { *c = withData(*c); c.Data.Token = "canary;" }, "Data.Token"},
		"a listing without secret":         {func(c *ecommpay.Config) { *c = withData(*c); c.Data.Secret = "" }, "Data.Secret"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(ecommpay.DefaultBaseURL)
			tc.change(&cfg)
			err := cfg.Validate()
			if !errors.Is(err, ecommpay.ErrConfig) || !strings.Contains(err.Error(), tc.field+" ") || strings.ContainsAny(err.Error(), "\n;") {
				t.Errorf("error %v", err)
			}
		})
	}
	for name, change := range map[string]func(*ecommpay.Config){
		"as it is":                   func(*ecommpay.Config) {},
		"live":                       func(c *ecommpay.Config) { c.Live, c.PublicURL = true, "https://orc.example:8443/x/" },
		"with a listing":             func(c *ecommpay.Config) { *c = withData(*c); c.Live = true },
		"plain http for a simulator": func(c *ecommpay.Config) { c.BaseURL, c.PublicURL = "http://127.0.0.1:8080/", "http://127.0.0.1:1" },
	} {
		cfg := testConfig(ecommpay.DefaultBaseURL)
		change(&cfg)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Sooner or later someone logs it.
func TestNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(payoutPath, 400, `{"status":"error","code":"canary-answer","message":"canary-answer"}`)
	d.answer(statusPath, 200, `{"payment":{"id":"canary-answer","status":"canary-answer"}}`)
	cfg := withData(testConfig(d.URL))
	d.answer(listingPath, 200, `{"operations":["canary-answer"]}`)
	client, parser := mustClient(t, cfg), mustParser(t, cfg)
	call := started(t, 0).call()
	b := call.Command.Beneficiary
	b.CustomerID, b.FirstName, b.LastName, b.Address, b.Email = "canary-1", "canary-2", "canary-3", "canary-4", "canary@5"
	_, unknown := client.Submit(t.Context(), call)
	_, inquiry := client.Inquire(t.Context(), call)
	b.Address, b.AccountNumber = "canary;", "+canary"
	_, rejected := client.Submit(t.Context(), call)
	_, listing := client.List(t.Context(), listedFrom, listedFrom)
	_, forged := parser.ParseCallback(nil, []byte(`{"canary":"canary","signature":"canary"}`))
	bad := cfg
	bad.Secrets = []ecommpay.Key{key("1", secret), key("2", "")}
	_, invalid := ecommpay.New(bad)
	for name, v := range map[string]any{
		"client": client, "parser": parser, "config": cfg, "unknown": unknown, "inquiry": inquiry, "rejected": rejected,
		"forged": forged, "invalid": invalid, "listing": listing,
	} {
		text, _ := json.Marshal(v)
		all := string(text) + fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v)
		for _, leak := range []string{secret, dataToken, dataSecret, "canary", "Signature", fmt.Sprintf("%x", secret), fmt.Sprintf("%x", "canary")} {
			if strings.Contains(all, leak) {
				t.Errorf("%s shows %q: %s", name, leak, all)
			}
		}
	}
	if provider.FailureOf(unknown) != provider.Unknown || provider.FailureOf(rejected) != provider.Rejected {
		t.Errorf("%v, %v", unknown, rejected)
	}
}

func TestCapability(t *testing.T) {
	t.Parallel()
	c := mustClient(t, testConfig("https://gate.example")).Capability()
	if !c.Supports(payment.Payout) || !c.Supports(payment.Sync) || len(c.Rules.Kinds) != 2 || c.Provider != payment.ECommPay {
		t.Errorf("kinds %v", c.Rules.Kinds)
	}
	if r := c.RecoveryOf(payment.Payout, ""); r.Class != provider.T2 || r.Settle.Seconds() != 120 {
		t.Errorf("recovery %+v", r)
	}
	longest := strings.Repeat("p", 61)
	if !c.Limits.PaymentID.MatchString(longest) || c.Limits.PaymentID.MatchString(longest+"p") || c.Limits.PaymentID.MatchString("a.b") {
		t.Errorf("payment ids: %s", c.Limits.PaymentID)
	}
	if key := payment.AttemptKey(payment.ID(longest), c.Rules.KeySeparator, 99); len(key) != 64 {
		t.Errorf("a key of %d characters", len(key))
	}
	if w := c.Limits.Amount["INR"]; w.Min != 100 || w.Max != 40_000_000 {
		t.Errorf("INR %+v", w)
	}
	for field, texts := range map[string][2]string{
		"beneficiary.address":        {"दिल्ली, Main st. 20: B", "a;b"},
		"beneficiary.account_number": {"9811181996", "+9811181996"},
		"beneficiary.email":          {"a@b", "a@b;c"},
	} {
		if p := c.Limits.Text[field]; !p.MatchString(texts[0]) || p.MatchString(texts[1]) {
			t.Errorf("%s: %s", field, p)
		}
	}
}
