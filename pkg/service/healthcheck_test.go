package service

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status int
		want   int
	}{
		"a ready service is healthy":      {http.StatusOK, ExitOK},
		"one that is not ready is not":    {http.StatusServiceUnavailable, ExitError},
		"one that knows no readyz is not": {http.StatusNotFound, ExitError},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte("broker: fine"))
			}))
			defer s.Close()
			var out, errs bytes.Buffer
			p := Process{
				Args: []string{"--healthcheck"}, Stdout: &out, Stderr: &errs,
				Environ: map[string]string{"ADMIN_ADDR": strings.TrimPrefix(s.URL, "http://")},
			}
			if got := Run(t.Context(), p, "svc", nil, unused(t)); got != tc.want {
				t.Errorf("exit code %d, want %d; %s", got, tc.want, errs.String())
			}
			if !strings.Contains(out.String(), "broker: fine") {
				t.Errorf("printed %q, without the reasons", out.String())
			}
		})
	}
}

func TestHealthcheck_NobodyThere(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	p := Process{Args: []string{"--healthcheck"}, Stdout: &out, Stderr: &errs, Environ: map[string]string{"ADMIN_ADDR": "127.0.0.1:1"}}
	if got := Run(t.Context(), p, "svc", nil, unused(t)); got != ExitError {
		t.Errorf("exit code %d, want %d", got, ExitError)
	}
}

// unused is a body that must not run.
func unused(t *testing.T) RunFunc {
	return func(context.Context, *Runtime) error {
		t.Error("the service was started")
		return nil
	}
}
