package main

import (
	"errors"
	"net/url"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
)

// Config is what worker-computop reads from its environment.
type Config struct {
	service.Config
	Bus bus.Config

	Accounts    string `env:"PAYLOOM_ACCOUNTS,required" desc:"file of merchants and accounts; changes are followed"`
	PublicURL   string `env:"PUBLIC_URL,required" desc:"where Paygate and buyers' browsers reach notify-receiver"`
	Concurrency int    `env:"CONCURRENCY" envDefault:"64" desc:"commands in hand at once"`
}

// Summary implements service.Summarizer.
func (Config) Summary() string { return "executes commands at Computop Paygate" }

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		errs = append(errs, conf.Invalid("PUBLIC_URL", "must be a URL such as https://notify.example.com"))
	}
	if c.Concurrency < 1 {
		errs = append(errs, conf.Invalid("CONCURRENCY", "is %d, must be at least 1", c.Concurrency))
	}
	return errors.Join(errs...)
}

// grace is how long calls that are under way may go on: what remains of the
// service's own when the connection to the broker is to be drained.
func (c Config) grace() time.Duration { return c.ShutdownGrace * 3 / 4 }
