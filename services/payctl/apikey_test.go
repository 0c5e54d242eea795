package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/services/internal/callers"
)

// TestAccountsKey_Opens: what payctl makes and signs with is what services take.
func TestAccountsKey_Opens(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ed25519", "hmac", "bearer"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "key")
			made := payctl(t, nil, "", "accounts", "key", "--kind", kind, "--id", "till", "--scopes", "refund,read", "--out", file)
			if made.code != 0 {
				t.Fatal(made.err)
			}
			secret, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(made.out+made.err, strings.TrimSpace(string(secret))) {
				t.Error("the caller's half is shown")
			}
			book, err := account.Parse("accounts.yaml", []byte("merchants:\n  - id: demo\n    api_keys:\n      "+made.out), nil)
			if err != nil {
				t.Fatal(err)
			}
			r := signedRequest(t, kind, file, string(secret))
			c, err := callers.Authenticate(r, book, time.Now())
			if err != nil || c.Merchant != "demo" || !c.May(account.ScopeRefund) || c.May(account.ScopePayout) {
				t.Fatalf("%+v, %v", c, err)
			}
			if err := c.CheckBody(r.Header, []byte("{}")); err != nil {
				t.Error(err)
			}
			if again := payctl(t, nil, "", "accounts", "key", "--id", "till", "--out", file); again.code == 0 {
				t.Error("a key was overwritten")
			}
		})
	}
}

// signedRequest returns a refund as a caller with that key would send it.
func signedRequest(t *testing.T, kind, file, secret string) *http.Request {
	t.Helper()
	const url = "http://localhost:8080/v1/payments/order-1/refunds"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if kind == "bearer" {
		r.Header.Set("Authorization", "Bearer "+secret)
		return r
	}
	signed := payctl(t, nil, "", "accounts", "sign", "post", url, "--key", file, "--key-id", "demo/till", "--request-id", "k", "--data", "{}", "--json")
	var fields map[string]string
	if err := json.Unmarshal([]byte(signed.out), &fields); err != nil {
		t.Fatalf("%v: %s", err, signed.err)
	}
	for name, value := range fields {
		r.Header.Set(name, value)
	}
	return r
}

func TestAccountsKey_Misuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"no such kind":  {"key", "--kind", "rsa", "--id", "a", "--out", filepath.Join(dir, "a")},
		"no such scope": {"key", "--scopes", "all", "--id", "a", "--out", filepath.Join(dir, "b")},
		"no request id": {"sign", "POST", "http://x/", "--key", "/dev/null", "--key-id", "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := payctl(t, nil, "", append([]string{"accounts"}, args...)...); got.code != 2 {
				t.Errorf("exit code %d: %s", got.code, got.err)
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("%v was made", left)
	}
}
