package service

import (
	"errors"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/payloom/payloom/pkg/conf"
)

// Config is the part of the configuration that every service has. A service
// embeds it in its own Config; one that does not gets it all the same.
type Config struct {
	AdminAddr     string        `env:"ADMIN_ADDR" envDefault:":9090" desc:"address of health, metrics and profiles; port 0 takes a free one"`
	LogLevel      zapcore.Level `env:"LOG_LEVEL" envDefault:"info" desc:"debug, info, warn or error"`
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"20s" desc:"time to finish running work; keep it below the orchestrator's"`
	Instance      string        `env:"INSTANCE" desc:"name of this process among its replicas; default: the host name"`
	TraceEndpoint string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT" desc:"base URL of an OTLP/HTTP collector; empty: no traces are exported"`
}

// Validate checks the rules between the values.
func (c Config) Validate() error {
	var errs []error
	if c.ShutdownGrace <= 0 {
		errs = append(errs, conf.Invalid("SHUTDOWN_GRACE", "is %v, must be above 0", c.ShutdownGrace))
	}
	if c.TraceEndpoint != "" {
		if _, err := traceURL(c.TraceEndpoint); err != nil {
			errs = append(errs, conf.Invalid("OTEL_EXPORTER_OTLP_ENDPOINT", "%w", err))
		}
	}
	return errors.Join(errs...)
}

// common makes a Config findable inside the struct that embeds it.
func (c *Config) common() *Config { return c }

// A Summarizer is a service's Config that can say in one line what the service
// does; --help prints it.
type Summarizer interface {
	Summary() string
}

// settings is a service's own configuration and the common one, which may be part of it.
type settings struct {
	own    any // nil, or a pointer to a struct
	common *Config
}

func newSettings(own any) settings {
	if c, ok := own.(interface{ common() *Config }); ok {
		return settings{own: own, common: c.common()}
	}
	return settings{own: own, common: &Config{}}
}

// parts lists the structs to load, each variable once.
func (s settings) parts() []any {
	_, embedded := s.own.(interface{ common() *Config })
	switch {
	case s.own == nil:
		return []any{s.common}
	case embedded:
		return []any{s.own}
	}
	return []any{s.own, s.common}
}

// load reads all parts and reports what is wrong in any of them.
func (s settings) load(environ map[string]string) error {
	var errs []error
	for _, part := range s.parts() {
		errs = append(errs, conf.Load(part, environ))
	}
	return errors.Join(errs...)
}

func (s settings) summary() string {
	if own, ok := s.own.(Summarizer); ok {
		return own.Summary()
	}
	return ""
}
