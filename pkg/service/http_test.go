package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/payloom/payloom/pkg/service"
)

func mustServer(t *testing.T, h http.Handler, opts service.HTTPOptions) *service.HTTPServer {
	t.Helper()
	s, err := service.NewHTTPServer(t.Context(), "127.0.0.1:0", h, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestHTTPServer_LetsRunningRequestsFinish(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	health := service.NewHealth()
	health.SetReady(true)
	var whileStopping error
	s := mustServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		for whileStopping == nil && r.Context().Err() == nil {
			whileStopping = health.Ready(t.Context())
		}
		_, _ = io.WriteString(w, "done")
	}), service.HTTPOptions{Health: health})
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()

	if got := get(t, "http://"+s.Addr()); got.body != "done" {
		t.Errorf("the running request got %+v", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Run returned %v", err)
	}
	if whileStopping == nil {
		t.Error("the service was ready while it stopped")
	}
}

func TestHTTPServer_CutsOffAfterTheGrace(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := mustServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}), service.HTTPOptions{Name: "api", Grace: 10 * time.Millisecond})
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	if res, err := http.Get("http://" + s.Addr()); err == nil {
		_ = res.Body.Close()
		t.Error("the endless request was answered")
	}
	err := <-served
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run returned %v", err)
	}
	checkContains(t, "error", err.Error(), "api server: requests were cut off after 10ms")
}

func TestHTTPServer_Ends(t *testing.T) {
	t.Parallel()
	s := mustServer(t, http.NotFoundHandler(), service.HTTPOptions{})
	if _, err := service.NewHTTPServer(t.Context(), s.Addr(), http.NotFoundHandler(), service.HTTPOptions{Name: "api"}); err == nil || !strings.HasPrefix(err.Error(), "api server: ") {
		t.Errorf("a busy port: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ended); err != nil {
		t.Errorf("Run with an ended context: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("Close twice: %v", err)
	}
}

func TestHTTPServer_RefusesHugeHeaders(t *testing.T) {
	t.Parallel()
	s := mustServer(t, http.NotFoundHandler(), service.HTTPOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Huge", strings.Repeat("x", 32<<10))
	res, err := new(http.Client).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// newTestMux answers in every way a handler can.
func newTestMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/payments/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.PathValue("id"))
	})
	mux.HandleFunc("POST /v1/payments", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	mux.HandleFunc("GET /panics", func(http.ResponseWriter, *http.Request) { panic("with 4111111111111111") })
	mux.HandleFunc("GET /aborts", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("too late")
	})
	mux.HandleFunc("GET /trace", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, trace.SpanContextFromContext(r.Context()).TraceID().String())
	})
	return mux
}

func TestHandler_Answers(t *testing.T) {
	t.Parallel()
	rt := newTestRuntime()
	h := rt.Handler(newTestMux())
	tests := map[string]struct {
		method, path string
		status       int
		body         string
		allow        string
	}{
		"a match with a path value": {"GET", "/v1/payments/p1", 200, "p1", ""},
		"another id, same route":    {"GET", "/v1/payments/p2", 200, "p2", ""},
		"a status of its own":       {"POST", "/v1/payments", 202, "", ""},
		"a panic": {
			"GET", "/panics", 500, `{"type":"about:blank","title":"Internal Server Error","status":500}` + "\n", "",
		},
		"no such path": {
			"GET", "/v1/nothing", 404, `{"type":"about:blank","title":"Not Found","status":404}` + "\n", "",
		},
		"no such method": {
			"DELETE", "/v1/payments", 405, `{"type":"about:blank","title":"Method Not Allowed","status":405}` + "\n", "POST",
		},
	}
	for name, tt := range tests {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status || w.Body.String() != tt.body || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s: %d %q, Allow %q", name, w.Code, w.Body, w.Header().Get("Allow"))
		}
	}
	want := `
# HELP payloom_http_requests_total HTTP requests answered, by route pattern and status.
# TYPE payloom_http_requests_total counter
payloom_http_requests_total{code="200",route="GET /v1/payments/{id}"} 2
payloom_http_requests_total{code="202",route="POST /v1/payments"} 1
payloom_http_requests_total{code="404",route="unmatched"} 1
payloom_http_requests_total{code="405",route="unmatched"} 1
payloom_http_requests_total{code="500",route="GET /panics"} 1
`
	if err := testutil.GatherAndCompare(rt.Metrics, strings.NewReader(want), "payloom_http_requests_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(rt.Metrics, "payloom_http_request_seconds"); err != nil || n != 4 {
		t.Errorf("%d series of payloom_http_request_seconds, error %v", n, err)
	}
}

func TestHandler_BreaksOffHalfAnAnswer(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.ErrorLevel)
	rt := service.NewRuntime("svc", service.Config{}, zap.New(core))
	s := httptest.NewServer(rt.Handler(newTestMux()))
	defer s.Close()
	res, err := s.Client().Get(s.URL + "/aborts")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looked whole")
	}
	if logs.Len() != 1 || logs.All()[0].ContextMap()["route"] != "GET /aborts" {
		t.Errorf("logged %v", logs.All())
	}
}

func TestHandler_ContinuesATrace(t *testing.T) {
	t.Parallel()
	const id = "0af7651916cd43dd8448eb211c80319c"
	req := httptest.NewRequest(http.MethodGet, "/trace", nil)
	req.Header.Set("traceparent", "00-"+id+"-b7ad6b7169203331-01")
	w := httptest.NewRecorder()
	newTestRuntime().Handler(newTestMux()).ServeHTTP(w, req)
	if w.Body.String() != id {
		t.Errorf("trace id %q", w.Body)
	}
}

func TestWriteProblem(t *testing.T) {
	t.Parallel()
	p := service.Problem{
		Type: "https://payloom.dev/problems/invalid", Title: "Invalid request", Status: 422, Detail: "2 fields are wrong", Instance: "/v1/payments/p1",
		Errors: []service.FieldError{{Field: "amount.currency", Code: "unknown", Detail: "is no ISO 4217 code"}, {Field: "amount.value", Code: "required"}},
	}
	w := httptest.NewRecorder()
	service.WriteProblem(w, p)
	if w.Code != 422 || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	var got service.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, got); d != "" {
		t.Error(d)
	}
	if p.Error() != "Invalid request: 2 fields are wrong" || (service.Problem{Status: 404}).Error() != "Not Found" {
		t.Errorf("errors read %q and %q", p, service.Problem{Status: 404})
	}
}
