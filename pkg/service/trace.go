package service

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
)

// traceFlush is how long a stopping service tries to deliver its last spans.
const traceFlush = 3 * time.Second

var errNotAnHTTPURL = errors.New("must be a URL such as http://collector:4318")

// traceURL returns where spans are posted to, below the collector's base URL
// (OpenTelemetry protocol specification, Endpoint URLs for OTLP/HTTP).
func traceURL(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errNotAnHTTPURL
	}
	return u.JoinPath("v1/traces").String(), nil
}

// Propagator carries the trace context as W3C traceparent and baggage.
func Propagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

// startTracing installs the W3C propagator and, when a collector is configured,
// a tracer provider that exports to it; the process has one of each. Without a
// collector a trace that comes in is passed on and nothing is recorded.
func (rt *Runtime) startTracing(ctx context.Context) (stop func(), err error) {
	otel.SetTextMapPropagator(Propagator())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		rt.Log.Warn("tracing", zap.Error(err))
	}))
	if rt.Config.TraceEndpoint == "" {
		return func() {}, nil
	}
	endpoint, err := traceURL(rt.Config.TraceEndpoint)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(rt.resource()))
	otel.SetTracerProvider(provider)
	rt.setTracing(provider)
	return func() { rt.stopTracing(ctx, provider) }, nil
}

// stopTracing is for when the service stops, and ctx with it.
func (rt *Runtime) stopTracing(ctx context.Context, p *sdktrace.TracerProvider) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceFlush)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		rt.Log.Warn("the last spans were not delivered", zap.Error(err))
	}
}

// resource names this process in its spans.
func (rt *Runtime) resource() *resource.Resource {
	version, _ := built()
	return resource.NewSchemaless(
		attribute.String("service.namespace", "payloom"),
		attribute.String("service.name", rt.Name),
		attribute.String("service.version", version),
		attribute.String("service.instance.id", rt.Config.Instance),
	)
}
