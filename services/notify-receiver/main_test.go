package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/servicetest"
)

const (
	endpoint  = "Endpoint0fTheLiveAccount"
	macKey    = "mac-key-of-the-account"
	cipherKey = "cipherkey-16byte"
)

// mustAccounts writes a file of accounts and the files of its secrets.
func mustAccounts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("accounts.yaml", `
merchants:
  - id: demo
    accounts:
      - name: eu
        provider: computop
        endpoint: https://paygate.example/
        callback_key: `+endpoint+`
        settings: {merchant_id: demo_mid}
        secrets:
          mac: [{id: "1", ref: "file:`+write("mac", macKey)+`"}]
          cipher: [{id: "1", ref: "file:`+write("cipher", cipherKey)+`"}]
`)
}

func start(t *testing.T, environ map[string]string) *servicetest.Service {
	t.Helper()
	cfg := &Config{}
	return servicetest.Start(t, name, cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, environ)
}

// authorized is Paygate's notify of an authorised payment.
func authorized(t *testing.T, id payment.ID) string {
	t.Helper()
	m := paygate.NewMessage("mid", "demo_mid", "PayID", strings.Repeat("a", 32), "XID", "x1", "TransID", string(id),
		"Status", "AUTHORIZED", "Code", "00000000", "AmountAuth", "1000", "AmountCap", "0", "AmountCred", "0")
	m.Add("MAC", paygate.NotifyMAC(macKey, m.Get("PayID"), m.Get("TransID"), "demo_mid", m.Get("Status"), m.Get("Code")))
	env, err := paygate.Seal(paygate.Blowfish, cipherKey, "", m)
	if err != nil {
		t.Fatal(err)
	}
	return env.Form().Encode()
}

// TestRun starts the service as it is, with a broker, sends it a notify by HTTP,
// finds the payment authorised and the browser led to the shop, and stops it.
func TestRun(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	broker := bustest.Connect(t, cfg, "test")
	_, err := broker.Append(t.Context(), payment.Head{}, payment.Event{
		Payment: "order-1", Merchant: "demo", Provider: payment.Computop, Command: payment.DeriveCommandID("demo", "1"),
		At: time.Now(), Source: payment.FromWorker,
		Data: payment.AttemptStarted{
			Kind: payment.Authorize, Amount: payment.Money{Minor: 1000, Currency: "EUR"}, Attempt: 1, Key: "order-1", Account: "eu",
			Terms: &payment.Terms{Method: payment.Button, Return: payment.ReturnURLs{Success: "https://shop.example/done"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}

	s := start(t, map[string]string{"NATS_URL": cfg.URL, "PAYLOOM_DURABILITY": bus.Laptop, "PAYLOOM_ACCOUNTS": mustAccounts(t)})
	s.Ready(t)
	base, body := s.URL(t, "http"), authorized(t, "order-1")
	if got := call(t, http.MethodPost, base+"/callbacks/computop/"+endpoint, body); got.status != http.StatusOK {
		t.Errorf("notify: status %d", got.status)
	}
	servicetest.Eventually(t, "the payment is authorised", func() bool {
		p, _, err := broker.Find(t.Context(), "demo", "order-1")
		return err == nil && p.State == payment.StateAuthorized
	})
	got := call(t, http.MethodGet, base+"/returns/computop/"+endpoint+"/success?"+body, "")
	if want := "https://shop.example/done?payment_id=order-1&result=success"; got.location != want {
		t.Errorf("the browser is led to %q, want %q", got.location, want)
	}

	if code := s.Stop(); code != service.ExitOK {
		t.Errorf("exit code %d:\n%s", code, s.Output())
	}
	for _, secret := range []string{macKey, cipherKey, endpoint, body[10:60], strings.Repeat("a", 32)} {
		if strings.Contains(s.Output(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

type reply struct {
	status   int
	location string
}

func call(t *testing.T, method, url, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return reply{res.StatusCode, res.Header.Get("Location")}
}

func TestRun_CannotStart(t *testing.T) {
	t.Parallel()
	bare := bustest.Server(t)
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"nothing is set":           {nil, "PAYLOOM_ACCOUNTS is not set"},
		"the accounts are missing": {map[string]string{"PAYLOOM_ACCOUNTS": "/none.yaml"}, "no such file"},
		"nothing is provisioned": {map[string]string{
			"PAYLOOM_ACCOUNTS": mustAccounts(t), "NATS_URL": bare.URL, "PAYLOOM_DURABILITY": bus.Laptop,
		}, "payctl provision"},
		"a rate is negative": {map[string]string{"PAYLOOM_ACCOUNTS": mustAccounts(t), "SOURCE_RATE_LIMIT": "-1"}, "SOURCE_RATE_LIMIT is negative"},
		"hops are negative":  {map[string]string{"PAYLOOM_ACCOUNTS": mustAccounts(t), "TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES is negative"},
		"nobody interprets":  {map[string]string{"PAYLOOM_ACCOUNTS": mustAccounts(t), "CONCURRENCY": "0"}, "CONCURRENCY is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.env)
			if code := s.Wait(); code != service.ExitError || !strings.Contains(s.Output(), c.want) {
				t.Errorf("exit code %d: %s", code, s.Output())
			}
		})
	}
}
