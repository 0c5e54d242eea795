package bus

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// Names in NATS headers are kept as they are written.
const (
	typeHeader = "ce-type"
	typePrefix = "payloom."
)

// Type returns what the headers say the message is, such as "OperationSucceeded";
// empty when they say nothing.
func (m Message) Type() string {
	for _, t := range m.Header[typeHeader] { //nolint:staticcheck // no HTTP header: see above
		return strings.TrimPrefix(t, typePrefix)
	}
	return ""
}

// cloudEvent returns the headers of a message: CloudEvents in binary mode, and
// the trace that it belongs to.
func (b *Bus) cloudEvent(ctx context.Context, id, typ, about string) nats.Header {
	h := nats.Header{
		"ce-specversion": {"1.0"},
		"ce-id":          {id},
		typeHeader:       {typePrefix + typ},
		"ce-source":      {"/payloom/" + b.name},
		"ce-time":        {time.Now().UTC().Format(time.RFC3339Nano)},
		"ce-subject":     {about},
		"content-type":   {"application/protobuf"},
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(h))
	return h
}

// traced returns ctx with the trace that a message's headers name.
func traced(ctx context.Context, h nats.Header) context.Context {
	return otel.GetTextMapPropagator().Extract(ctx, propagation.HeaderCarrier(h))
}
