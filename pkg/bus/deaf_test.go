package bus_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
)

// swallower passes connections on to address. Those that are there when it is told
// to swallow stay open, and nothing comes through them any more.
func swallower(t *testing.T, address string) (listen string, swallow func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var deaf atomic.Int64 // how many connections, the first ones, are
	var count int64
	pass := func(to io.WriteCloser, from io.Reader, number int64) {
		defer to.Close()
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			if number > deaf.Load() {
				if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				_ = in.Close()
				continue
			}
			count++
			go pass(out, in, count)
			go pass(in, out, count)
		}
	}()
	return l.Addr().String(), func() { deaf.Store(1) }
}

// TestConnection_ThatSwallowsEverything is left for a new one within half a minute:
// to the library's own pings it would be alive for six.
func TestConnection_ThatSwallowsEverything(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	listen, swallow := swallower(t, strings.TrimPrefix(cfg.URL, "nats://"))
	cfg.URL = "nats://" + listen
	b := bustest.Connect(t, cfg, "test")
	swallow()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		// A question that went into the dead connection is never answered.
		try, done := context.WithTimeout(ctx, 2*time.Second)
		_, err := b.StreamState(try, bus.DeadStream)
		done()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("half a minute later: %v", err)
		}
	}
}
