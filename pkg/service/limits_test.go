package service

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestHTTPServer_Limits(t *testing.T) {
	t.Parallel()
	type limits struct {
		readHeader, read, write, idle time.Duration
		header                        int
	}
	limitsOf := func(opts HTTPOptions) limits {
		s, err := NewHTTPServer(t.Context(), "127.0.0.1:0", http.NotFoundHandler(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return limits{s.server.ReadHeaderTimeout, s.server.ReadTimeout, s.server.WriteTimeout, s.server.IdleTimeout, s.server.MaxHeaderBytes}
	}
	tests := map[string]struct {
		opts HTTPOptions
		want limits
	}{
		"unless told otherwise": {HTTPOptions{}, limits{5 * time.Second, 10 * time.Second, 10 * time.Second, time.Minute, 16384}},
		"with long polls":       {HTTPOptions{WriteTimeout: 40 * time.Second}, limits{5 * time.Second, 10 * time.Second, 40 * time.Second, time.Minute, 16384}},
	}
	for name, tt := range tests {
		if d := cmp.Diff(tt.want, limitsOf(tt.opts), cmp.AllowUnexported(limits{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestFields_Names(t *testing.T) {
	t.Parallel()
	fields := []zap.Field{
		PaymentID("p"), CommandID("c"), CallbackID("b"), EventID("e"), Kind("k"), Provider("pr"), Merchant("m"), Account("a"),
		Delivery(2), Attempt(3), State("s"), Outcome("o"), Reason("r"), Subject("su"), Stream("st"), Sequence(4), Shard(5),
		Component("co"), Route("ro"), Addr("ad"), Took(1500 * time.Millisecond),
	}
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	want := map[string]any{
		"payment_id": "p", "command_id": "c", "callback_id": "b", "event_id": "e", "kind": "k", "provider": "pr", "merchant": "m", "account": "a",
		"delivery": uint64(2), "attempt": int64(3), "state": "s", "outcome": "o", "reason": "r", "subject": "su", "stream": "st", "sequence": uint64(4), "shard": int64(5),
		"component": "co", "route": "ro", "addr": "ad", "took_s": 1.5,
	}
	if d := cmp.Diff(want, enc.Fields); d != "" {
		t.Error(d)
	}
}
