package computop_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop"
)

func TestConfig_ZeroIsRefusedByField(t *testing.T) {
	t.Parallel()
	_, err := computop.New(computop.Config{})
	if !errors.Is(err, computop.ErrConfig) {
		t.Fatalf("error %v", err)
	}
	for _, field := range []string{"MerchantID", "CipherKeys", "MACKeys", "BaseURL", "PublicURL", "EndpointKey"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	if _, err := computop.NewParser(computop.Config{}); !errors.Is(err, computop.ErrConfig) {
		t.Errorf("parser: %v", err)
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*computop.Config)
		field  string
	}{
		"a star in MerchantID":               {func(c *computop.Config) { c.MerchantID = "a*b" }, "MerchantID"},
		"a MerchantID of 31 characters":      {func(c *computop.Config) { c.MerchantID = strings.Repeat("m", 31) }, "MerchantID"},
		"a cipher nobody has":                {func(c *computop.Config) { c.Cipher = "rot13" }, "Cipher"},
		"a key that does not fit AES":        {func(c *computop.Config) { c.Cipher, c.CipherKeys[0].Secret = "aes", "short" }, "CipherKeys[0]"},
		"an empty cipher key":                {func(c *computop.Config) { c.CipherKeys[0].Secret = "" }, "CipherKeys[0]"},
		"an empty MAC key behind a good one": {func(c *computop.Config) { c.MACKeys = append(c.MACKeys, secret("2", "")) }, "MACKeys[1]"},
		"a base URL without host":            {func(c *computop.Config) { c.BaseURL = "paygate" }, "BaseURL"},
		"a base URL with a user":             {func(c *computop.Config) { c.BaseURL = "https://u:p@paygate.example/" }, "BaseURL"},
		"a public URL with a query":          {func(c *computop.Config) { c.PublicURL = "https://orc.example/?a=1" }, "PublicURL"},
		"a public URL with an ampersand":     {func(c *computop.Config) { c.PublicURL = "https://orc.example/a&b" }, "PublicURL"},
		"a public URL that is long":          {func(c *computop.Config) { c.PublicURL = "https://orc.example/" + strings.Repeat("x", 230) }, "PublicURL"},
		"plain http where money is real":     {func(c *computop.Config) { c.Live, c.BaseURL = true, "http://paygate.example/" }, "BaseURL"},
		"notifies at another port, live":     {func(c *computop.Config) { c.Live, c.PublicURL = true, "https://orc.example:8443" }, "PublicURL"},
		"an endpoint key with a slash":       {func(c *computop.Config) { c.EndpointKey = "a/b" }, "EndpointKey"},
		"a least amount below zero":          {func(c *computop.Config) { c.MinAmount = -1 }, "MinAmount"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig("https://paygate.example/")
			tc.change(&cfg)
			err := cfg.Validate()
			if !errors.Is(err, computop.ErrConfig) || !strings.Contains(err.Error(), tc.field+" ") || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("error %v", err)
			}
		})
	}
	for name, change := range map[string]func(*computop.Config){
		"as it is": func(*computop.Config) {},
		"live":     func(c *computop.Config) { c.Live, c.PublicURL = true, "https://orc.example:443/x/" },
		"AES, the old key Blowfish's": func(c *computop.Config) {
			c.Cipher, c.CipherKeys = "aes", append([]computop.Key{secret("2", "sixteen bytes ok")}, secret("1", "short"))
		},
		"plain http for a simulator":   func(c *computop.Config) { c.BaseURL = "http://127.0.0.1:8080" },
		"the cipher Paygate begins at": func(c *computop.Config) { c.Cipher = "" },
	} {
		cfg := testConfig("https://paygate.example/")
		change(&cfg)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfig_MinAmount(t *testing.T) {
	t.Parallel()
	cfg := testConfig("https://paygate.example/")
	cfg.MinAmount = 1
	if got := mustClient(t, cfg).Capability().Limits.Amount[""].Min; got != 1 {
		t.Errorf("least amount %d", got)
	}
	if got := computop.Capability().Limits.Amount[""].Min; got != computop.DefaultMinAmount {
		t.Errorf("default least amount %d", got)
	}
}

// Sooner or later someone logs it.
func TestNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	cfg := testConfig(d.URL)
	client, parser := mustClient(t, cfg), mustParser(t, cfg)
	call := captured(t, 5000).start("refund", payment.Refund, 1500, nil)
	call.Command.Description = "canary-description"
	d.answer(t, "credit.aspx", fields("Status", "FAILED", "Code", "22529999", "Description", "canary-answer", "ErrorText", "canary-text")...)
	_, unknown := client.Submit(t.Context(), call)
	call.Command.Description = "canary-€"
	_, rejected := client.Submit(t.Context(), call)
	_, forged := parser.ParseCallback(nil, []byte(mustSeal(t, "mid", mid, "Description", "canary-notify")))
	bad := cfg
	bad.Cipher = "aes"
	bad.CipherKeys = []computop.Key{secret("1", cipherKey+"x")}
	_, invalid := computop.New(bad)
	for name, v := range map[string]any{
		"client": client, "parser": parser, "config": cfg, "unknown": unknown, "rejected": rejected, "forged": forged, "invalid": invalid,
	} {
		text, _ := json.Marshal(v)
		all := string(text) + fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v)
		for _, leak := range []string{cipherKey, macKey, "canary", fmt.Sprintf("%x", cipherKey), fmt.Sprintf("%x", "canary")} {
			if strings.Contains(all, leak) {
				t.Errorf("%s shows %q", name, leak)
			}
		}
	}
	if provider.FailureOf(unknown) != provider.Unknown || provider.FailureOf(rejected) != provider.Rejected {
		t.Errorf("%v, %v", unknown, rejected)
	}
}

func TestCapability(t *testing.T) {
	t.Parallel()
	c := computop.Capability()
	for _, k := range []payment.Kind{payment.UpdateAmount, payment.Capture, payment.Refund, payment.Cancel, payment.Authorize} {
		if _, ok := c.Recovery[k]; !ok || !c.Supports(k) {
			t.Errorf("%s is not described", k)
		}
	}
	if c.Supports(payment.Payout) {
		t.Error("payouts are offered")
	}
	longest := strings.Repeat("p", 61)
	if !c.Limits.PaymentID.MatchString(longest) || c.Limits.PaymentID.MatchString(longest+"p") || c.Limits.PaymentID.MatchString("a.b") {
		t.Errorf("payment ids: %s", c.Limits.PaymentID)
	}
	if key := payment.AttemptKey(payment.ID(longest), c.Rules.KeySeparator, 99); len(key) != 64 {
		t.Errorf("a key of %d characters", len(key))
	}
	if !c.Limits.Text["description"].MatchString("Größe 42") || c.Limits.Text["description"].MatchString("5 €") || c.Limits.Text["description"].MatchString("a&b") {
		t.Error("the description's characters are not those of ISO-8859-1")
	}
	for m, want := range map[payment.Method]provider.Class{payment.Button: provider.T0, payment.MandateCharge: provider.T3} {
		if got := c.RecoveryOf(payment.Authorize, m).Class; got != want {
			t.Errorf("%s is recovered as %s, want %s", m, got, want)
		}
	}
}
