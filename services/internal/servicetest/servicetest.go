// Package servicetest runs a service inside a test, as its main function does.
package servicetest

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/service"
)

// Service is a running service.
type Service struct {
	out  *output
	stop context.CancelFunc
	done chan int
}

// Start runs a service with the given environment on free ports. It ends with the
// test, if not before.
func Start(t testing.TB, name string, cfg any, run service.RunFunc, environ map[string]string) *Service {
	t.Helper()
	env := map[string]string{"HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "INSTANCE": "test"}
	for k, v := range environ {
		env[k] = v
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &Service{out: &output{}, stop: stop, done: make(chan int, 1)}
	go func() {
		s.done <- service.Run(ctx, service.Process{Stdout: s.out, Stderr: s.out, Environ: env}, name, cfg, run)
		close(s.done)
	}()
	t.Cleanup(func() { stop(); <-s.done })
	return s
}

var listening = regexp.MustCompile(`"msg":"listening"[^}]*"component":"(\w+)","addr":"([^"]+)"`)

// URL waits until the component, http or admin, listens, and returns where.
func (s *Service) URL(t testing.TB, component string) string {
	t.Helper()
	var found string
	Eventually(t, component+" listens", func() bool {
		for _, m := range listening.FindAllStringSubmatch(s.out.String(), -1) {
			if m[1] == component {
				found = "http://" + m[2]
			}
		}
		return found != ""
	})
	return found
}

// Ready waits until the service says that it is ready.
func (s *Service) Ready(t testing.TB) {
	t.Helper()
	url := s.URL(t, "admin") + "/readyz"
	Eventually(t, "it is ready", func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatalf("request: %v", err)
		}
		res, err := new(http.Client).Do(r)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// Stop asks the service to end and waits for its exit code.
func (s *Service) Stop() int {
	s.stop()
	return <-s.done
}

// Wait waits for the exit code of a service that ends by itself.
func (s *Service) Wait() int { return <-s.done }

// Output returns what the service has written.
func (s *Service) Output() string { return s.out.String() }

// Eventually waits until ok holds, at most twenty seconds.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("did not happen in 20 s: %s", what)
		}
	}
}

// output collects what a service writes.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
