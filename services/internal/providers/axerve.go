package providers

import (
	"strings"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// axerveSettings are what stands below settings of an account at Axerve. Its
// secret, api_key, may be left out where Axerve knows us by our address. The
// account's endpoint is where the services are.
type axerveSettings struct {
	ShopLogin string `yaml:"shop_login"`
	// Environment is sandbox or production; when left out, whichever the account's
	// being live calls for.
	Environment string `yaml:"environment"`
	// PageBase is where the payment page is; when left out, Axerve's own host for
	// Axerve's own endpoints, and the endpoint for any other.
	PageBase      string `yaml:"page_base"`
	Language      string `yaml:"language"`       // of the page, where a payment names none
	AvoidAsterisk int    `yaml:"avoid_asterisk"` // how often a page's string may be asked for again
	Recurring     struct {
		SendPaymentType *bool `yaml:"send_payment_type"` // with charges by token; the default
	} `yaml:"recurring"`
}

// axerveConfig does not check what it returns: axerve does.
func axerveConfig(a *account.Account, publicURL string) (axerve.Config, error) {
	var s axerveSettings
	if err := a.DecodeSettings(&s); err != nil {
		return axerve.Config{}, err
	}
	cfg := axerve.Config{
		ShopLogin: s.ShopLogin, Environment: axerve.Environment(s.Environment), Live: a.Live,
		SOAPBase: a.Endpoint, PageBase: s.PageBase, PublicURL: publicURL, EndpointKey: a.CallbackKey,
		Language: s.Language, AvoidAsterisk: s.AvoidAsterisk,
		TokenOnly: s.Recurring.SendPaymentType != nil && !*s.Recurring.SendPaymentType,
	}
	if cfg.Environment == "" && a.Live {
		cfg.Environment = axerve.Production
	}
	if cfg.PageBase == "" && !axervesOwn(a.Endpoint) {
		cfg.PageBase = a.Endpoint
	}
	for _, k := range a.Secrets["api_key"] {
		cfg.APIKeys = append(cfg.APIKeys, axerve.Key{ID: k.ID, Secret: k.Value})
	}
	return cfg, nil
}

// axervesOwn tells whether an endpoint is Axerve's, whose page is where Axerve
// says.
func axervesOwn(endpoint string) bool {
	base := strings.TrimSuffix(endpoint, "/")
	return base == gestpay.Sandbox().ServiceBase || base == gestpay.Production().ServiceBase
}
