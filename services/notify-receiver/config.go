package main

import (
	"errors"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
)

// Config is what notify-receiver reads from its environment.
type Config struct {
	service.Config
	Bus bus.Config

	HTTPAddr string `env:"HTTP_ADDR" envDefault:":8081" desc:"address for providers and browsers; port 0 takes a free one"`
	Accounts string `env:"PAYLOOM_ACCOUNTS,required" desc:"file of merchants and accounts; changes are followed"`

	SourceRate     float64 `env:"SOURCE_RATE_LIMIT" envDefault:"2000" desc:"requests per second and address, of each replica; providers call from few; 0: no limit"`
	EndpointRate   float64 `env:"ENDPOINT_RATE_LIMIT" envDefault:"5000" desc:"requests per second and account, of each replica; 0: no limit"`
	UnprovenRate   float64 `env:"UNPROVEN_RATE_LIMIT" envDefault:"20" desc:"of these, callbacks that only the provider can vouch for (Axerve's), or that make no sense; 0: no limit"`
	TrustedProxies int     `env:"TRUSTED_PROXIES" envDefault:"0" desc:"how many proxies of ours append to X-Forwarded-For; 0: the connection tells who calls"`
	Concurrency    int     `env:"CONCURRENCY" envDefault:"32" desc:"stored callbacks interpreted at once"`
}

// Summary implements service.Summarizer.
func (Config) Summary() string {
	return "takes callbacks and buyers' browsers, stores, answers, interprets"
}

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.SourceRate < 0 {
		errs = append(errs, conf.Invalid("SOURCE_RATE_LIMIT", "is negative"))
	}
	if c.EndpointRate < 0 {
		errs = append(errs, conf.Invalid("ENDPOINT_RATE_LIMIT", "is negative"))
	}
	if c.UnprovenRate < 0 {
		errs = append(errs, conf.Invalid("UNPROVEN_RATE_LIMIT", "is negative"))
	}
	if c.TrustedProxies < 0 {
		errs = append(errs, conf.Invalid("TRUSTED_PROXIES", "is negative"))
	}
	if c.Concurrency < 1 {
		errs = append(errs, conf.Invalid("CONCURRENCY", "is %d, must be at least 1", c.Concurrency))
	}
	return errors.Join(errs...)
}

func (c Config) limits() callback.Limits {
	return callback.Limits{SourceRate: c.SourceRate, EndpointRate: c.EndpointRate, UnprovenRate: c.UnprovenRate, TrustedProxies: c.TrustedProxies}
}
