package main

import (
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
)

// Config is what ingress reads from its environment.
type Config struct {
	service.Config
	Bus bus.Config

	HTTPAddr string `env:"HTTP_ADDR" envDefault:":8080" desc:"address of the API; port 0 takes a free one"`
	Accounts string `env:"PAYLOOM_ACCOUNTS,required" desc:"file of merchants, API keys and accounts; changes are followed"`

	Rate          float64       `env:"RATE_LIMIT" envDefault:"100" desc:"commands per second and API key, of each replica; 0: no limit"`
	Burst         int           `env:"RATE_BURST" envDefault:"200" desc:"commands an API key may send at once"`
	BatchRate     float64       `env:"BATCH_RATE_LIMIT" envDefault:"2000" desc:"lines of batches per second and API key, of each replica; 0: no limit"`
	AcceptTimeout time.Duration `env:"ACCEPT_TIMEOUT" envDefault:"5s" desc:"how long the broker has to store a command; then 503"`
}

// Summary implements service.Summarizer.
func (Config) Summary() string { return "takes commands by HTTP and stores them for the workers" }

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.Rate < 0 {
		errs = append(errs, conf.Invalid("RATE_LIMIT", "is negative"))
	}
	if c.BatchRate < 0 {
		errs = append(errs, conf.Invalid("BATCH_RATE_LIMIT", "is negative"))
	}
	if c.Burst < 1 {
		errs = append(errs, conf.Invalid("RATE_BURST", "is %d, must be at least 1", c.Burst))
	}
	// The server gives a handler ten seconds for its whole answer.
	if c.AcceptTimeout <= 0 || c.AcceptTimeout > 8*time.Second {
		errs = append(errs, conf.Invalid("ACCEPT_TIMEOUT", "is %v, must be above 0 and at most 8s", c.AcceptTimeout))
	}
	return errors.Join(errs...)
}
