package service_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/service"
)

// It sets the process's tracer provider, so it is not parallel.
func TestRun_ExportsTraces(t *testing.T) {
	posted := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		posted <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	got := runService(t.Context(), nil, environ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL+"/base"), &testConfig{},
		func(_ context.Context, rt *service.Runtime) error {
			probe(rt.Handler(newTestMux()), "/v1/payments/secret-path")
			return nil
		})
	if got.code != service.ExitOK {
		t.Fatal(got.stderr)
	}
	span := <-posted
	if !strings.HasPrefix(span, "/base/v1/traces ") {
		t.Errorf("posted to %.40q", span)
	}
	checkContains(t, "span", span, "GET /v1/payments/{id}", "service.name", "svc")
}

func TestRun_RefusesAWrongCollector(t *testing.T) {
	t.Parallel()
	got := runService(t.Context(), nil, environ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), &testConfig{}, nil)
	if got.code != service.ExitError {
		t.Errorf("exit code %d", got.code)
	}
	checkContains(t, "stderr", got.stderr, "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://collector:4318")
}
