package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// TestAPI_SameKeyAtOnce sends one request a hundred times at once, over three
// replicas of ingress and a real broker: one command comes of it.
func TestAPI_SameKeyAtOnce(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	var replicas []fixture
	for range 3 {
		replicas = append(replicas, fixtureOver(t, bustest.Connect(t, cfg, "ingress"), nil))
	}
	var wg sync.WaitGroup
	answers := make([]*httptest.ResponseRecorder, 100)
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		r := ask{body: button}.request(t)
		wg.Go(func() { replicas[i%3].handler.ServeHTTP(answers[i], r) })
	}
	wg.Wait()
	first := 0
	for _, w := range answers {
		if w.Code != http.StatusAccepted || w.Body.String() != answers[0].Body.String() {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if w.Header().Get("Idempotent-Replayed") == "" {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d of a hundred were the first", first)
	}
	state, err := bustest.Connect(t, cfg, "test").StreamState(t.Context(), "COMMANDS_0")
	if err != nil {
		t.Fatal(err)
	}
	if state.LastSeq != 1 {
		t.Errorf("%d commands are stored", state.LastSeq)
	}
}

// TestAPI_SameKeyOtherBodies sends a hundred different requests under one key at
// once: one is accepted, the others are told that the key is taken.
func TestAPI_SameKeyOtherBodies(t *testing.T) {
	t.Parallel()
	f := fixtureOver(t, bustest.New(t, bus.Topology{}), nil)
	var wg sync.WaitGroup
	answers := make([]*httptest.ResponseRecorder, 100)
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		r := ask{body: strings.Replace(button, "12990", fmt.Sprint(1000+i), 1)}.request(t)
		wg.Go(func() { f.handler.ServeHTTP(answers[i], r) })
	}
	wg.Wait()
	count := map[int]int{}
	for _, w := range answers {
		count[w.Code]++
	}
	if count[http.StatusAccepted] != 1 || count[http.StatusUnprocessableEntity] != 99 {
		t.Errorf("answers by status: %v", count)
	}
}

// lines collects what a service writes.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var listening = regexp.MustCompile(`"msg":"listening","service":"ingress"[^}]*"component":"(\w+)","addr":"([^"]+)"`)

// addr waits until the service says where the component listens.
func (l *lines) addr(t *testing.T, component string) string {
	t.Helper()
	var found string
	eventually(t, component+" listens", func() bool {
		for _, m := range listening.FindAllStringSubmatch(l.String(), -1) {
			if m[1] == component {
				found = m[2]
			}
		}
		return found != ""
	})
	return found
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// TestRun starts the service as it is, with a broker, sends a command by HTTP,
// finds it stored, and stops it.
func TestRun(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	if err := os.WriteFile(path, []byte(accountsFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &lines{}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	own := &Config{}
	go func() {
		done <- service.Run(ctx, service.Process{Stdout: out, Stderr: out, Environ: map[string]string{
			"NATS_URL": cfg.URL, "PAYLOOM_DURABILITY": "laptop", "PAYLOOM_ACCOUNTS": path,
			"HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "INSTANCE": "test",
		}}, "ingress", own, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *own) })
	}()
	base, admin := "http://"+out.addr(t, "http"), "http://"+out.addr(t, "admin")
	eventually(t, "ingress is ready", func() bool { return mustGet(t, admin+"/readyz") == http.StatusOK })

	r := ask{body: button}.request(t)
	mustAddress(t, r, base)
	res, err := http.DefaultTransport.RoundTrip(r) //nolint:forbidigo // a test of our own server
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got accepted
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d, error %v", res.StatusCode, err)
	}
	stored, err := bustest.Connect(t, cfg, "test").Command(t.Context(), "shop", got.CommandID)
	if err != nil {
		t.Fatal(err)
	}
	if stored.Payment != got.PaymentID || stored.Provider != payment.Computop || stored.Amount.Minor != 12990 {
		t.Errorf("stored %s at %s", stored.Payment, stored.Provider)
	}
	stop()
	if code := <-done; code != service.ExitOK {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if text := out.String(); strings.Contains(text, "shop-key") || strings.Contains(text, "key-1") {
		t.Error("the log shows a key")
	}
}

func mustAddress(t *testing.T, r *http.Request, base string) {
	t.Helper()
	u, err := r.URL.Parse(base + r.URL.Path)
	if err != nil {
		t.Fatal(err)
	}
	r.URL, r.RequestURI = u, ""
}

func mustGet(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r) //nolint:forbidigo // a test of our own server
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestRun_CannotStart(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "accounts.yaml")
	if err := os.WriteFile(good, []byte(accountsFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		env  map[string]string
		want string
	}{
		"nothing is set":           {map[string]string{}, "PAYLOOM_ACCOUNTS is not set"},
		"the accounts are missing": {map[string]string{"PAYLOOM_ACCOUNTS": "/none.yaml", "ADMIN_ADDR": "127.0.0.1:0"}, "no such file"},
		"the broker is missing": {
			map[string]string{"PAYLOOM_ACCOUNTS": good, "ADMIN_ADDR": "127.0.0.1:0", "NATS_URL": "nats://127.0.0.1:1"}, "connect to NATS",
		},
		"values out of range": {
			map[string]string{"PAYLOOM_ACCOUNTS": good, "RATE_LIMIT": "-1", "RATE_BURST": "0", "ACCEPT_TIMEOUT": "1m"},
			"ACCEPT_TIMEOUT is 1m0s, must be above 0 and at most 8s",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, own := &lines{}, &Config{}
			code := service.Run(t.Context(), service.Process{Stdout: out, Stderr: out, Environ: tt.env}, "ingress", own,
				func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *own) })
			if code != service.ExitError || !strings.Contains(out.String(), tt.want) {
				t.Errorf("exit code %d: %s", code, out)
			}
		})
	}
}
