package axerve

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Environment is one of Axerve's two worlds.
type Environment string

// The environments.
const (
	Sandbox    Environment = "sandbox"
	Production Environment = "production"
)

// The limits of a call, where Config.HTTP sets no other. An authorisation at
// Amazon takes longer than most calls; a worker waits for 12 s.
const (
	DefaultHeaderTimeout = 10 * time.Second
	DefaultTimeout       = 11 * time.Second
)

// Config is one account at Axerve.
type Config struct {
	ShopLogin string
	// APIKeys are newest first, and the first is used. Without any, Axerve knows
	// us by our address.
	APIKeys []Key
	// Environment is sandbox when empty.
	Environment Environment
	// SOAPBase and PageBase are where the services and the payment page are; when
	// empty, Axerve's own hosts of the environment.
	SOAPBase string
	PageBase string
	// PublicURL is where Axerve and buyers reach the notify-receiver, and
	// EndpointKey the account's own part of the path there. Neither is sent: see
	// Responses.
	PublicURL   string
	EndpointKey string
	// Live is set when the account moves real money, which it does in production
	// and nowhere else.
	Live bool
	// Language is the payment page's where a payment names none that the page
	// speaks: it, en, es, fr or de. Empty: Axerve's choice.
	Language string
	// TokenOnly leaves the payment type out of charges by token. Axerve does not
	// say whether it belongs there.
	TokenOnly bool
	// AvoidAsterisk is how often a payment page's string is asked for again
	// because it holds an asterisk, which some shops saw refused. 0: never.
	AvoidAsterisk int
	HTTP          provider.HTTPConfig
}

// Key is one API key and the name an operator knows it by.
type Key struct {
	ID     string
	Secret conf.Secret
}

// ErrConfig is what all errors of Validate wrap.
var ErrConfig = errors.New("axerve: bad configuration")

// maxEncrypts bounds AvoidAsterisk: all of it happens within one call's time.
const maxEncrypts = 5

var (
	shopPattern     = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,30}$`)
	endpointPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
)

// Validate reports every field that is wrong, by name. It shows no secret.
func (c Config) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s %s", ErrConfig, field, fmt.Sprintf(format, args...)))
	}
	if !shopPattern.MatchString(c.ShopLogin) {
		bad("ShopLogin", "must match %s", shopPattern)
	}
	for i, k := range c.APIKeys {
		if k.Secret == "" {
			bad(fmt.Sprintf("APIKeys[%d]", i), "is empty")
		}
	}
	c.validateEnvironment(bad)
	c.validateURLs(bad)
	if !endpointPattern.MatchString(c.EndpointKey) {
		bad("EndpointKey", "must match %s", endpointPattern)
	}
	if c.Language != "" && languageID(c.Language) == "" {
		bad("Language", "must be it, en, es, fr or de")
	}
	if c.AvoidAsterisk < 0 || c.AvoidAsterisk > maxEncrypts {
		bad("AvoidAsterisk", "must be 0 to %d", maxEncrypts)
	}
	return errors.Join(errs...)
}

func (c Config) validateEnvironment(bad func(field, format string, args ...any)) {
	switch e := c.environment(); {
	case e != Sandbox && e != Production:
		bad("Environment", "must be sandbox or production")
	case c.Live && e != Production:
		bad("Environment", "must be production for a live account")
	case !c.Live && e == Production:
		bad("Environment", "must be sandbox for an account that is not live")
	}
}

func (c Config) validateURLs(bad func(field, format string, args ...any)) {
	for _, f := range []struct {
		field, text string
		optional    bool
	}{
		{"SOAPBase", c.SOAPBase, true}, {"PageBase", c.PageBase, true}, {"PublicURL", c.PublicURL, false},
	} {
		if f.text == "" && f.optional {
			continue
		}
		if err := provider.CheckURL(f.text, c.Live); err != nil {
			bad(f.field, "%v", err)
		}
	}
}

func (c Config) environment() Environment { return cmp.Or(c.Environment, Sandbox) }

// hosts returns where the account's calls and buyers go.
func (c Config) hosts() gestpay.Environment {
	own := gestpay.Sandbox()
	if c.environment() == Production {
		own = gestpay.Production()
	}
	return gestpay.Environment{
		ServiceBase: cmp.Or(strings.TrimSuffix(c.SOAPBase, "/"), own.ServiceBase),
		PageBase:    cmp.Or(strings.TrimSuffix(c.PageBase, "/"), own.PageBase),
	}
}

func (c Config) http() provider.HTTPConfig {
	h := c.HTTP
	h.IPv4 = true // addresses of the other kind are not on the shops' lists
	h.HeaderTimeout = cmp.Or(h.HeaderTimeout, DefaultHeaderTimeout)
	h.Timeout = cmp.Or(h.Timeout, DefaultTimeout)
	return h
}

func (c Config) shop() gestpay.Shop {
	s := gestpay.Shop{Login: c.ShopLogin}
	if len(c.APIKeys) > 0 {
		s.APIKey = c.APIKeys[0].Secret.Reveal()
	}
	return s
}

// Responses are the addresses that a person enters in Axerve's back office, under
// Configuration, Responses: they belong to the shop, not to a payment.
type Responses struct {
	Positive       string // URL for positive response
	Negative       string // URL for negative response, also when the buyer gives up
	ServerToServer string
}

// Responses returns the account's addresses.
func (c Config) Responses() Responses {
	base := strings.TrimSuffix(c.PublicURL, "/")
	return Responses{
		Positive:       base + "/returns/axerve/" + c.EndpointKey + "/" + string(provider.PageSuccess),
		Negative:       base + "/returns/axerve/" + c.EndpointKey + "/" + string(provider.PageFailure),
		ServerToServer: base + "/callbacks/axerve/" + c.EndpointKey,
	}
}

// languageID returns the page's number of a language such as en or en_GB, or "".
func languageID(language string) string {
	return gestpay.LanguageID(strings.ReplaceAll(language, "_", "-"))
}
