package service

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
)

// unmatched is the route label of requests that fit no pattern.
const unmatched = "unmatched"

// Handler puts around mux what every API of ours has: a span per request, access
// metrics by route pattern, a recovered panic as a 500 problem, and problems in
// place of net/http's plain 404 and 405. opts go to otelhttp; an API that
// strangers call passes otelhttp.WithPublicEndpointFn, so that they cannot
// continue traces of ours.
func (rt *Runtime) Handler(mux *http.ServeMux, opts ...otelhttp.Option) http.Handler {
	defaults := []otelhttp.Option{
		otelhttp.WithTracerProvider(rt.TracerProvider),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()), // Prometheus counts already
		otelhttp.WithPropagators(Propagator()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return routeOf(r) }),
	}
	return otelhttp.NewHandler(rt.measured(mux), rt.Name, append(defaults, opts...)...)
}

// measured counts requests. It hands the very same request to the mux, which
// notes the matched pattern in it.
func (rt *Runtime) measured(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, m := time.Now(), httpsnoop.Metrics{Code: http.StatusOK}
		// Deferred, because a broken off answer leaves as a panic.
		defer func() { rt.http.observe(routeOf(r), m.Code, time.Since(begin)) }()
		m.CaptureMetrics(w, func(w http.ResponseWriter) { rt.recovered(mux, w, r) })
	})
}

// recovered answers 500 for a handler that panics, or, when an answer is under
// way, breaks the connection: half an answer must not look like a whole one.
func (rt *Runtime) recovered(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	begun := false
	w = noteBegin(w, &begun)
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		rt.Log.Error("handler panicked", Route(routeOf(r)), zap.String("panic", fmt.Sprint(v)), zap.Stack("stack"))
		if begun {
			panic(http.ErrAbortHandler)
		}
		WriteProblem(w, Problem{Status: http.StatusInternalServerError})
	}()
	route(mux, w, r)
}

// noteBegin sets *begun once the first byte of an answer is on its way.
func noteBegin(w http.ResponseWriter, begun *bool) http.ResponseWriter {
	return httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(code int) { *begun = *begun || code >= http.StatusOK; next(code) }
		},
		Write: func(next httpsnoop.WriteFunc) httpsnoop.WriteFunc {
			return func(b []byte) (int, error) { *begun = true; return next(b) }
		},
	})
}

// route lets the mux answer, except for requests that fit nothing.
func route(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	if h, pattern := mux.Handler(r); pattern == "" {
		writeUnmatched(w, r, h)
		return
	}
	mux.ServeHTTP(w, r)
}

// writeUnmatched says as a problem what h, net/http's own answer, says as text.
func writeUnmatched(w http.ResponseWriter, r *http.Request, h http.Handler) {
	said := &headerOnly{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(said, r)
	if allow := said.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
	}
	WriteProblem(w, Problem{Status: said.status})
}

// headerOnly is an answer of which only status and header are of interest.
type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) WriteHeader(status int)      { h.status = status }
func (h *headerOnly) Write(b []byte) (int, error) { return len(b), nil }

// routeOf is the pattern that matched r, never its path: paths are without number
// and may hold what nobody should read.
func routeOf(r *http.Request) string {
	if r.Pattern == "" {
		return unmatched
	}
	return r.Pattern
}
