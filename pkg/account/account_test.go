package account_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
)

const canary = "s3cret-canary"

// vault is a lookup: env:X is "s3cret-canary-X"; env:MISSING is missing.
func vault(ref string) (conf.Secret, error) {
	name, ok := strings.CutPrefix(ref, "env:")
	switch {
	case !ok:
		return "", fmt.Errorf("a reference %w", conf.ErrNotAReference)
	case name == "MISSING":
		return "", fmt.Errorf("variable %s %w", name, conf.ErrEmptySecret)
	}
	return conf.Secret(canary + "-" + name), nil
}

func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

var good = `
merchants:
  - id: demo
    api_keys:
      - {id: k1, sha256: ` + hashOf("key-1") + `, scopes: [authorize, capture, read]}
      - {id: k2, sha256: ` + strings.ToUpper(hashOf("key-2")) + `, scopes: [payout]}
    accounts:
      - name: eu
        provider: computop
        default: true
        endpoint: https://www.computop-paygate.com/
        callback_key: 5fVq0cTnW2rYb7Hk
        settings:
          merchant_id: "007"
          min_amount: 100
          recurring: false
          button: {store_id: "amzn1.app", ledger_currency: EUR}
        secrets:
          cipher: [{id: b, ref: "env:NEW"}, {id: a, ref: "env:OLD"}]
          mac: [{id: a, ref: "env:MAC"}]
      - name: us
        provider: computop
        live: true
        endpoint: https://www.computop-paygate.com/
        callback_key: 6fVq0cTnW2rYb7Hk
      - name: eu
        provider: ecommpay
        endpoint: http://127.0.0.1:8083/
        callback_key: 7fVq0cTnW2rYb7Hk
  - id: other
    api_keys: [{id: k1, sha256: ` + hashOf("key-3") + `, scopes: [read]}]
    accounts:
      - {name: a, provider: axerve, endpoint: "https://sandbox.gestpay.net/", callback_key: 8fVq0cTnW2rYb7Hk}
      - {name: b, provider: axerve, endpoint: "https://sandbox.gestpay.net/", callback_key: 9fVq0cTnW2rYb7Hk}
`

func mustParse(t *testing.T, text string) *account.Book {
	t.Helper()
	b, err := account.Parse("accounts.yaml", []byte(text), vault)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBook_Account(t *testing.T) {
	t.Parallel()
	b := mustParse(t, good)
	tests := map[string]struct {
		merchant payment.Merchant
		provider payment.Provider
		name     string
		want     string
		err      error
	}{
		"by name":                               {"demo", payment.Computop, "us", "us", nil},
		"the default serves when none is named": {"demo", payment.Computop, "", "eu", nil},
		"the only one needs no default":         {"demo", payment.ECommPay, "", "eu", nil},
		"several without a default":             {"other", payment.Axerve, "", "", account.ErrNoDefault},
		"a name of another provider":            {"demo", payment.ECommPay, "us", "", account.ErrNoAccount},
		"a provider without accounts":           {"demo", payment.Axerve, "", "", account.ErrNoAccount},
		"an unknown merchant":                   {"nobody", payment.Axerve, "", "", account.ErrNoMerchant},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := b.Account(tt.merchant, tt.provider, tt.name)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && (a.Name != tt.want || a.Provider != tt.provider || a.Merchant != tt.merchant) {
				t.Errorf("got %s/%s/%s", a.Merchant, a.Provider, a.Name)
			}
		})
	}
}

func TestBook_Merchant(t *testing.T) {
	t.Parallel()
	b := mustParse(t, good)
	tests := map[string]struct {
		key  string
		want account.Access
	}{
		"a key of the first merchant":  {"key-1", account.Access{Merchant: "demo", KeyID: "k1", Scopes: []account.Scope{"authorize", "capture", "read"}}},
		"a hash in upper case":         {"key-2", account.Access{Merchant: "demo", KeyID: "k2", Scopes: []account.Scope{"payout"}}},
		"a key of the second merchant": {"key-3", account.Access{Merchant: "other", KeyID: "k1", Scopes: []account.Scope{"read"}}},
		"nobody's key":                 {"key-4", account.Access{}},
		"no key":                       {"", account.Access{}},
		"the hash in place of the key": {hashOf("key-1"), account.Access{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := b.Merchant(tt.key)
			if d := cmp.Diff(tt.want, got); d != "" || ok != (tt.want.KeyID != "") {
				t.Error(ok, d)
			}
		})
	}
	access, _ := b.Merchant("key-1")
	if !access.May(account.ScopeCapture) || access.May(account.ScopePayout) {
		t.Error("May does not follow the scopes")
	}
}

func TestBook_ByCallbackKey(t *testing.T) {
	t.Parallel()
	b := mustParse(t, good)
	a, ok := b.ByCallbackKey(payment.Computop, "6fVq0cTnW2rYb7Hk")
	if !ok || a.Name != "us" {
		t.Errorf("found %v", ok)
	}
	if _, ok := b.ByCallbackKey(payment.Axerve, "6fVq0cTnW2rYb7Hk"); ok {
		t.Error("found under another provider")
	}
	if _, ok := b.ByCallbackKey(payment.Computop, ""); ok {
		t.Error("found without a key")
	}
}

func TestBook_Providers(t *testing.T) {
	t.Parallel()
	b := mustParse(t, good)
	if d := cmp.Diff([]payment.Provider{payment.Computop, payment.ECommPay}, b.Providers("demo")); d != "" {
		t.Error(d)
	}
	if got := b.Providers("nobody"); len(got) != 0 {
		t.Errorf("an unknown merchant is at %v", got)
	}
}

