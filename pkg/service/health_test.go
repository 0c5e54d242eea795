package service_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/service"
)

func newTestRuntime() *service.Runtime {
	return service.NewRuntime("svc", service.Config{}, zap.NewNop())
}

func probe(h http.Handler, path string) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return answer{w.Code, w.Header(), w.Body.String()}
}

func passes(context.Context) error { return nil }

func fails(context.Context) error { return errors.New("connection refused\nagain") }

func TestReadyz(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		set    func(h *service.Health)
		status int
		body   string
	}{
		"a service that has just started": {
			set: func(*service.Health) {}, status: 503, body: "not ready: starting\n",
		},
		"a service that is ready": {
			set: func(h *service.Health) { h.SetReady(true) }, status: 200, body: "ready\n",
		},
		"passing checks and an info line, of which the last value counts": {
			set: func(h *service.Health) {
				h.SetReady(true)
				h.Register("nats", true, passes)
				h.Info("durability", "money")
				h.Info("durability", "laptop")
			},
			status: 200, body: "[+] nats: ok\n[i] durability: laptop\nready\n",
		},
		"a critical check that fails": {
			set:    func(h *service.Health) { h.SetReady(true); h.Register("postgres", true, fails) },
			status: 503, body: "[-] postgres: connection refused; again\nnot ready\n",
		},
		"another check that fails": {
			set:    func(h *service.Health) { h.SetReady(true); h.Register("mail", false, fails) },
			status: 200, body: "[!] mail: connection refused; again (not critical)\nready\n",
		},
		"a service that withdrew": {
			set:    func(h *service.Health) { h.SetReady(true); h.SetReady(false) },
			status: 503, body: "not ready: starting\n",
		},
		"a stopping service cannot become ready": {
			set:    func(h *service.Health) { h.Stopping(); h.SetReady(true) },
			status: 503, body: "not ready: stopping\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := newTestRuntime()
			tt.set(rt.Health)
			got := probe(rt.AdminHandler(), "/readyz?verbose")
			if got.status != tt.status || got.body != tt.body {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, tt.status, tt.body)
			}
			if err := rt.Health.Ready(t.Context()); (err == nil) != (tt.status == 200) {
				t.Errorf("Ready returns %v", err)
			}
		})
	}
}

func TestReadyz_SaysLittleUnlessAsked(t *testing.T) {
	t.Parallel()
	rt := newTestRuntime()
	rt.Health.SetReady(true)
	rt.Health.Register("postgres", true, fails)
	if got := probe(rt.AdminHandler(), "/readyz"); got.status != 503 || got.body != "not ready\n" {
		t.Errorf("got %d %q", got.status, got.body)
	}
}

func TestReadyz_DoesNotWaitForAStuckCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := service.NewHealth()
		h.SetReady(true)
		stuck := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		h.Register("one", true, stuck)
		h.Register("two", true, stuck)
		begin := time.Now()
		err := h.Ready(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestLivez(t *testing.T) {
	t.Parallel()
	rt := newTestRuntime()
	rt.Health.Register("postgres", true, fails)
	if got := probe(rt.AdminHandler(), "/livez"); got.status != 200 || got.body != "live\n" {
		t.Errorf("a failing readiness check made livez %d %q", got.status, got.body)
	}
	rt.Health.Watchdog("loop", fails)
	if got := probe(rt.AdminHandler(), "/livez"); got.status != 503 || got.body != "not live: loop: connection refused; again\n" {
		t.Errorf("with a failing watchdog: %d %q", got.status, got.body)
	}
}

func TestAdmin_ServesProfiles(t *testing.T) {
	t.Parallel()
	got := probe(newTestRuntime().AdminHandler(), "/debug/pprof/goroutine?debug=1")
	if got.status != http.StatusOK {
		t.Errorf("status %d", got.status)
	}
	checkContains(t, "profile", got.body, "goroutine profile")
}
