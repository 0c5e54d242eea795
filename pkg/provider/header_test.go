package provider_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider"
)

// reader is a parser that names header fields.
type reader struct{ names []string }

func (reader) ParseCallback(http.Header, []byte) (provider.Callback, error) {
	return provider.Callback{}, provider.ErrForged
}

func (r reader) CallbackHeaders() []string { return r.names }

func TestKeepHeader(t *testing.T) {
	t.Parallel()
	came := http.Header{
		"Content-Type": {"application/json"}, "X-Acme-Signature": {"a", "b"}, "X-Forwarded-For": {"192.0.2.1"},
		"Authorization": {"Bearer " + canary}, "Cookie": {canary},
	}
	for name, c := range map[string]struct {
		parser provider.CallbackParser
		want   http.Header
	}{
		"no parser":                  {nil, http.Header{"Content-Type": {"application/json"}}},
		"one that names nothing":     {reader{}, http.Header{"Content-Type": {"application/json"}}},
		"one that names a signature": {reader{[]string{"x-acme-signature"}}, http.Header{"Content-Type": {"application/json"}, "X-Acme-Signature": {"a", "b"}}},
		"one that asks for too much": {reader{[]string{"authorization", "Cookie", "X-None"}}, http.Header{"Content-Type": {"application/json"}}},
	} {
		if diff := cmp.Diff(c.want, provider.KeepHeader(came, c.parser)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
