package service

import (
	"context"
	"io"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// profileLimit is the longest answer of the admin server: a CPU profile of a minute.
const profileLimit = 90 * time.Second

// admin is the running admin server.
type admin struct {
	cancel context.CancelFunc
	done   chan error
}

// startAdmin serves until stop is called, longer than the service's own context:
// how the stop is going is worth seeing.
func (rt *Runtime) startAdmin(ctx context.Context) (*admin, error) {
	server, err := NewHTTPServer(ctx, rt.Config.AdminAddr, rt.AdminHandler(), HTTPOptions{
		Name: "admin", Log: rt.Log, WriteTimeout: profileLimit, Grace: time.Second,
	})
	if err != nil {
		return nil, err
	}
	rt.AdminAddr = server.Addr()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a := &admin{cancel: cancel, done: make(chan error, 1)}
	go func() { a.done <- server.Run(ctx) }()
	return a, nil
}

func (a *admin) stop() error {
	a.cancel()
	return <-a.done
}

// AdminHandler serves /livez, /readyz, /metrics and /debug/pprof/. It is for
// operators; keep its port away from the public.
func (rt *Runtime) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", rt.Health.serveLive)
	mux.HandleFunc("GET /readyz", rt.Health.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(rt.Metrics, promhttp.HandlerOpts{Registry: rt.Metrics}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (h *Health) serveLive(w http.ResponseWriter, r *http.Request) {
	if err := h.Live(r.Context()); err != nil {
		writeText(w, http.StatusServiceUnavailable, "not live: "+oneLine(err)+"\n")
		return
	}
	writeText(w, http.StatusOK, "live\n")
}

func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	report := h.readiness(r.Context())
	status, text := http.StatusOK, report.verdict()
	if report.err() != nil {
		status = http.StatusServiceUnavailable
	}
	if r.URL.Query().Has("verbose") {
		text = report.String()
	}
	writeText(w, status, text)
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // whoever asked has gone if this fails
}
