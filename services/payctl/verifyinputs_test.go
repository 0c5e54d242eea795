package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

func mustLines(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOffline_ReadsItsFiles(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("forged"))
	o := verifyOptions{
		journal:  mustLines(t, `{"merchant":"demo","req_id":"r","command_id":"c","payment_id":"p","body":"b"}`+"\n\n"),
		canaries: []string{mustLines(t, "\n  Wilhelmina Canary  \n")},
		forged:   mustLines(t, hex.EncodeToString(sum[:])+"\n"),
		healed:   "2031-05-06T12:00:00Z",
	}
	in, err := (&app{}).offline(settings{Metrics: "http://a/metrics,http://b/metrics", Logs: "logs"}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Journal) != 1 || in.Journal[0] != (verify.Accepted{Merchant: "demo", ReqID: "r", CommandID: "c", Payment: "p", Body: "b"}) {
		t.Errorf("journal: %+v", in.Journal)
	}
	if len(in.Canaries) != 1 || in.Canaries[0].Text != "Wilhelmina Canary" || !strings.HasSuffix(in.Canaries[0].Name, ":2") {
		t.Errorf("canaries: %+v", in.Canaries)
	}
	if !in.Forged[sum] || len(in.Metrics) != 2 || in.Logs != "logs" || !in.HealedAt.Equal(time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", in)
	}
}

func TestOffline_SaysWhichLineIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    verifyOptions
		want string
	}{
		"a journal": {verifyOptions{journal: mustLines(t, "{}\nswordfish")}, ":2: "},
		"a digest":  {verifyOptions{forged: mustLines(t, "swordfish")}, ":1: "},
		"a time":    {verifyOptions{healed: "noon"}, "--healed-at"},
		"a file":    {verifyOptions{canaries: []string{"/none"}}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := (&app{}).offline(settings{}, c.o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "swordfish") {
				t.Errorf("%v", err)
			}
		})
	}
}

// The secrets of every account are looked for, and none is shown by its name.
func TestSecretsOf(t *testing.T) {
	t.Parallel()
	book, err := account.Parse("accounts.yaml", []byte(`
merchants:
  - id: demo
    accounts:
      - name: eu
        provider: computop
        endpoint: https://paygate.example/
        callback_key: Endpoint0fTheAccount
        secrets:
          mac: [{id: "1", ref: "env:MAC"}, {id: "2", ref: "env:SHORT"}]
`), func(ref string) (conf.Secret, error) {
		if ref == "env:SHORT" {
			return "short", nil
		}
		return "the mac of the account", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := secretsOf(book)
	if len(got) != 1 || got[0].Text != "the mac of the account" || strings.Contains(got[0].Name, "the mac of the account") {
		t.Errorf("%+v", got)
	}
	if d := defaultsOf(book); d[verify.Holder{Merchant: "demo", Provider: "computop"}] != "eu" {
		t.Errorf("%+v", d)
	}
}
