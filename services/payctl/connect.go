package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// settings are what commands take from the environment.
type settings struct {
	Bus         bus.Config
	DatabaseURL conf.Secret `env:"DATABASE_URL" desc:"URL of the database"`
	Accounts    string      `env:"PAYLOOM_ACCOUNTS" desc:"file of merchants and accounts"`
	Simulator   string      `env:"PAYLOOM_SIMULATOR" desc:"base URL of the simulator"`
	Since       time.Time   `env:"PAYLOOM_SIMULATOR_SINCE" desc:"when the simulator's ledger begins"`
	Metrics     string      `env:"PAYLOOM_METRICS" desc:"URLs of the services' metrics, comma separated"`
	Logs        string      `env:"PAYLOOM_LOGS" desc:"folder of the services' logs"`
}

// settings reads the environment, and over it what a payctl up in --dir left there.
func (a *app) settings() (settings, error) {
	environ, err := a.surroundings()
	if err != nil {
		return settings{}, err
	}
	var s settings
	// What a broker promises matters to those who store in it; payctl only looks.
	environ["PAYLOOM_DURABILITY"] = bus.Laptop
	return s, conf.Load(&s, environ)
}

// surroundings returns the environment, and over it what a payctl up in --dir left
// there.
func (a *app) surroundings() (map[string]string, error) {
	environ := a.environment()
	if a.dir == "" {
		return environ, nil
	}
	running, err := stack.ReadEnviron(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("nothing runs in %s: start it with payctl up --dir %s", a.dir, a.dir)
	}
	if err != nil {
		return nil, err
	}
	maps.Copy(environ, running)
	return environ, nil
}

// environment returns the variables that payctl was started with.
func (a *app) environment() map[string]string {
	if a.environ != nil {
		return maps.Clone(a.environ)
	}
	return env.ToMap(os.Environ())
}

// connect returns a connection to the broker, which the caller closes.
func (a *app) connect(ctx context.Context) (*bus.Bus, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	b, err := bus.Connect(ctx, s.Bus, bus.Operator, zap.NewNop())
	if err != nil {
		return nil, unreachable(err)
	}
	return b, nil
}

func unreachable(err error) error {
	if errors.Is(err, bus.ErrNotProvisioned) {
		return err
	}
	return fmt.Errorf("%w\nset NATS_URL to the broker, or --dir to the folder of a running payctl up", err)
}

// database returns the rows, which the caller closes.
func (a *app) database(ctx context.Context) (*pgxpool.Pool, error) {
	dsn, err := a.databaseURL()
	if err != nil {
		return nil, err
	}
	pool, err := projection.Open(ctx, dsn, "payctl")
	if err != nil {
		return nil, err
	}
	if err := projection.CheckMigrated(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func (a *app) databaseURL() (string, error) {
	s, err := a.settings()
	if err != nil {
		return "", err
	}
	if s.DatabaseURL == "" {
		return "", errors.New("DATABASE_URL is not set: set it to the database, or --dir to the folder of a running payctl up")
	}
	return s.DatabaseURL.Reveal(), nil
}
