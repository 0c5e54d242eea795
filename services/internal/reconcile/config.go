package reconcile

import (
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/conf"
)

// Config is when and how fast payments are compared.
type Config struct {
	Every     time.Duration `env:"RECONCILE_EVERY" envDefault:"1h" desc:"time between two runs that compare payments with their providers' books"`
	Since     time.Duration `env:"RECONCILE_SINCE" envDefault:"48h" desc:"a payment is compared for that long after its last command, and for as long as it differs"`
	After     time.Duration `env:"RECONCILE_AFTER" envDefault:"15m" desc:"a payment that changed less than that ago is left to settle"`
	Again     time.Duration `env:"RECONCILE_AGAIN" envDefault:"24h" desc:"a payment that has not changed is compared again after that long"`
	Look      time.Duration `env:"RECONCILE_LOOK" envDefault:"10s" desc:"time between two looks whether a run is wanted"`
	PerSecond float64       `env:"RECONCILE_PER_SECOND" envDefault:"10" desc:"most payments per second and provider that are asked about"`
	Backlog   int           `env:"RECONCILE_BACKLOG" envDefault:"1000" desc:"questions to a provider without an answer at which a run leaves it for the next"`
}

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	var errs []error
	for name, d := range map[string]time.Duration{
		"RECONCILE_EVERY": c.Every, "RECONCILE_SINCE": c.Since, "RECONCILE_AGAIN": c.Again, "RECONCILE_LOOK": c.Look,
	} {
		if d <= 0 {
			errs = append(errs, conf.Invalid(name, "is %v, must be above 0", d))
		}
	}
	if c.After < 0 || c.After >= c.Since {
		errs = append(errs, conf.Invalid("RECONCILE_AFTER", "is %v, must be from 0 to RECONCILE_SINCE", c.After))
	}
	if c.PerSecond <= 0 {
		errs = append(errs, conf.Invalid("RECONCILE_PER_SECOND", "is %v, must be above 0", c.PerSecond))
	}
	if c.Backlog < 1 {
		errs = append(errs, conf.Invalid("RECONCILE_BACKLOG", "is %d, must be at least 1", c.Backlog))
	}
	return errors.Join(errs...)
}
