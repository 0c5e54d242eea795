package main

import (
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/reconcile"
)

// Config is what state-tracker reads from its environment.
type Config struct {
	service.Config
	Bus bus.Config

	HTTPAddr string      `env:"HTTP_ADDR" envDefault:":8082" desc:"address of the query API; port 0 takes a free one"`
	Database conf.Secret `env:"DATABASE_URL,required,notEmpty" desc:"Postgres of the projection, a URL or keywords of libpq"`
	Accounts string      `env:"PAYLOOM_ACCOUNTS,required,notEmpty" desc:"file of merchants and API keys; changes are followed"`

	BatchSize int           `env:"PROJECTION_BATCH" envDefault:"500" desc:"most messages in a transaction"`
	BatchWait time.Duration `env:"PROJECTION_WAIT" envDefault:"10ms" desc:"longest wait for a batch to fill; it adds to latency when little is going on"`
	MaxLag    time.Duration `env:"PROJECTION_MAX_LAG" envDefault:"30s" desc:"age of the oldest message not projected above which this replica is not ready"`

	Sweep     SweepConfig
	Reconcile reconcile.Config
}

// SweepConfig is when the sweeper looks after what has come to a standstill.
type SweepConfig struct {
	Every         time.Duration `env:"SWEEP_EVERY" envDefault:"10s" desc:"time between two looks at what is open"`
	CommandIdle   time.Duration `env:"SWEEP_COMMAND_AFTER" envDefault:"30s" desc:"a command without an event for that long is handed to its worker again"`
	CommandMost   time.Duration `env:"SWEEP_COMMAND_MOST" envDefault:"10m" desc:"the interval doubles each time, up to this"`
	CallbackAfter time.Duration `env:"SWEEP_CALLBACK_AFTER" envDefault:"15m" desc:"a payment that waits that long for its buyer or provider is asked about"`
	CallbackMost  time.Duration `env:"SWEEP_CALLBACK_MOST" envDefault:"6h" desc:"longest time between two such questions"`
	Session       time.Duration `env:"SWEEP_SESSION" envDefault:"24h" desc:"how long a buyer may take where the provider's capability does not say"`
}

// Summary implements service.Summarizer.
func (Config) Summary() string {
	return "keeps the rows of all payments and answers questions about them"
}

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.BatchSize < 1 || c.BatchSize > 10_000 {
		errs = append(errs, conf.Invalid("PROJECTION_BATCH", "is %d, must be 1 to 10000", c.BatchSize))
	}
	if c.BatchWait <= 0 || c.BatchWait > time.Second {
		errs = append(errs, conf.Invalid("PROJECTION_WAIT", "is %v, must be above 0 and at most 1s", c.BatchWait))
	}
	if c.MaxLag <= 0 {
		errs = append(errs, conf.Invalid("PROJECTION_MAX_LAG", "is %v, must be above 0", c.MaxLag))
	}
	return errors.Join(errs...)
}

// Validate checks the values that conf.Load has read.
func (c SweepConfig) Validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"SWEEP_EVERY", c.Every}, {"SWEEP_COMMAND_AFTER", c.CommandIdle}, {"SWEEP_CALLBACK_AFTER", c.CallbackAfter}, {"SWEEP_SESSION", c.Session},
	} {
		if d.value <= 0 {
			errs = append(errs, conf.Invalid(d.name, "is %v, must be above 0", d.value))
		}
	}
	if c.CommandMost < c.CommandIdle {
		errs = append(errs, conf.Invalid("SWEEP_COMMAND_MOST", "is %v, less than SWEEP_COMMAND_AFTER", c.CommandMost))
	}
	if c.CallbackMost < c.CallbackAfter {
		errs = append(errs, conf.Invalid("SWEEP_CALLBACK_MOST", "is %v, less than SWEEP_CALLBACK_AFTER", c.CallbackMost))
	}
	return errors.Join(errs...)
}
