// Package workers is what the workers of all providers have in common: a worker is
// this, the name of a provider, and a sentence for its --help.
package workers

import (
	"context"
	"errors"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/pkg/worker"
	"github.com/payloom/payloom/services/internal/providers"
)

// Config is what a worker reads from its environment.
type Config struct {
	service.Config
	Bus bus.Config

	Accounts  string `env:"PAYLOOM_ACCOUNTS,required" desc:"file of merchants and accounts; changes are followed"`
	PublicURL string `env:"PUBLIC_URL,required" desc:"where the provider and buyers' browsers reach notify-receiver"`
	// SettleMost is below a minute never: a request may be under way for as long.
	SettleMost  time.Duration `env:"SETTLE_MOST" envDefault:"0s" desc:"longest time until a provider's \"not found\" is believed, 1m or more, for accounts that are not live: a simulator has no night to wait for; 0: as long as the provider needs"`
	Concurrency int           `env:"CONCURRENCY" envDefault:"64" desc:"commands in hand at once"`
	Breaker     Breaker
}

// Validate checks the values that conf.Load has read.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		errs = append(errs, conf.Invalid("PUBLIC_URL", "must be a URL such as https://notify.example.com"))
	}
	if c.Concurrency < 1 {
		errs = append(errs, conf.Invalid("CONCURRENCY", "is %d, must be at least 1", c.Concurrency))
	}
	errs = append(errs, c.Breaker.validate())
	if c.SettleMost != 0 && c.SettleMost < time.Minute {
		errs = append(errs, conf.Invalid("SETTLE_MOST", "is %v, must be 0 or at least 1m", c.SettleMost))
	}
	return errors.Join(errs...)
}

// grace is how long calls that are under way may go on: what remains of the
// service's own when the connection to the broker is to be drained.
func (c Config) grace() time.Duration { return c.ShutdownGrace * 3 / 4 }

// Run executes the commands for provider p until ctx ends. The broker knows it by
// name.
func Run(ctx context.Context, rt *service.Runtime, cfg Config, name string, p payment.Provider) error {
	accounts, err := account.Watch(ctx, cfg.Accounts, rt.Log)
	if err != nil {
		return err
	}
	broker, err := bus.Connect(ctx, cfg.Bus, name, rt.Log)
	if err != nil {
		return err
	}
	defer broker.Close()
	rt.Health.Register("broker", true, broker.Check)
	rt.Health.Info("durability", cfg.Bus.Durability)
	rt.Health.Register("data keys", true, broker.CheckKeys)
	rt.Health.Info("personal data sealed", broker.SealsPersonalData())

	g, err := protect(ctx, rt, cfg, broker, accounts, p)
	if err != nil {
		return err
	}
	router := providers.Router(accounts, p, cfg.PublicURL)
	if cfg.SettleMost > 0 {
		router = providers.Hasty(accounts, router, cfg.SettleMost)
		rt.Log.Warn("not found is believed early: for simulators", zap.Duration("settle_most", cfg.SettleMost))
	}
	w := worker.New(worker.Options{
		Ledger: broker, Timers: broker, Provider: router, Guard: g,
		Validate: wire.Validate, Account: providers.AccountName(accounts), Log: rt.Log,
	})
	rt.Metrics.MustRegister(accounts, broker.Metrics(), w.Metrics(), g.Metrics())
	rt.Health.SetReady(true)
	o := bus.ConsumeOptions{Concurrency: cfg.Concurrency, Grace: cfg.grace(), Held: g.Held}
	return broker.ConsumeCommands(ctx, p, o, w.Handle)
}
