package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
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

// accountAt is an account of another provider.
func accountAt(provider, name, key, endpoint, settings, secret string) string {
	return `
      - {name: ` + name + `, provider: ` + provider + `, callback_key: ` + strings.Repeat(key, 16) + `, endpoint: "` + endpoint + `", settings: {` + settings + `}, secrets: {` + secret + `: [{id: "2", ref: "env:CIPHER"}, {id: "1", ref: "env:OTHER"}]}}`
}

func TestPlayed(t *testing.T) {
	t.Parallel()
	here := `endpoint: "` + public + `/"`
	pay := func(endpoint string) string {
		return accountAt("ecommpay", "wallet", "e", endpoint, "project_id: 818", "secret")
	}
	tests := map[string]struct {
		accounts []string
		want     []string // names at Computop, then at ECommPay
		err      string
	}{
		"those that point here": {
			[]string{accountOf("eu", "a", here+", settings: {merchant_id: mid}"), pay(public + "/ecommpay/")}, []string{"eu", "wallet"}, "",
		},
		"below a path": {
			[]string{accountOf("eu", "a", `endpoint: "`+public+`/computop/", settings: {merchant_id: mid}`)}, []string{"eu"}, "",
		},
		"not those elsewhere": {
			[]string{
				accountOf("uk", "b", `endpoint: "http://simulator.localhost:8084/", settings: {merchant_id: mid}`),
				accountOf("real", "c", `live: true, endpoint: "https://www.computop-paygate.com/", settings: {merchant_id: mid}`),
			}, nil, "",
		},
		"not a live one":                 {[]string{accountOf("eu", "a", "live: true, "+strings.Replace(here, "http:", "https:", 1)+", settings: {merchant_id: mid}")}, nil, "live is set"},
		"not at another provider's path": {[]string{pay(public + "/")}, nil, "line 4: endpoint must be " + public + "/ecommpay/"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, base := mustBook(t, tt.accounts...), public
			if strings.Contains(tt.err, "live") {
				base = strings.Replace(public, "http:", "https:", 1)
			}
			var got []string
			var errs []error
			for _, p := range players() {
				accounts, err := played(b, p, base)
				errs = append(errs, err)
				for _, a := range accounts {
					got = append(got, a.Name)
				}
			}
			err := errors.Join(errs...)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got); err == nil && d != "" {
				t.Error(d)
			}
		})
	}
}

func TestComputopMerchants(t *testing.T) {
	t.Parallel()
	here := `endpoint: "` + public + `/"`
	one := computopsim.Merchant{ID: "mid", CipherKey: cipherKey, MACKey: macKey}
	small := one
	small.Cipher, small.SmallAmounts = paygate.Blowfish, true
	tests := map[string]struct {
		accounts []string
		want     []computopsim.Merchant
		err      string
	}{
		"an account":    {[]string{accountOf("eu", "a", here+", settings: {merchant_id: mid}")}, []computopsim.Merchant{one}, ""},
		"with settings": {[]string{accountOf("eu", "a", here+", settings: {merchant_id: mid, cipher: blowfish, min_amount: 1}")}, []computopsim.Merchant{small}, ""},
		"two of one merchant": {
			[]string{accountOf("eu", "a", here+", settings: {merchant_id: mid}"), accountOf("uk", "b", here+", settings: {merchant_id: mid}")},
			[]computopsim.Merchant{one}, "",
		},
		"two that differ about a merchant": {
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
			got, err := computopMerchants(slices.Collect(mustBook(t, tt.accounts...).Accounts()))
			checkMade(t, err, tt.err, tt.want, got)
		})
	}
}

func checkMade[T any](t *testing.T, err error, says string, want, got T) {
	t.Helper()
	if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
		t.Fatalf("error %v, want %q", err, says)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestECommPayProjects(t *testing.T) {
	t.Parallel()
	at := public + "/ecommpay/"
	tests := map[string]struct {
		accounts []string
		want     []ecommpaysim.Project
		err      string
	}{
		"the secret in use, and the other": {
			[]string{accountAt("ecommpay", "wallet", "a", at, "project_id: 818", "secret")}, []ecommpaysim.Project{{ID: 818, Secret: cipherKey, Next: "another"}}, "",
		},
		"no number": {[]string{accountAt("ecommpay", "wallet", "a", at, "project_id: mine", "secret")}, nil, "wallet of demo, line 4: settings.project_id is no whole number"},
		"one project, other secrets": {
			[]string{accountAt("ecommpay", "wallet", "a", at, "project_id: 818", "secret"), accountAt("ecommpay", "purse", "b", at, "project_id: 818", "none")},
			[]ecommpaysim.Project{{ID: 818, Secret: cipherKey, Next: "another"}}, "purse of demo, line 5: project_id 818 is there twice",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ecommpayProjects(slices.Collect(mustBook(t, tt.accounts...).Accounts()))
			checkMade(t, err, tt.err, tt.want, got)
		})
	}
}

