package account_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

// providers are all that an account may be at, as people are told.
func providers() string {
	var names []string
	for _, p := range payment.Providers() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// everything is wrong with this file.
const everything = `
merchants:
  - id: Demo Shop
    colour: blue
    api_keys:
      - {id: k 1, sha256: s3cret-canary, scopes: [authorise, read, read]}
      - {id: k2, sha256: E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855, scopes: []}
      - {id: k2, sha256: E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855}
    accounts:
      - name: EU
        provider: paypal
        endpoint: ftp://files.example.com/
        callback_key: s3cret-canary
        settings: [a]
        secrets: {Mac: [], mac: {id: a}, key: [{id: a, ref: "s3cret-canary"}, {id: a, ref: "env:MISSING", extra: 1}]}
      - {name: a, provider: computop, default: true, live: true, endpoint: "http://user@h/?q", callback_key: 5fVq0cTnW2rYb7Hk}
      - {name: a, provider: computop, default: true, live: true, endpoint: "http://h/", callback_key: 5fVq0cTnW2rYb7Hk}
      - {name: b, name: c, provider: computop, default: maybe, endpoint: [], settings: {x: {y: 1, y: 2}, id: 007, n: [1.10]}}
      - text
  - id: demo
  - id: demo
version: 2
`

func TestParse_ReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := account.Parse("f", []byte(everything), vault)
	if _, ok := errors.AsType[*account.Invalid](err); !ok {
		t.Fatalf("error is %T", err)
	}
	want := []string{
		"f:3: merchants[0].id: must be 1 to 32 of a-z 0-9 _ -",
		"f:4: merchants[0].colour: is not known here",
		"f:6: merchants[0].api_keys[0].id: must be 1 to 64 of A-Z a-z 0-9 _ . -",
		"f:6: merchants[0].api_keys[0].sha256: must be the SHA-256 of the key, 64 hexadecimal digits",
		"f:6: merchants[0].api_keys[0].scopes[0]: must be one of authorize, capture, refund, cancel, payout, read",
		"f:6: merchants[0].api_keys[0].scopes[2]: read is there twice",
		"f:7: merchants[0].api_keys[1].sha256: is the hash of an empty key",
		"f:7: merchants[0].api_keys[1].scopes: must not be empty",
		"f:8: merchants[0].api_keys[2].id: k2 is there twice",
		"f:8: merchants[0].api_keys[2].sha256: is the hash of an empty key",
		"f:8: merchants[0].api_keys[2].sha256: is the same as merchants[0].api_keys[1].sha256",
		"f:8: merchants[0].api_keys[2].scopes: is missing",
		"f:10: merchants[0].accounts[0].name: must be 1 to 32 of a-z 0-9 _ -",
		"f:11: merchants[0].accounts[0].provider: must be one of " + providers(),
		"f:12: merchants[0].accounts[0].endpoint: must be a URL such as https://www.example.com/",
		"f:13: merchants[0].accounts[0].callback_key: must be 16 to 64 letters and digits",
		"f:14: merchants[0].accounts[0].settings: must be a mapping",
		"f:15: merchants[0].accounts[0].secrets.Mac: the name must be 1 to 32 of a-z 0-9 _ -",
		"f:15: merchants[0].accounts[0].secrets.Mac: must not be empty",
		"f:15: merchants[0].accounts[0].secrets.mac: must be a list",
		"f:15: merchants[0].accounts[0].secrets.key[0].ref: must be file:/path or env:NAME",
		"f:15: merchants[0].accounts[0].secrets.key[1].id: a is there twice",
		"f:15: merchants[0].accounts[0].secrets.key[1].ref: variable MISSING is empty or not set",
		"f:15: merchants[0].accounts[0].secrets.key[1].extra: is not known here",
		"f:16: merchants[0].accounts[1].endpoint: must hold no user, query or fragment",
		"f:17: merchants[0].accounts[2].name: a is there twice at computop",
		"f:17: merchants[0].accounts[2].default: a is the default at computop already",
		"f:17: merchants[0].accounts[2].endpoint: must be https for a live account",
		"f:17: merchants[0].accounts[2].callback_key: is the same as merchants[0].accounts[1].callback_key",
		"f:18: merchants[0].accounts[3].name: is there twice",
		"f:18: merchants[0].accounts[3].default: must be true or false",
		"f:18: merchants[0].accounts[3].endpoint: must be text",
		"f:18: merchants[0].accounts[3].callback_key: is missing",
		"f:18: merchants[0].accounts[3].settings.x.y: is there twice",
		"f:18: merchants[0].accounts[3].settings.id: reads as the number 7: put it in quotes if it is text",
		"f:18: merchants[0].accounts[3].settings.n[0]: reads as the number 1.1: put it in quotes if it is text",
		"f:19: merchants[0].accounts[4]: must be a mapping",
		"f:21: merchants[2].id: demo is there twice",
		"f:22: version: is not known here",
	}
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Error(d)
	}
	if strings.Contains(err.Error(), canary) {
		t.Error("the error repeats a secret that stood in the wrong place")
	}
}

func TestParse_Unusable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"nothing":               {"", "f: must hold one YAML document, holds 0"},
		"two documents":         {"merchants: []\n---\nmerchants: []\n", "f: must hold one YAML document, holds 2"},
		"a list":                {"- a\n", "f:1: must be a mapping"},
		"no merchants":          {"merchants:\n", "f:1: merchants: is missing"},
		"an empty list":         {"merchants: []\n", "f:1: merchants: must not be empty"},
		"an alias":              {"merchants: &a [*a]\n", "f:1: anchors, aliases, merge keys and tags are not taken: write it out"},
		"a tag":                 {"merchants: !!str a\n", "f:1: anchors, aliases, merge keys and tags are not taken: write it out"},
		"no YAML, with a key":   {"merchants:\n  - id: [s3cret-canary\n", "f:2: is no YAML: "},
		"a tab for indentation": {"merchants:\n\t- s3cret-canary\n", "f:2: is no YAML: "},
		"an unfinished string":  {"merchants: \"s3cret-canary\n", "f:1: is no YAML: "},
		"a bad escape":          {"merchants: \"\\q s3cret-canary\"\n", "f:1: is no YAML: "},
		"a key without a colon": {"merchants:\n  - id: a\n    s3cret-canary\n    x: 1\n", "f:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := account.Parse("f", []byte(tt.text), vault)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the source: %v", err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "accounts.yaml")
	if _, err := account.Load(path, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	mustWrite(t, path, good)
	if _, err := account.Load(path, vault); err != nil {
		t.Error(err)
	}
	mustWrite(t, path, strings.Repeat("# filler\n", 1<<19))
	if _, err := account.Load(path, nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a huge file: %v", err)
	}
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add(everything)
	f.Add("a: &x [*x]")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := account.Parse("f", []byte(text), vault)
		if err != nil {
			return
		}
		for a := range b.Accounts() {
			var dst map[string]any
			_ = a.DecodeSettings(&dst) // whatever it says, it must not panic
			if got, ok := b.ByCallbackKey(a.Provider, a.CallbackKey); !ok || got != a {
				t.Errorf("%s/%s is not found by its callback key", a.Merchant, a.Name)
			}
		}
	})
}
