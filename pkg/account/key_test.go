package account_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

var public = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, ed25519.PublicKeySize))

// withKeys is a file of one merchant with the keys of entries.
func withKeys(entries ...string) string {
	return "merchants:\n  - id: demo\n    api_keys:\n      - " + strings.Join(entries, "\n      - ") + "\n"
}

func TestBook_SigningKey(t *testing.T) {
	t.Parallel()
	b := mustParse(t, withKeys(
		`{id: sent, sha256: `+hashOf("key-1")+`, scopes: [read]}`,
		`{id: till, ed25519: "`+public+`", scopes: [refund], limits: {per_second: 2.5, burst: 7, amounts: {EUR: 1000, JPY: 0}, alone: {EUR: 10}}}`,
		`{id: boss, hmac: "env:A_LONG_ENOUGH_SECRET_OF_A_BOSS", scopes: [refund]}`,
	))
	till, access, ok := b.SigningKey("demo/till")
	want := account.Access{Merchant: "demo", KeyID: "till", Scopes: []account.Scope{"refund"}, Limits: account.Limits{
		PerSecond: 2.5, Burst: 7, Amounts: account.Amounts{"EUR": 1000, "JPY": 0}, Alone: account.Amounts{"EUR": 10},
	}}
	if d := cmp.Diff(want, access); d != "" || !ok || base64.StdEncoding.EncodeToString(till.Ed25519) != public {
		t.Error(ok, d)
	}
	if boss, _, ok := b.SigningKey("demo/boss"); !ok || boss.HMAC.Reveal() != canary+"-A_LONG_ENOUGH_SECRET_OF_A_BOSS" {
		t.Error("the shared secret is not there")
	}
	for _, name := range []string{"demo/sent", "demo/none", "none/till", "till", "demo", "demo/", ""} {
		if _, _, ok := b.SigningKey(name); ok {
			t.Errorf("%q signs", name)
		}
	}
	if _, ok := b.Merchant(""); ok {
		t.Error("a key that signs is taken for one that is sent")
	}
	if shown := fmt.Sprintf("%v %+v", b, b.Merchants()[0]); strings.Contains(shown, canary) {
		t.Error("shows a secret")
	}
}

func TestAmounts_Allow(t *testing.T) {
	t.Parallel()
	some := account.Amounts{"EUR": 100}
	for _, tt := range []struct {
		of     account.Amounts
		amount payment.Money
		want   bool
	}{
		{nil, payment.Money{Minor: 1 << 60, Currency: "EUR"}, true},
		{some, payment.Money{Minor: 100, Currency: "EUR"}, true},
		{some, payment.Money{Minor: 101, Currency: "EUR"}, false},
		{some, payment.Money{Minor: 1, Currency: "USD"}, false},
		{some, payment.Money{}, true}, // of what has no amount
		{account.Amounts{}, payment.Money{Minor: 1, Currency: "EUR"}, false},
	} {
		if got := tt.of.Allow(tt.amount); got != tt.want {
			t.Errorf("%v allow %v: %v", tt.of, tt.amount, got)
		}
	}
}

func TestParse_WrongKeys(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ entry, want string }{
		"no proof":            {`{id: a, scopes: [read]}`, "must have one of sha256 (a key that is sent), ed25519 and hmac (a key that signs)"},
		"two proofs":          {`{id: a, ed25519: "` + public + `", sha256: ` + hashOf("x") + `, scopes: [read]}`, "must have one of sha256"},
		"a short public key":  {`{id: a, ed25519: AAAA, scopes: [read]}`, "must be an Ed25519 public key, 32 bytes in base64"},
		"a short secret":      {`{id: a, hmac: "env:X", scopes: [read]}`, "must have at least 32"},
		"a secret in clear":   {`{id: a, hmac: secretsecretsecret, scopes: [read]}`, "must be file:/path or env:NAME"},
		"a missing secret":    {`{id: a, hmac: "env:MISSING", scopes: [read]}`, "variable MISSING is empty or not set"},
		"a rate of nothing":   {`{id: a, sha256: ` + hashOf("x") + `, scopes: [read], limits: {per_second: 0}}`, "must be a number above 0"},
		"half a burst":        {`{id: a, sha256: ` + hashOf("x") + `, scopes: [read], limits: {per_second: 1, burst: 1.5}}`, "must be a number above 0"},
		"a burst alone":       {`{id: a, sha256: ` + hashOf("x") + `, scopes: [read], limits: {burst: 1}}`, "burst needs per_second"},
		"a negative amount":   {`{id: a, sha256: ` + hashOf("x") + `, scopes: [read], limits: {amounts: {EUR: -1}}}`, "must be a whole number of minor units"},
		"a made-up currency":  {`{id: a, sha256: ` + hashOf("x") + `, scopes: [read], limits: {alone: {EURO: 1}}}`, "must be the code of a currency"},
		"an unknown limit":    {`{id: a, sha256: ` + hashOf("x") + `, scopes: [read], limits: {most: 1}}`, "is not known here"},
		"amounts as a number": {`{id: a, sha256: ` + hashOf("x") + `, scopes: [read], limits: {amounts: 5}}`, "must be a mapping"},
		"a public key twice":  {`{id: a, ed25519: "` + public + `", scopes: [read]}` + "\n      - " + `{id: b, ed25519: "` + public + `", scopes: [read]}`, "is the same as merchants[0].api_keys[0].ed25519"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := account.Parse("accounts.yaml", []byte(withKeys(tt.entry)), vault)
			if _, ok := errors.AsType[*account.Invalid](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), canary) {
				t.Error("the error shows a secret")
			}
		})
	}
}
