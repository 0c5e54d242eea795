package workers

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/pkg/protection/guard"
	"github.com/payloom/payloom/pkg/service"
)

// Breaker is when calls to an account are stopped, for how long, as read from the
// environment.
type Breaker struct {
	MinCalls int           `env:"BREAKER_MIN_CALLS" envDefault:"20" desc:"calls to an account within the window before their outcomes open its breaker"`
	Ratio    float64       `env:"BREAKER_RATIO" envDefault:"0.5" desc:"share of unavailable and unknown outcomes that opens it, above 0 up to 1"`
	Window   time.Duration `env:"BREAKER_WINDOW" envDefault:"30s" desc:"how long outcomes are counted together"`
	Open     time.Duration `env:"BREAKER_OPEN" envDefault:"10s" desc:"how long an account is left alone; doubles with every time in a row, up to 5m"`
}

func (b Breaker) validate() error {
	var errs []error
	if b.MinCalls < 1 {
		errs = append(errs, conf.Invalid("BREAKER_MIN_CALLS", "is %d, must be at least 1", b.MinCalls))
	}
	if b.Ratio <= 0 || b.Ratio > 1 {
		errs = append(errs, conf.Invalid("BREAKER_RATIO", "is %v, must be above 0 and at most 1", b.Ratio))
	}
	if b.Window <= 0 {
		errs = append(errs, conf.Invalid("BREAKER_WINDOW", "is %v, must be above 0", b.Window))
	}
	if b.Open < time.Second || b.Open > protection.DefaultRules().MostOpen {
		errs = append(errs, conf.Invalid("BREAKER_OPEN", "is %v, must be from 1s to %v", b.Open, protection.DefaultRules().MostOpen))
	}
	return errors.Join(errs...)
}

func (b Breaker) rules() protection.Rules {
	r := protection.DefaultRules()
	r.MinCalls, r.Ratio, r.Window, r.Open = b.MinCalls, b.Ratio, b.Window, b.Open
	return r
}

// protect returns the guard of p, which knows by then what an operator has paused:
// a worker that starts must not call a provider that is.
func protect(ctx context.Context, rt *service.Runtime, cfg Config, broker *bus.Bus, accounts *account.Live, p payment.Provider) (*guard.Guard, error) {
	shared, err := broker.Shared(ctx)
	if err != nil {
		return nil, err
	}
	var g *guard.Guard
	g = guard.New(guard.Options{
		Provider: p, Replica: rt.Config.Instance + "-" + rand.Text()[:6], Store: shared, Now: broker.Now, Wake: broker.Wake, Rules: cfg.Breaker.rules(),
		Limit:   func(m payment.Merchant, name string) protection.Limit { return limitOf(accounts.Book(), m, p, name) },
		Changed: func() { rt.Health.Info("protection", g.Summary()) },
		Log:     rt.Log,
	})
	rt.Health.Info("protection", g.Summary())
	go g.Run(ctx)
	select {
	case <-g.Ready():
		return g, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// limitOf returns the limit of an account; one that is not in force has none, for
// it is not called.
func limitOf(b *account.Book, m payment.Merchant, p payment.Provider, name string) protection.Limit {
	a, err := b.Account(m, p, name)
	if err != nil {
		return protection.Limit{}
	}
	return protection.Limit{Rate: a.Limits.CallsPerSecond, Burst: a.Limits.Burst}
}
