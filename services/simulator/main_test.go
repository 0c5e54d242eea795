package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/servicetest"
)

const (
	public    = "http://simulator.localhost:8083"
	cipherKey = "qT7#mZ2!vK9_pL4x"
	macKey    = "h3N!8wRz_Q5u2Yc7(Tk9)Bd4[Jm6]Xe1"
)

// accountOf is an account as it stands in the file.
func accountOf(name, key, rest string) string {
	return `
      - {name: ` + name + `, provider: computop, callback_key: ` + strings.Repeat(key, 16) + `, ` + rest + `, secrets: {cipher: [{id: "2", ref: "env:CIPHER"}, {id: "1", ref: "env:OTHER"}], mac: [{id: "1", ref: "env:MAC"}]}}`
}

func accountsText(accounts ...string) string {
	return "merchants:\n  - id: demo\n    accounts:" + strings.Join(accounts, "") + "\n"
}

func mustBook(t *testing.T, accounts ...string) *account.Book {
	t.Helper()
	secrets := map[string]conf.Secret{"env:CIPHER": cipherKey, "env:OTHER": "another", "env:MAC": macKey}
	b, err := account.Parse("accounts.yaml", []byte(accountsText(accounts...)), func(ref string) (conf.Secret, error) { return secrets[ref], nil })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestComputopMerchants(t *testing.T) {
	t.Parallel()
	here := `endpoint: "` + public + `/"`
	one := computopsim.Merchant{ID: "mid", CipherKey: cipherKey, MACKey: macKey}
	tests := map[string]struct {
		accounts []string
		want     []computopsim.Merchant
		err      string
	}{
		"an account that points here": {
			[]string{accountOf("eu", "a", here+", settings: {merchant_id: mid}")}, []computopsim.Merchant{one}, "",
		},
		"below a path, with settings": {
			[]string{accountOf("eu", "a", `endpoint: "`+public+`/computop/", settings: {merchant_id: mid, cipher: blowfish, min_amount: 1}`)},
			[]computopsim.Merchant{{ID: "mid", Cipher: paygate.Blowfish, CipherKey: cipherKey, MACKey: macKey, SmallAmounts: true}}, "",
		},
		"two accounts of one merchant, and one elsewhere": {
			[]string{
				accountOf("eu", "a", here+", settings: {merchant_id: mid}"), accountOf("uk", "b", here+", settings: {merchant_id: mid}"),
				accountOf("real", "c", `live: true, endpoint: "https://www.computop-paygate.com/", settings: {merchant_id: mid}`),
			},
			[]computopsim.Merchant{one}, "",
		},
		"none that points here": {
			[]string{accountOf("eu", "a", `endpoint: "http://simulator.localhost:8084/", settings: {merchant_id: mid}`)}, nil, "no account at computop has an endpoint below " + public,
		},
		"two accounts that differ about a merchant": {
			[]string{accountOf("eu", "a", here+", settings: {merchant_id: mid}"), accountOf("uk", "b", here+", settings: {merchant_id: mid, min_amount: 5}")},
			[]computopsim.Merchant{one}, "uk of demo, line 5: merchant_id mid is there twice",
		},
		"a least amount that is none": {
			[]string{accountOf("eu", "a", here+", settings: {merchant_id: mid, min_amount: little}")}, nil, "settings.min_amount is no whole number",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := computopMerchants(mustBook(t, tt.accounts...), public)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestComputopMerchants_NeverLive(t *testing.T) {
	t.Parallel()
	b := mustBook(t, accountOf("eu", "a", `live: true, endpoint: "https://pay.example/", settings: {merchant_id: mid}`))
	if _, err := computopMerchants(b, "https://pay.example"); err == nil || !strings.Contains(err.Error(), "live is set") {
		t.Errorf("error %v", err)
	}
}

func TestAutopilot(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want []computopsim.AutopilotRule
		ok   bool
	}{
		"":                     {nil, true},
		"approve":              {[]computopsim.AutopilotRule{{Decision: computopsim.Approve}}, true},
		"buy":                  {nil, false},
		`[{"decision":"buy"}]`: {nil, false},
		`[{"decision":"decline","trans_id_suffix":"-no"},{"decision":"approve"}]`: {
			[]computopsim.AutopilotRule{{TransIDSuffix: "-no", Decision: computopsim.Decline}, {Decision: computopsim.Approve}}, true,
		},
		`[{"decisoin":"approve"}]`: {nil, false},
		`[`:                        {nil, false},
	}
	for text, tt := range tests {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := autopilot(text)
			if (err == nil) != tt.ok {
				t.Fatalf("error %v", err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		environ map[string]string
		wrong   []string
	}{
		"enough":      {map[string]string{"PUBLIC_URL": public, "PAYLOOM_ACCOUNTS": "a.yaml"}, nil},
		"nothing":     {nil, []string{"PUBLIC_URL is not set", "PAYLOOM_ACCOUNTS is not set"}},
		"nonsense":    {map[string]string{"PUBLIC_URL": "simulator", "PAYLOOM_ACCOUNTS": "a", "TIME_SCALE": "0", "LATENCY": "-1s", "AUTOPILOT": "buy"}, []string{"PUBLIC_URL must", "TIME_SCALE is 0", "LATENCY is negative", "AUTOPILOT has the unknown decision"}},
		"half a shop": {map[string]string{"PUBLIC_URL": public, "PAYLOOM_ACCOUNTS": "a", "SHOP_INGRESS_URL": "http://a", "SHOP_BUTTON_COLOR": "Red"}, []string{"SHOP_QUERY_URL must", "SHOP_API_KEY is not set", "SHOP_BUTTON_COLOR must be one of"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c Config
			err := conf.Load(&c, tt.environ)
			if (err != nil) != (len(tt.wrong) > 0) {
				t.Fatalf("error %v", err)
			}
			for _, want := range tt.wrong {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

// start runs the service with an accounts file of one merchant.
func start(t *testing.T, environ map[string]string) *servicetest.Service {
	t.Helper()
	dir := t.TempDir()
	secrets := map[string]string{"cipher": cipherKey, "mac": macKey}
	for name, text := range secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := accountsText(`
      - {name: eu, provider: computop, callback_key: aaaaaaaaaaaaaaaa, endpoint: "` + public + `/", settings: {merchant_id: mid}, secrets: {cipher: [{id: "1", ref: "file:` + filepath.Join(dir, "cipher") + `"}], mac: [{id: "1", ref: "file:` + filepath.Join(dir, "mac") + `"}]}}`)
	file := filepath.Join(dir, "accounts.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PUBLIC_URL": public, "PAYLOOM_ACCOUNTS": file}
	for k, v := range environ {
		env[k] = v
	}
	cfg := &Config{}
	return servicetest.Start(t, "simulator", cfg, func(ctx context.Context, rt *service.Runtime) error { return run(ctx, rt, *cfg) }, env)
}

func mustGet(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = strings.TrimPrefix(public, "http://")
	res, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func checkGet(t *testing.T, url string, status int, says string) {
	t.Helper()
	if got, body := mustGet(t, url); got != status || !strings.Contains(body, says) {
		t.Errorf("%s: %d, want %d and %q:\n%s", url, got, status, says, body)
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{
		"AUTOPILOT": "approve", "SHOP_INGRESS_URL": "http://127.0.0.1:1", "SHOP_QUERY_URL": "http://127.0.0.1:1", "SHOP_API_KEY": "key",
	})
	s.Ready(t)
	at, admin := s.URL(t, "http"), s.URL(t, "admin")
	checkGet(t, at+"/", http.StatusOK, "The demo shop")
	checkGet(t, at+"/shop/", http.StatusOK, "Woven by hand")
	checkGet(t, at+"/checkout.js", http.StatusOK, "amazon.Pay")
	checkGet(t, at+"/control/computop/autopilot", http.StatusOK, `"decision":"approve"`)
	checkGet(t, at+"/amazon/checkout", http.StatusForbidden, "not genuine")
	// Whatever is wrong with a call, Paygate says it in the body.
	checkGet(t, at+"/computop/INQUIRE.aspx", http.StatusOK, "Code=")
	checkGet(t, admin+"/metrics", http.StatusOK, `payloom_simulator_payments_total{provider="computop"} 0`)
	checkGet(t, admin+"/metrics", http.StatusOK, `payloom_simulator_refusals_total{code=`)
	if code := s.Stop(); code != service.ExitOK {
		t.Errorf("exit code %d:\n%s", code, s.Output())
	}
	if strings.Contains(s.Output(), cipherKey) || strings.Contains(s.Output(), macKey) {
		t.Error("the log holds a secret")
	}
}

func TestService_WithoutShop(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.Ready(t)
	at := s.URL(t, "http")
	checkGet(t, at+"/", http.StatusOK, "ledger of effects")
	checkGet(t, at+"/shop/", http.StatusNotFound, "")
}

func TestService_WithoutAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"PUBLIC_URL": "http://elsewhere.example"})
	if code := s.Wait(); code != service.ExitError {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(s.Output(), "no account at computop has an endpoint below http://elsewhere.example") {
		t.Errorf("it says:\n%s", s.Output())
	}
}
