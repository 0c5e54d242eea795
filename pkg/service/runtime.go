package service

import (
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// Runtime is what a running service is given by [Main].
type Runtime struct {
	Name           string
	Config         Config
	Log            *zap.Logger
	Metrics        *prometheus.Registry
	Health         *Health
	TracerProvider trace.TracerProvider
	Tracer         trace.Tracer // of the service itself
	AdminAddr      string       // where the admin server listens; empty without one

	http *httpMetrics
}

// NewRuntime returns a Runtime that exports no traces and serves no admin port,
// for tests and for programs that are no service. [Main] builds on it.
func NewRuntime(name string, cfg Config, log *zap.Logger) *Runtime {
	if cfg.Instance == "" {
		cfg.Instance = hostname()
	}
	rt := &Runtime{
		Name: name, Config: cfg, Log: log,
		Metrics: prometheus.NewRegistry(),
		Health:  NewHealth(),
		http:    newHTTPMetrics(),
	}
	rt.setTracing(noop.NewTracerProvider())
	rt.Metrics.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newBuildInfo(name),
		rt.Health.gauge(),
		rt.http,
	)
	return rt
}

func (rt *Runtime) setTracing(p trace.TracerProvider) {
	rt.TracerProvider = p
	rt.Tracer = p.Tracer("github.com/payloom/payloom/" + rt.Name)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