func TestAxerveShops(t *testing.T) {
	t.Parallel()
	at, key := public+"/axerve/", strings.Repeat("a", 16)
	shop := axervesim.Shop{
		Login: "SHOP1", APIKey: cipherKey, NextKey: "another", Separated: true, AddressWidget: true,
		PositiveURL: "http://n/returns/axerve/" + key + "/success", NegativeURL: "http://n/returns/axerve/" + key + "/failure",
		NotifyURL: "http://n/callbacks/axerve/" + key,
	}
	unified, untold, keyless := shop, shop, shop
	unified.Separated = false
	untold.PositiveURL, untold.NegativeURL, untold.NotifyURL = "", "", ""
	keyless.APIKey, keyless.NextKey, keyless.IPs = "", "", []string{"*"}
	one := accountAt("axerve", "it", "a", at, "shop_login: SHOP1", "api_key")
	tests := map[string]struct {
		cfg      Config
		accounts []string
		want     []axervesim.Shop
		err      string
	}{
		"separated if nobody says otherwise": {Config{NotifyURL: "http://n"}, []string{one}, []axervesim.Shop{shop}, ""},
		"unified":                            {Config{NotifyURL: "http://n", UnifiedShops: []string{"SHOP1"}}, []string{one}, []axervesim.Shop{unified}, ""},
		"nobody to tell":                     {Config{}, []string{one}, []axervesim.Shop{untold}, ""},
		"known by its address":               {Config{NotifyURL: "http://n"}, []string{accountAt("axerve", "it", "a", at, "shop_login: SHOP1", "none")}, []axervesim.Shop{keyless}, ""},
		"two addresses, one shop":            {Config{NotifyURL: "http://n"}, []string{one, accountAt("axerve", "uk", "b", at, "shop_login: SHOP1", "api_key")}, []axervesim.Shop{shop}, "uk of demo, line 5: shop_login SHOP1 is there twice"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := axerveShops(tt.cfg, slices.Collect(mustBook(t, tt.accounts...).Accounts()))
			checkMade(t, err, tt.err, tt.want, got)
		})
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
		"nonsense":    {map[string]string{"PUBLIC_URL": "simulator", "PAYLOOM_ACCOUNTS": "a", "TIME_SCALE": "0", "LATENCY": "-1s", "AUTOPILOT": "buy", "NOTIFY_URL": "there", "ECOMMPAY_PAYOUT_DELAY": "0s"}, []string{"PUBLIC_URL must", "TIME_SCALE is 0", "LATENCY is negative", "AUTOPILOT has the unknown decision", "NOTIFY_URL must", "ECOMMPAY_PAYOUT_DELAY is 0s"}},
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
      - {name: eu, provider: computop, callback_key: aaaaaaaaaaaaaaaa, endpoint: "` + public + `/", settings: {merchant_id: mid}, secrets: {cipher: [{id: "1", ref: "file:` + filepath.Join(dir, "cipher") + `"}], mac: [{id: "1", ref: "file:` + filepath.Join(dir, "mac") + `"}]}}
      - {name: it, provider: axerve, callback_key: bbbbbbbbbbbbbbbb, endpoint: "` + public + `/axerve/", settings: {shop_login: SHOP1}, secrets: {api_key: [{id: "1", ref: "file:` + filepath.Join(dir, "mac") + `"}]}}
      - {name: wallet, provider: ecommpay, callback_key: cccccccccccccccc, endpoint: "` + public + `/ecommpay/", settings: {project_id: 818}, secrets: {secret: [{id: "1", ref: "file:` + filepath.Join(dir, "mac") + `"}]}}`)
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
	checkGet(t, at+"/control/axerve/autopilot", http.StatusOK, `"decision":"approve"`)
	checkGet(t, at+"/axerve/pagam/pagam.aspx?a=SHOP1&b=none", http.StatusOK, "not genuine")
	checkGet(t, at+"/control/ecommpay/payments", http.StatusOK, "[]")
	checkGet(t, at+"/ecommpay/v2/payment/status", http.StatusMethodNotAllowed, "")
	for _, p := range []string{"axerve", "ecommpay"} {
		checkGet(t, at+"/", http.StatusOK, "/control/"+p+"/ledger")
		checkGet(t, admin+"/metrics", http.StatusOK, `payloom_simulator_payments_total{provider="`+p+`"} 0`)
	}
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
	if !strings.Contains(s.Output(), "none has an endpoint below http://elsewhere.example") {
		t.Errorf("it says:\n%s", s.Output())
	}
}
