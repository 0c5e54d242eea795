package shop

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"github.com/payloom/payloom/pkg/conf"
)

// Config is what a shop is told. It is off while neither of the first three
// values is set.
type Config struct {
	IngressURL string      `env:"INGRESS_URL" desc:"where the shop sends commands: Payloom's ingress; empty: no shop"`
	QueryURL   string      `env:"QUERY_URL" desc:"where the shop reads payments: Payloom's state-tracker"`
	APIKey     conf.Secret `env:"API_KEY" desc:"the shop's API key at both, with the scopes authorize, capture, refund, cancel and read"`
	PublicURL  string      `env:"PUBLIC_URL" desc:"where buyers' browsers reach the shop; Payloom takes http for localhost and 127.0.0.1 only; default: that of the simulator"`
	Button     Button      `envPrefix:"BUTTON_"`

	Page    bool `env:"PAGE" envDefault:"true" desc:"offer Axerve's payment page beside the button"`
	Payouts bool `env:"PAYOUTS" envDefault:"true" desc:"offer the merchant payouts at ECommPay; the key needs the scope payout too"`
}

// Enabled tells whether there is to be a shop.
func (c Config) Enabled() bool { return c.IngressURL != "" || c.QueryURL != "" || c.APIKey != "" }

// WithDefaults fills in what follows from where the simulator is.
func (c Config) WithDefaults(simulator string) Config {
	c.PublicURL = strings.TrimRight(cmp.Or(c.PublicURL, simulator), "/")
	c.Button.ScriptURL = cmp.Or(c.Button.ScriptURL, simulator+"/checkout.js")
	return c
}

// Validate checks a shop that is on. The button's values are checked either way.
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	var errs []error
	for name, text := range map[string]string{"INGRESS_URL": c.IngressURL, "QUERY_URL": c.QueryURL} {
		if !isURL(text) {
			errs = append(errs, conf.Invalid(name, "must be a URL such as http://localhost:8080"))
		}
	}
	if c.APIKey == "" {
		errs = append(errs, conf.Invalid("API_KEY", "is not set"))
	}
	if c.PublicURL != "" && !isURL(c.PublicURL) {
		errs = append(errs, conf.Invalid("PUBLIC_URL", "must be a URL such as http://localhost:8083"))
	}
	return errors.Join(errs...)
}

// isURL tells whether text is http or https with a host and without a query.
func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}
