package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/natsconf"
	"github.com/payloom/payloom/pkg/webhook"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// TestRotation_UnderLoad changes every secret while payments go on: API keys, keys at
// Axerve and ECommPay, the webhooks' secret, data keys, and everybody's key at the
// broker. Old and new are good together for a while, and nobody is refused; when the
// old ones are retired, they are.
func TestRotation_UnderLoad(t *testing.T) {
	t.Parallel()
	hook := newHook(t)
	s := start(t, stack.Options{
		Dir: t.TempDir(), Secure: true, Generations: []string{"1", "2"}, Webhook: hook.url,
		Env: map[string]string{"LATENCY": "50ms", "TIME_SCALE": "10"},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	orders := newKeyed(s)
	// There is one receiver: a notify that came while it was away comes again, and the
	// second repeat takes a while.
	l := drive(ctx, s, orders.client, recovery)
	l.mustGoOn(ctx, t)
	oldKey, oldBus := s.APIKey(), s.BusConfig()
	oldBus.NKeyFile = keepSeed(t, oldBus.NKeyFile)
	hook.trust(secretFile(t, s, "webhook-secret"))

	// The old ones are in use, the new ones are good: everybody learns of them.
	for _, p := range bus.Permissions(1) {
		payctl(t, s, 0, "broker", "rotate", p.Client, "--out", s.KeysDir())
	}
	mustReload(t, s)
	mustRestartAll(ctx, t, s, l)

	// The new ones are in use, the old ones are good.
	mustRotate(t, s, "2", "1")
	orders.key.Store(new(s.APIKey()))
	mustRestartAll(ctx, t, s, l)
	hook.trust(secretFile(t, s, "webhook-secret-2")) // until now it knew the old one only
	payctl(t, s, 0, "data-keys", "rewrap", "--reason", "rotation", "--actor", "tester")

	// Only the new ones are good.
	mustRotate(t, s, "2")
	for _, provider := range []string{"axerve", "ecommpay"} {
		if err := post(ctx, s.URLs().Simulator+"/control/"+provider+"/retire"); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range bus.Permissions(1) {
		payctl(t, s, 0, "broker", "retire", p.Client, "--out", s.KeysDir())
	}
	mustReload(t, s)
	mustRestartAll(ctx, t, s, l)
	l.mustGoOn(ctx, t)
	l.checkEnd(t)
	checkVerified(t, s)

	if n := orders.refused.Load(); n > 0 {
		t.Errorf("%d requests were refused", n)
	}
	if told, unsigned := hook.counts(); told == 0 || unsigned > 0 {
		t.Errorf("%d webhooks came, %d of them not signed as their receiver expects", told, unsigned)
	}
	if !refusedKey(ctx, s, oldKey) || refusedKey(ctx, s, s.APIKey()) {
		t.Errorf("the old API key is refused: %v, the new one: %v", refusedKey(ctx, s, oldKey), refusedKey(ctx, s, s.APIKey()))
	}
	if b, err := bus.Connect(ctx, oldBus, bus.Operator, zap.NewNop()); err == nil {
		b.Close()
		t.Error("the broker takes a key that was retired")
	}
	checkOldDataKey(ctx, t, s, oldBus.DataKeys[:1])
	t.Logf("%d payments, %d requests", l.through.Load(), orders.asked.Load())
}

// checkOldDataKey checks that nothing can be read any more with the old key alone.
func checkOldDataKey(ctx context.Context, t *testing.T, s *stack.Stack, old []string) {
	t.Helper()
	for name, tt := range map[string]struct {
		keys  []string
		reads bool
	}{"old": {old, false}, "new": {s.BusConfig().DataKeys, true}} {
		cfg := s.BusConfig()
		cfg.DataKeys = tt.keys
		b, err := bus.Connect(ctx, cfg, bus.Operator, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.CheckKeys(ctx); (err == nil) != tt.reads {
			t.Errorf("the %s data key: %v", name, err)
		}
		b.Close()
	}
}

func mustRotate(t *testing.T, s *stack.Stack, generations ...string) {
	t.Helper()
	if err := s.Rotate(generations...); err != nil {
		t.Fatal(err)
	}
}

func mustReload(t *testing.T, s *stack.Stack) {
	t.Helper()
	if err := s.ReloadBroker(); err != nil {
		t.Fatal(err)
	}
}

// mustRestartAll restarts the services in turn, while payments go on.
func mustRestartAll(ctx context.Context, t *testing.T, s *stack.Stack, l *traffic) {
	t.Helper()
	for _, service := range s.Services() {
		if service.Name == stack.Simulator {
			continue
		}
		if err := s.Restart(ctx, service.Name); err != nil {
			t.Fatal(err)
		}
	}
	l.mustGoOn(ctx, t)
}

// secretFile reads a secret of the stack.
func secretFile(t *testing.T, s *stack.Stack, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir(), "secrets", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text[:len(text)-1])
}

// keepSeed copies a key that is about to be replaced.
func keepSeed(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), natsconf.SeedFile)
	if err := os.WriteFile(kept, text, 0o400); err != nil {
		t.Fatal(err)
	}
	return kept
}

// refusedKey tells whether the query API refuses an API key.
func refusedKey(ctx context.Context, s *stack.Stack, key string) bool {
	u := s.URLs()
	_, err := api.New(u.Ingress, u.Tracker, key, 1).Payment(ctx, "nobody", 0)
	problem, ok := errors.AsType[*api.Problem](err)
	return ok && problem.Status == http.StatusUnauthorized
}

// keyed is an order system whose API key can be changed while it is in use. It is an
// http.RoundTripper.
type keyed struct {
	client         *api.Client
	through        http.RoundTripper
	key            atomic.Pointer[string]
	asked, refused atomic.Int64
}

func newKeyed(s *stack.Stack) *keyed {
	u := s.URLs()
	k := &keyed{client: api.New(u.Ingress, u.Tracker, "", atOnce)}
	k.key.Store(new(s.APIKey()))
	k.through, k.client.HTTP.Transport = k.client.HTTP.Transport, k
	return k
}

// RoundTrip implements http.RoundTripper.
func (k *keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+*k.key.Load())
	res, err := k.through.RoundTrip(r)
	k.asked.Add(1)
	if err == nil && (res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden) {
		k.refused.Add(1)
	}
	return res, err
}

// hook is a merchant's endpoint for webhooks. It takes what is signed with any of the
// secrets that it trusts.
type hook struct {
	url string

	mu             sync.Mutex
	secrets        []string
	told, unsigned int
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hook) trust(secrets ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.secrets = secrets
}

// ServeHTTP implements http.Handler.
func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it will come again
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told++
	for _, secret := range h.secrets {
		if err = webhook.Verify(secret, r.Header, body, 0); err == nil {
			return
		}
	}
	if len(h.secrets) > 0 {
		h.unsigned++
	}
}

func (h *hook) counts() (told, unsigned int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told, h.unsigned
}