func TestAccount_Secrets(t *testing.T) {
	t.Parallel()
	a, err := mustParse(t, good).Account("demo", payment.Computop, "eu")
	if err != nil {
		t.Fatal(err)
	}
	current, ok := a.Secrets.Current("cipher")
	if !ok || current.Reveal() != canary+"-NEW" {
		t.Error("the first secret of the list is not the current one")
	}
	if all := a.Secrets.All("cipher"); len(all) != 2 || all[1].Reveal() != canary+"-OLD" {
		t.Errorf("%d secrets verify, want two in the order of the file", len(all))
	}
	if _, ok := a.Secrets.Current("none"); ok || len(a.Secrets.All("none")) != 0 {
		t.Error("a secret that is not there was found")
	}
}

func TestAccount_ShowsNoSecret(t *testing.T) {
	t.Parallel()
	b := mustParse(t, good)
	a, err := b.Account("demo", payment.Computop, "eu")
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(j) + fmt.Sprintf("%v %+v %#v %v %v %+v %+v", a, *a, *a, a, b, *b, b.Merchants()[0])
	if strings.Contains(shown, canary) {
		t.Errorf("shows a secret: %s", shown)
	}
}

func TestAccount_Setting(t *testing.T) {
	t.Parallel()
	a, err := mustParse(t, good).Account("demo", payment.Computop, "eu")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"merchant_id": "007", "min_amount": "100", "recurring": "false", "button.store_id": "amzn1.app",
		"button": "", "none": "", "merchant_id.none": "",
	}
	for name, text := range want {
		if got := a.Setting(name); got != text {
			t.Errorf("%s is %q, want %q", name, got, text)
		}
	}
}

type computopSettings struct {
	MerchantID string `yaml:"merchant_id"`
	MinAmount  int64  `yaml:"min_amount"`
	Recurring  bool   `yaml:"recurring"`
	Cipher     string `yaml:"cipher"`
	Button     struct {
		StoreID  string           `yaml:"store_id"`
		Currency payment.Currency `yaml:"ledger_currency"`
	} `yaml:"button"`
}

func TestAccount_DecodeSettings(t *testing.T) {
	t.Parallel()
	b := mustParse(t, good)
	a, err := b.Account("demo", payment.Computop, "eu")
	if err != nil {
		t.Fatal(err)
	}
	got := computopSettings{Cipher: "blowfish"}
	if err := a.DecodeSettings(&got); err != nil {
		t.Fatal(err)
	}
	want := computopSettings{MerchantID: "007", MinAmount: 100, Cipher: "blowfish"}
	want.Button.StoreID, want.Button.Currency = "amzn1.app", "EUR"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	none, err := b.Account("demo", payment.Computop, "us")
	if err != nil {
		t.Fatal(err)
	}
	if err := none.DecodeSettings(&got); err != nil {
		t.Errorf("no settings at all: %v", err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAccount_DecodeSettings_Wrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ from, to, want string }{
		"an unknown setting": {
			"min_amount: 100", "min_amont: 100",
			`accounts.yaml:15: merchants[0].accounts[0].settings: unknown field "min_amont"`,
		},
		"an unknown setting further in": {
			"store_id:", "shop_id:",
			`accounts.yaml:17: merchants[0].accounts[0].settings: unknown field "shop_id"`,
		},
		"a wrong type": {
			"recurring: false", "recurring: [1]",
			`accounts.yaml:16: merchants[0].accounts[0].settings: cannot unmarshal []interface {} into Go struct field computopSettings.Recurring of type bool`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := mustParse(t, strings.Replace(good, tt.from, tt.to, 1)).Account("demo", payment.Computop, "eu")
			if err != nil {
				t.Fatal(err)
			}
			got := computopSettings{MerchantID: "before"}
			err = a.DecodeSettings(&got)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v\nwant  %s", err, tt.want)
			}
			if got.MerchantID != "before" {
				t.Error("settings that are wrong were half taken over")
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, `callback_key: 6fVq0cTnW2rYb7Hk`, `callback_key: 6fVq0cTnW2rYb7Hk
        secrets:
          mac: [{id: x, ref: "env:MAC"}]
          cipher: [{id: a, ref: "env:A"}, {id: b, ref: "env:B"}, {id: c, ref: "env:A"}]`, 1)
	text += "  - id: empty\n"
	exam := func(a *account.Account) []account.Problem {
		if a.Provider != payment.Computop || a.Setting("cipher") != "" {
			return nil
		}
		return []account.Problem{a.Problem("cipher", "is missing")}
	}
	var got []string
	for _, p := range account.Check(mustParse(t, text), exam) {
		got = append(got, p.String())
	}
	want := []string{
		"accounts.yaml:33: other: has 2 accounts at axerve and no default: commands must name one",
		"accounts.yaml:38: empty: has no api_keys: nobody can call for it",
		"accounts.yaml:38: empty: has no accounts: none of its payments can be carried out",
		"accounts.yaml:21: demo/computop/us: secrets.mac, id x: the test account eu of demo has the same secret",
		"accounts.yaml:8: merchants[0].accounts[0].settings.cipher: is missing",
		"accounts.yaml:21: demo/computop/us: secrets.cipher: 3 are valid at once; a rotation needs two",
		"accounts.yaml:21: demo/computop/us: secrets.cipher, id c: is the same secret as another of the list",
		"accounts.yaml:21: merchants[0].accounts[1].settings.cipher: is missing",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if strings.Contains(strings.Join(got, ""), canary) {
		t.Error("a problem shows a secret")
	}
}
