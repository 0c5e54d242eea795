package projection

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/payloom/payloom/pkg/bus"
)

// Not parallel: tracing is set up for the whole process.
func TestTraced_ContinuesTheMessagesTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	before, carrier := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() {
		otel.SetTracerProvider(before)
		otel.SetTextMapPropagator(carrier)
	})
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	start := time.Now()
	traced(t.Context(), events0, []entry[event]{
		{msg: bus.Message{Seq: 7, Header: map[string][]string{"Traceparent": {parent}}}},
		{msg: bus.Message{Seq: 8}},
	}, start, start.Add(time.Second))
	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans, want one of the batch and one of the message that is traced", len(ended))
	}
	got := ended[1]
	if got.Name() != "project" || got.SpanContext().TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" ||
		got.Parent().SpanID().String() != "00f067aa0ba902b7" || got.EndTime().Sub(got.StartTime()) != time.Second {
		t.Errorf("span %s of %s, parent %s", got.Name(), got.SpanContext().TraceID(), got.Parent().SpanID())
	}
}
