package main

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/simulator/internal/shop"
)

// Config is what the simulator reads from its environment.
type Config struct {
	service.Config

	HTTPAddr  string `env:"HTTP_ADDR" envDefault:":8083" desc:"address of providers, buyers' pages and shop; port 0 takes a free one"`
	PublicURL string `env:"PUBLIC_URL,required" desc:"where Payloom and buyers' browsers reach this service"`
	Accounts  string `env:"PAYLOOM_ACCOUNTS,required" desc:"file of merchants and accounts, read at start: those whose endpoint is below PUBLIC_URL are played"`

	TimeScale float64       `env:"TIME_SCALE" envDefault:"1" desc:"simulated seconds per second: refunds, repeats of notifies, the life of sessions"`
	Seed      uint64        `env:"SEED" envDefault:"1" desc:"source of everything random"`
	Latency   time.Duration `env:"LATENCY" envDefault:"0s" desc:"what every call takes"`
	Autopilot string        `env:"AUTOPILOT" desc:"what buyers do without a person: approve, decline, delay, abandon, or a JSON list of rules as Computop's control API takes it, which is for its buyers only; empty: they wait for clicks"`
	RelaxURLs bool          `env:"RELAX_URLS" envDefault:"true" desc:"take http and any port in merchants' addresses, as on one machine; a real provider takes https at 443 only"`

	NotifyURL    string        `env:"NOTIFY_URL" desc:"where notify-receiver is reached, for the response addresses in Axerve's back office; other providers are told with every payment"`
	UnifiedShops []string      `env:"AXERVE_UNIFIED_SHOPS" desc:"shopLogins at Axerve whose payments are captured with their authorisation, separated by commas; the others authorise only"`
	PayoutDelay  time.Duration `env:"ECOMMPAY_PAYOUT_DELAY" envDefault:"5s" desc:"simulated time from a payout's acceptance to its end"`

	Shop shop.Config `envPrefix:"SHOP_"`
}

// Summary implements service.Summarizer.
func (Config) Summary() string { return "plays payment providers, and hosts a demo shop" }

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		errs = append(errs, conf.Invalid("PUBLIC_URL", "must be a URL such as http://localhost:8083"))
	}
	if u, err := url.Parse(c.NotifyURL); err != nil || c.NotifyURL != "" && u.Host == "" {
		errs = append(errs, conf.Invalid("NOTIFY_URL", "must be a URL such as http://localhost:8081"))
	}
	if c.PayoutDelay <= 0 {
		errs = append(errs, conf.Invalid("ECOMMPAY_PAYOUT_DELAY", "is %s, must be above 0", c.PayoutDelay))
	}
	if c.TimeScale <= 0 {
		errs = append(errs, conf.Invalid("TIME_SCALE", "is %v, must be above 0", c.TimeScale))
	}
	if c.Latency < 0 {
		errs = append(errs, conf.Invalid("LATENCY", "is negative"))
	}
	if _, err := autopilot(c.Autopilot); err != nil {
		errs = append(errs, conf.Invalid("AUTOPILOT", "%w", err))
	}
	return errors.Join(errs...)
}

// base is PublicURL without a slash at its end.
func (c Config) base() string { return strings.TrimRight(c.PublicURL, "/") }
