package projection

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
)

// BenchmarkProjector drains a backlog of payments with two events each.
func BenchmarkProjector(b *testing.B) {
	const payments = 8_000
	w := backlog(b, payments)
	for _, size := range []int{100, 500, 1000} {
		b.Run(fmt.Sprintf("batch %d", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w.clear(b)
				b.StartTimer()
				w.drain(b, size)
			}
			b.ReportMetric(float64(2*payments*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func backlog(b *testing.B, payments int) *world {
	b.Helper()
	dsn := testkit.Postgres(b)
	pool, err := Open(b.Context(), dsn, "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	cfg := bustest.Server(b)
	bustest.Provision(b, cfg, bus.Topology{})
	w := &world{bus: bustest.Connect(b, cfg, "bench"), pool: pool}
	var wg sync.WaitGroup
	for part := range 64 {
		wg.Go(func() {
			for i := part; i < payments; i += 64 {
				c := authorize(fmt.Sprintf("p%d", i))
				c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
				if _, _, err := w.bus.Accept(b.Context(), c); err != nil {
					b.Error(err)
				}
				w.append(b, c, started(c), payment.OperationSucceeded{Ref: "r" + string(c.ID), Amount: 1000})
			}
		})
	}
	wg.Wait()
	return w
}

func (w *world) append(b *testing.B, c payment.Command, all ...payment.EventData) {
	var head payment.Head
	for _, data := range all {
		var err error
		head, err = w.bus.Append(b.Context(), head, payment.Event{
			Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: c.At.AddDate(2025, 0, 0),
			Source: payment.FromWorker, Data: data,
		})
		if err != nil {
			b.Error(err)
		}
	}
}

func (w *world) clear(b *testing.B) {
	b.Helper()
	_, err := w.pool.Exec(b.Context(), "TRUNCATE payments, operations, refs, events, commands, callbacks, dead_letters, checkpoints")
	if err != nil {
		b.Fatal(err)
	}
}

func (w *world) drain(b *testing.B, size int) {
	b.Helper()
	until := make(map[string]uint64)
	for _, stream := range streamsOf(w.bus) {
		state, err := w.bus.StreamState(context.Background(), stream)
		if err != nil {
			b.Fatal(err)
		}
		until[stream] = state.LastSeq
	}
	if err := New(w.bus, w.pool, Options{Batch: size, Until: until}).Run(b.Context()); err != nil {
		b.Fatal(err)
	}
}
