package provider

import (
	"context"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// startSpan begins the span of a call. The trace is not handed on: the provider
// has no use for it. Of the URL only host, port and path are recorded.
func (c *HTTPClient) startSpan(ctx context.Context, r HTTPRequest) (context.Context, trace.Span) {
	attrs := []attribute.KeyValue{semconv.HTTPRequestMethodPost, attribute.String("payloom.operation", r.Operation)}
	if u, err := url.Parse(r.URL); err == nil {
		attrs = append(attrs, semconv.ServerAddress(u.Hostname()), semconv.URLPath(u.Path))
		if port, err := strconv.Atoi(u.Port()); err == nil {
			attrs = append(attrs, semconv.ServerPort(port))
		}
	}
	return c.tracer.Start(ctx, "POST "+r.Operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...)) //nolint:spancheck // Post ends it
}

func endSpan(span trace.Span, a Answer, err error) {
	if a.Status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(a.Status))
	}
	if err != nil {
		failure := FailureOf(err).String()
		span.SetAttributes(semconv.ErrorTypeKey.String(failure))
		span.SetStatus(codes.Error, err.Error())
	}
}
