package main

import (
	"errors"
	"net/netip"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/webhook/delivery"
)

// Config is what webhook-sender reads from its environment.
type Config struct {
	service.Config
	Bus bus.Config

	Database conf.Secret `env:"DATABASE_URL,required" desc:"Postgres that deliveries are kept in, a URL or keywords of libpq"`
	Accounts string      `env:"PAYLOOM_ACCOUNTS,required" desc:"file of merchants and their endpoints; changes are followed"`

	AllowLoopback bool           `env:"WEBHOOK_ALLOW_LOOPBACK" envDefault:"false" desc:"true: endpoints of merchants without a live account may be on this machine; for laptops"`
	AllowNetworks []netip.Prefix `env:"WEBHOOK_ALLOW_NETWORKS" desc:"private networks that endpoints may be in, such as 10.20.0.0/16, comma separated; others are refused"`
	PerEndpoint   int            `env:"WEBHOOK_PER_ENDPOINT" envDefault:"4" desc:"messages under way to one endpoint at once, of each replica"`
	Keep          time.Duration  `env:"WEBHOOK_KEEP" envDefault:"720h" desc:"how long it is known what became of a message"`
}

// Summary implements service.Summarizer.
func (Config) Summary() string {
	return "tells merchants by signed webhooks what became of their payments"
}

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.PerEndpoint < 1 || c.PerEndpoint > 256 {
		errs = append(errs, conf.Invalid("WEBHOOK_PER_ENDPOINT", "is %d, must be 1 to 256", c.PerEndpoint))
	}
	if c.Keep < delivery.Horizon {
		errs = append(errs, conf.Invalid("WEBHOOK_KEEP", "is %v, must be at least %v", c.Keep, delivery.Horizon))
	}
	return errors.Join(errs...)
}

func (c Config) guard() delivery.Guard {
	return delivery.Guard{Loopback: c.AllowLoopback, Networks: c.AllowNetworks}
}
