package projection

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced ends the trace of each message with the transaction that projected it:
// one span for each, all of the same time.
func traced[T any](ctx context.Context, stream string, all []entry[T], start, end time.Time) {
	tracer := otel.Tracer("github.com/payloom/payloom/pkg/projection")
	_, batch := tracer.Start(ctx, "project batch", trace.WithTimestamp(start),
		trace.WithAttributes(attribute.String("stream", stream), attribute.Int("messages", len(all))))
	recording := batch.IsRecording()
	batch.End(trace.WithTimestamp(end))
	if !recording {
		return // nobody traces, or not this batch
	}
	for _, e := range all {
		of := otel.GetTextMapPropagator().Extract(ctx, propagation.HeaderCarrier(e.msg.Header))
		if !trace.SpanContextFromContext(of).IsSampled() {
			continue
		}
		_, span := tracer.Start(of, "project", trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(attribute.String("stream", stream), attribute.Int64("sequence", int64(e.msg.Seq))),
			trace.WithLinks(trace.Link{SpanContext: batch.SpanContext()}))
		span.End(trace.WithTimestamp(end))
	}
}
