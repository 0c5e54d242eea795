package ecommpay

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/provider"
)

// DefaultBaseURL is the Gate, for test projects and for live ones.
const DefaultBaseURL = "https://api.ecommpay.com"

// Config is one project at ECommPay.
type Config struct {
	ProjectID int64
	// Secrets are the project's secrets, newest first. The first signs what is
	// sent, any serves for what is received: the platform signs callbacks of
	// payments that are under way with the old one.
	Secrets []Key
	BaseURL string // DefaultBaseURL, or a simulator's
	// PublicURL is where ECommPay reaches the notify-receiver, and EndpointKey the
	// account's own part of the path there.
	PublicURL   string
	EndpointKey string
	// Live is set when the project moves real money. Then every address must be
	// https.
	Live bool
	HTTP provider.HTTPConfig
	// Data is for List. Its zero value is an account without the right to.
	Data DataConfig
}

// DataConfig is access to the Data API, which is given to a user of the Dashboard and
// not to a project. All of it is there, or none.
type DataConfig struct {
	BaseURL string // DefaultDataURL, or a simulator's
	Token   conf.Secret
	Secret  conf.Secret // the token's own
}

// DefaultDataURL is the Data API.
const DefaultDataURL = "https://data.ecommpay.com/v1"

// Key is one secret and the name an operator knows it by.
type Key struct {
	ID     string
	Secret conf.Secret
}

// ErrConfig is what all errors of Validate wrap.
var ErrConfig = errors.New("ecommpay: bad configuration")

var (
	endpointPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	tokenPattern    = regexp.MustCompile(`^[0-9A-Za-z]+$`)
)

// Validate reports every field that is wrong, by name. It shows no secret.
func (c Config) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s %s", ErrConfig, field, fmt.Sprintf(format, args...)))
	}
	if c.ProjectID <= 0 {
		bad("ProjectID", "must be the number that ECommPay gave to the project")
	}
	if len(c.Secrets) == 0 {
		bad("Secrets", "must hold at least one secret")
	}
	for i, k := range c.Secrets {
		if k.Secret == "" {
			bad(fmt.Sprintf("Secrets[%d]", i), "is empty")
		}
	}
	if err := c.checkURL(c.BaseURL); err != nil {
		bad("BaseURL", "%v", err)
	}
	if err := c.checkURL(c.PublicURL); err != nil {
		bad("PublicURL", "%v", err)
	}
	if !endpointPattern.MatchString(c.EndpointKey) {
		bad("EndpointKey", "must match %s", endpointPattern)
	}
	if c.Data != (DataConfig{}) {
		c.checkData(bad)
	}
	return errors.Join(errs...)
}

func (c Config) checkData(bad func(field, format string, args ...any)) {
	if err := c.checkURL(c.Data.BaseURL); err != nil {
		bad("Data.BaseURL", "%v", err)
	}
	switch {
	case c.Data.Token == "":
		bad("Data.Token", "is empty")
	case !tokenPattern.MatchString(c.Data.Token.Reveal()):
		bad("Data.Token", "must be letters and digits")
	}
	if c.Data.Secret == "" {
		bad("Data.Secret", "is empty")
	}
}

// checkURL checks an address that others are made from. A semicolon in it would
// make what is signed ambiguous.
func (c Config) checkURL(text string) error {
	if strings.Contains(text, ";") {
		return errors.New("must hold no semicolon")
	}
	return provider.CheckURL(text, c.Live)
}

// callbackURL is where the callbacks of this account go.
func (c Config) callbackURL() string {
	return strings.TrimSuffix(c.PublicURL, "/") + "/callbacks/ecommpay/" + c.EndpointKey
}

func (c Config) endpoint(path string) string {
	return strings.TrimSuffix(c.BaseURL, "/") + path
}

func (c Config) dataEndpoint(path string) string {
	return strings.TrimSuffix(c.Data.BaseURL, "/") + path
}
